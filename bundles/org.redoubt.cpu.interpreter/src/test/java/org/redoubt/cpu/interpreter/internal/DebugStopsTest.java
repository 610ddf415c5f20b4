package org.redoubt.cpu.interpreter.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;

/** Where a debugger stops a vCPU, and that the guest goes the same way with it and without. */
@Timeout(300)
final class DebugStopsTest {
  private static final String SUM =
      "31c0" // 1000 xor eax, eax
          + "b964000000" // 1002 mov ecx, 100
          + "01c8" // 1007 add eax, ecx
          + "ffc9" // 1009 dec ecx
          + "75fa" // 100b jnz 1007
          + "f4"; // 100d hlt

  private static final DebugStops STEP = new DebugStops(true, Set.of(), List.of());

  private static DebugStops breaks(long... gvas) {
    return new DebugStops(
        false, Set.copyOf(java.util.Arrays.stream(gvas).boxed().toList()), List.of());
  }

  private static DebugStops watches(long gva, long bytes, boolean reads, boolean writes) {
    return new DebugStops(
        false, Set.of(), List.of(new DebugStops.Watch(gva, bytes, reads, writes)));
  }

  private static Exit run(FlatMachine m, DebugStops stops) {
    assertTrue(m.engine.debug(stops));
    return m.engine.run(1_000_000);
  }

  private static void assertStop(long cause, long rip, FlatMachine m, Exit exit) {
    assertEquals(Exit.Kind.DEBUG, exit.kind());
    assertEquals(cause, exit.info1());
    assertEquals(rip, m.state().rip);
  }

  @Test
  void shouldStopAtABreakpointInTheMiddleOfALoopEachTime() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, SUM);
      for (int i = 0; i < 100; i++) {
        assertStop(DebugStops.BREAKPOINT, 0x1009, m, run(m, breaks(0x1009)));
        assertEquals(100 - i, m.state().gpr[1]);
        assertStop(DebugStops.BREAKPOINT, 0x1009, m, m.engine.run(1_000_000)); // not passed
        assertStop(DebugStops.STEP, 0x100b, m, run(m, STEP));
      }
      assertEquals(Exit.Kind.HALT, run(m, breaks(0x1009)).kind());
      assertEquals(5050, m.state().gpr[0]);
      assertEquals(2 + 300 + 1, m.engine.stats().instructions());
    }
  }

  @Test
  void shouldStopInBlocksThatWereDecodedBeforeTheBreakpointWasSet() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "31c0 ffc0 ffc0 ebfa"); // inc, inc, jmp 1002
      assertEquals(Exit.Kind.BUDGET, m.engine.run(1000).kind());
      assertStop(DebugStops.BREAKPOINT, 0x1004, m, run(m, breaks(0x1004)));
      assertEquals(Exit.Kind.BUDGET, run(m, DebugStops.NONE).kind());
    }
  }

  @Test
  void shouldStepThroughFaultsIntoTheirHandler() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "90 0f0b"); // nop, ud2
      assertStop(DebugStops.STEP, 0x1001, m, run(m, STEP));
      Exit exit = m.engine.run(1_000_000);
      assertStop(DebugStops.STEP, m.state().rip, m, exit);
      assertEquals(0x1001, m.get64(m.state().gpr[4])); // pushed RIP: #UD has no error code
    }
  }

  @Test
  void shouldHoldInterruptsOffWhileStepping() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "fb 90 90 90 ebfe"); // sti, nops
      assertStop(DebugStops.STEP, 0x1001, m, run(m, STEP));
      m.interrupt(0x40);
      assertStop(DebugStops.STEP, 0x1002, m, m.engine.run(1_000_000));
      assertStop(DebugStops.STEP, 0x1003, m, m.engine.run(1_000_000));
      run(m, DebugStops.NONE);
      assertEquals(1, m.engine.stats().interrupts());
    }
  }

  /** A program, a watch, and the RIP behind the first access that it sees; 0 if it sees none. */
  private record Row(String code, DebugStops stops, long rip) {}

  private static final Row[] WATCHED = {
    new Row("8b0425 00000500 90 f4", watches(0x5_0003, 1, true, false), 0x1007), // mov eax, [..]
    new Row("8b0425 00000500 90 f4", watches(0x5_0004, 4, true, true), 0),
    new Row("8b0425 00000500 90 f4", watches(0x5_0000, 4, false, true), 0),
    new Row("890425 00000500 90 f4", watches(0x5_0000, 4, false, true), 0x1007), // mov [..], eax
    new Row("890425 00000500 90 f4", watches(0x5_0000, 4, true, false), 0),
    new Row("50 90 f4", watches(FlatMachine.STACK - 8, 8, false, true), 0x1001), // push rax
    new Row("bf00000500 b910000000 f3aa 90 f4", watches(0x5_0005, 1, false, true), 0x100a), // rep
    new Row("90 90 890425 00000500 ebfe", watches(0x4_0000, 1 << 20, false, true), 0x1009),
  };

  @Test
  void shouldStopAfterAccessesThatAreWatched() throws HypervisorException {
    for (Row row : WATCHED) {
      try (FlatMachine m = new FlatMachine()) {
        m.code(0x1000, row.code);
        Exit exit = run(m, row.stops);
        if (row.rip == 0) {
          assertEquals(Exit.Kind.HALT, exit.kind(), row.toString());
        } else {
          assertEquals(DebugStops.WATCH, exit.info1(), row.toString());
          assertEquals(row.stops.watches().getFirst().gva(), exit.info2());
          assertEquals(row.rip, m.state().rip, row.toString());
        }
        assertEquals(0, m.state().dr[6] & 0xf, "the guest's own debug registers");
      }
    }
  }

  @Test
  void shouldStopInARepeatedStringAtTheIterationThatWasWatched() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "bf00000500 b910000000 f3aa f4"); // rep stosb, 16 bytes
      run(m, watches(0x5_0005, 1, false, true));
      assertEquals(10, m.state().gpr[1]);
      assertEquals(Exit.Kind.HALT, m.engine.run(1_000_000).kind());
    }
  }
}
