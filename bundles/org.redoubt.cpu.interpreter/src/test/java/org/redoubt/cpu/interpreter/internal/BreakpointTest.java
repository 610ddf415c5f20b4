package org.redoubt.cpu.interpreter.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Exit;

/** Hardware breakpoints on whatever an instruction touches, also without naming it. */
@Timeout(300)
final class BreakpointTest {
  private static final long STACK = FlatMachine.STACK;
  private static final int WRITE = 1;
  private static final int PORT = 2;
  private static final int READ_WRITE = 3;

  /**
   * A program, where DR0 points, what it watches, and where the trap is taken: the offset in the
   * program, or -1 if there is none before HLT.
   */
  private record Row(String code, long address, int kind, int bytes, int trapAfter) {}

  private static final Row[] ROWS = {
    // Explicit operands; the width matters.
    new Row("8b0425 00000500 90 f4", 0x5_0003, READ_WRITE, 1, 7), // mov eax, [50000h]
    new Row("8b0425 00000500 90 f4", 0x5_0004, READ_WRITE, 1, -1),
    new Row("8b0425 00000500 90 f4", 0x5_0000, WRITE, 4, -1),
    new Row("48ff0425 00000500 90 f4", 0x5_0000, WRITE, 8, 8), // inc qword [50000h]
    new Row("f0480fc10425 00000500 90 f4", 0x5_0006, WRITE, 2, 10), // lock xadd
    // The stack.
    new Row("50 90 f4", STACK - 8, WRITE, 8, 1), // push rax
    new Row("50 90 f4", STACK - 16, WRITE, 8, -1),
    new Row("58 90 f4", STACK, READ_WRITE, 1, 1), // pop rax
    new Row("58 90 f4", STACK, WRITE, 1, -1),
    new Row("e801000000 f4 90 f4", STACK - 8, WRITE, 8, 6), // call +1
    new Row("c8100000 90 f4", STACK - 8, WRITE, 8, 4), // enter 16, 0
    new Row("9c 90 f4", STACK - 4, WRITE, 1, 1), // pushf
    // Strings: after the iteration that hit.
    new Row("bf00000500 aa 90 f4", 0x5_0000, WRITE, 1, 6), // stosb
    new Row("bf00000500 b910000000 f3aa 90 f4", 0x5_0005, WRITE, 1, 10), // rep stosb
    new Row("be00000500 b910000000 f3ac 90 f4", 0x5_000f, READ_WRITE, 1, 12), // rep lodsb, the last
    new Row("be00000500 bf00000600 b910000000 f3a4 90 f4", 0x6_0003, WRITE, 1, 15), // rep movsb
    new Row("bb00000500 30c0 d7 90 f4", 0x5_0000, READ_WRITE, 1, 8), // xlat
    // Ports, with CR4.DE.
    new Row("e680 90 f4", 0x80, PORT, 1, 2), // out 80h, al
    new Row("e581 90 f4", 0x84, PORT, 4, 2), // in eax, 81h
    new Row("e681 90 f4", 0x80, PORT, 1, -1),
  };

  @Test
  void shouldTrapAfterWhateverTouchesTheAddress() throws HypervisorException {
    for (Row row : ROWS) {
      try (FlatMachine m = new FlatMachine()) {
        m.code(0x1000, row.code);
        CpuState s = m.longMode();
        s.cr4 |= 8;
        s.dr[0] = row.address;
        int length = row.bytes == 8 ? 2 : row.bytes - 1;
        s.dr[7] = 0x401 | (long) row.kind << 16 | (long) length << 18;
        m.engine.importState(s);
        assertEquals(Exit.Kind.HALT, m.engine.run(1_000_000).kind(), row.toString());
        CpuState after = m.state();
        boolean trapped = after.rip == FlatMachine.IDT + 0x2000 + 16 + 1;
        assertEquals(row.trapAfter, trapped ? m.get64(after.gpr[4]) - 0x1000 : -1, row.toString());
        assertEquals(trapped ? 1 : 0, after.dr[6] & 0xe00f, row.toString());
      }
    }
  }

  @Test
  void shouldTrapAfterEachIterationOfAStringWhenSingleStepping() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "f3aa 90 f4"); // rep stosb
      CpuState s = m.longMode();
      s.gpr[1] = 5;
      s.gpr[7] = 0x5_0000;
      s.rflags |= 0x100;
      m.engine.importState(s);
      assertEquals(Exit.Kind.HALT, m.engine.run(1_000_000).kind());
      CpuState after = m.state();
      assertEquals(4, after.gpr[1]);
      assertEquals(0x1000, m.get64(after.gpr[4]));
    }
  }
}
