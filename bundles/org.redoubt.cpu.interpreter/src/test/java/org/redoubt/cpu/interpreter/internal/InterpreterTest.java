package org.redoubt.cpu.interpreter.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Exit;

@Timeout(300)
final class InterpreterTest {
  private static final String SUM =
      "31c0" // xor eax, eax
          + "b964000000" // mov ecx, 100
          + "01c8" // add eax, ecx
          + "ffc9" // dec ecx
          + "75fa" // jnz -6
          + "f4"; // hlt

  private static Exit.Kind run(FlatMachine m) {
    return m.engine.run(1_000_000).kind();
  }

  @Test
  void shouldRunALoopToHlt() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, SUM);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState s = m.state();
      assertEquals(5050, s.gpr[0]);
      assertEquals(0x100e, s.rip);
      assertEquals(2 + 300 + 1, m.engine.stats().instructions());
      assertTrue(s.halted);
    }
  }

  @Test
  void shouldReachTheSameStateWhenPausedAtEveryInstruction() throws HypervisorException {
    try (FlatMachine whole = new FlatMachine();
        FlatMachine paused = new FlatMachine()) {
      whole.code(0x1000, SUM);
      paused.code(0x1000, SUM);
      run(whole);
      while (paused.engine.run(1).kind() != Exit.Kind.HALT) {
        CpuState s = paused.state();
        paused.engine.importState(s);
      }
      assertSame(whole.state(), paused.state());
    }
  }

  private static void assertSame(CpuState expected, CpuState actual) {
    assertArrayEquals(expected.gpr, actual.gpr);
    assertEquals(expected.rip, actual.rip);
    assertEquals(expected.rflags, actual.rflags);
  }

  @Test
  void shouldStopWhenAsked() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "ebfe");
      m.engine.requestStop();
      assertEquals(Exit.Kind.STOPPED, m.engine.run(Long.MAX_VALUE).kind());
      assertEquals(Exit.Kind.BUDGET, m.engine.run(1000).kind());
      assertEquals(0x1000, m.state().rip);
    }
  }

  @Test
  void shouldExecuteNewBytesWhenABlockChangesItself() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      // mov byte [100Ch], 2: the immediate of the mov after the next instruction, same block.
      m.code(0x1000, "c604250c10000002 90 90 90 b801000000 f4");
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(2, m.state().gpr[0]);
    }
  }

  @Test
  void shouldExecuteNewBytesWhenAnotherBlockWasChanged() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x3000, "b801000000c3"); // mov eax, 1; ret
      m.code(
          0x1000,
          "e8fb1f0000" // call 3000h
              + "89c3" // mov ebx, eax
              + "c604250130000007" // mov byte [3001h], 7
              + "e8ec1f0000" // call 3000h
              + "f4");
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(1, m.state().gpr[3]);
      assertEquals(7, m.state().gpr[0]);
    }
  }

  @Test
  void shouldExecuteAnInstructionThatCrossesPages() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1ffd, "b878563412" + "f4"); // mov eax, 12345678h over the edge of 2000h
      m.code(0x1000, "e9f80f0000"); // jmp 1ffdh
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(0x1234_5678, m.state().gpr[0]);
      m.code(0x2000, "aa"); // behind the engine's back: the bytes are compared each time
      CpuState s = m.longMode();
      m.engine.importState(s);
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(0x12aa_5678, m.state().gpr[0]);
    }
  }

  @Test
  void shouldNotRunAnotherProcessCodeBehindAnInstructionThatCrossesPages()
      throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x2002, "be01000000" + "e9f4efffff"); // mov esi, 1; jmp 1000h
      m.code(0x1000, "b800000100" + "0f22d8" + "e9f00f0000"); // mov cr3, 10000h; jmp 1ffdh
      m.code(0x1ffd, "bb7856"); // mov ebx, 12345678h, its end in the next page
      m.moved.put(0x2000L, 0x5000L);
      m.code(0x5000, "3412" + "be02000000" + "f4"); // mov esi, 2; hlt
      CpuState s = m.longMode();
      s.rip = 0x2002;
      m.engine.importState(s);
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(0x1234_5678, m.state().gpr[3]);
      assertEquals(2, m.state().gpr[6]);
    }
  }

  @Test
  void shouldDeliverAPageFaultAtTheInstructionThatFaulted() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.absent.add(0x40000L);
      m.code(
          0x1000,
          "b801000000" // mov eax, 1
              + "83c005" // add eax, 5
              + "890425 08000400" // mov [40008h], eax
              + "b807000000 f4");
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState s = m.state();
      assertEquals(6, s.gpr[0]);
      assertEquals(0x40008, s.cr2);
      assertEquals(FlatMachine.IDT + 0x2000 + 14 * 16 + 1, s.rip);
      assertEquals(2, m.get64(s.gpr[4]), "error code: write");
      assertEquals(0x1008, m.get64(s.gpr[4] + 8), "RIP");
      assertEquals(FlatMachine.CODE, m.get64(s.gpr[4] + 16));
      assertEquals(FlatMachine.STACK, m.get64(s.gpr[4] + 32));
    }
  }

  @Test
  void shouldMakeADoubleFaultThenATripleFaultWhenHandlersCannotBeReached()
      throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "0f0b"); // ud2
      CpuState s = m.longMode();
      s.idtLimit = 0;
      m.engine.importState(s);
      assertEquals(Exit.Kind.SHUTDOWN, run(m));
      assertEquals(0x1000, m.state().rip);
    }
  }

  @Test
  void shouldNameTheUnsupportedInstructionThatAGuestDiedOf() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "90 0faa"); // nop; rsm
      CpuState s = m.longMode();
      s.idtLimit = 0;
      m.engine.importState(s);
      Exit exit = m.engine.run(1000);
      assertEquals(Exit.Kind.SHUTDOWN, exit.kind());
      assertEquals("Triple fault, the last unsupported instruction was RSM at 1001", exit.detail());
      assertEquals(1, m.engine.stats().exits().get("unsupported RSM"));
    }
  }

  @Test
  void shouldHoldInterruptsOffForOneInstructionAfterSti() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "fb" + "b805000000" + "b806000000" + "f4"); // sti; mov eax, 5; mov eax, 6
      m.interrupt(0x30);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState s = m.state();
      assertEquals(FlatMachine.IDT + 0x2000 + 0x30 * 16 + 1, s.rip);
      assertEquals(0x1006, m.get64(s.gpr[4]), "after the instruction behind STI");
      assertEquals(5, s.gpr[0]);
    }
  }

  @Test
  void shouldWakeFromHltByAnInterrupt() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "fb f4"); // sti; hlt
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(0x1002, m.state().rip);
      m.interrupt(0x31);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState s = m.state();
      assertEquals(FlatMachine.IDT + 0x2000 + 0x31 * 16 + 1, s.rip);
      assertEquals(0x1002, m.get64(s.gpr[4]));
    }
  }

  @Test
  void shouldTrapAfterEachInstructionWhenSingleStepping() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "b805000000 90 f4");
      CpuState s = m.longMode();
      s.rflags |= 0x100;
      m.engine.importState(s);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState after = m.state();
      assertEquals(FlatMachine.IDT + 0x2000 + 16 + 1, after.rip);
      assertEquals(0x1005, m.get64(after.gpr[4]));
      assertEquals(0x4000, after.dr[6] & 0xe00f);
    }
  }

  @Test
  void shouldTrapAfterAWriteToAWatchedAddress() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      m.code(0x1000, "8a042500000500 880425 04000500 90 f4"); // mov al, [50000h]; mov [50004h], al
      CpuState s = m.longMode();
      s.dr[1] = 0x50004;
      s.dr[7] = 0x400 | 4 | 0xd << 20; // DR1: write, four bytes
      m.engine.importState(s);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState after = m.state();
      assertEquals(0x100e, m.get64(after.gpr[4]));
      assertEquals(2, after.dr[6] & 15);
    }
  }

  @Test
  void shouldFlushTheLineFromTheSocCache() throws HypervisorException {
    try (FlatMachine m = new FlatMachine()) {
      // clflush [50047h]; clflushopt [60000h]; clflush [40000h], which is absent
      m.code(0x1000, "0fae3c2547000500 660fae3c2500000600 0fae3c2500000400 f4");
      m.absent.add(0x4_0000L);
      m.engine.importState(m.longMode());
      assertEquals(Exit.Kind.HALT, run(m));
      assertEquals(java.util.Set.of(0x5_0040L, 0x6_0000L), m.flushed);
      assertEquals(0x4_0000, m.state().cr2);
    }
  }

  @Test
  void shouldCheckAlignmentInUserModeOnly() throws HypervisorException {
    for (int cpl : new int[] {0, 3}) {
      try (FlatMachine m = new FlatMachine()) {
        m.code(0x1000, "8b042504000500 8b042502000500 f4"); // mov eax, [50004h]; [50002h]
        CpuState s = m.longMode();
        s.cr0 |= 1 << 18;
        s.rflags |= 1 << 18;
        s.attributes[CpuState.CS] |= cpl << 5;
        s.attributes[CpuState.SS] |= cpl << 5;
        s.base[CpuState.TR] = 0x5_8000;
        m.put64(0x5_8004, 0x1_8000);
        m.engine.importState(s);
        assertEquals(Exit.Kind.HALT, run(m));
        CpuState after = m.state();
        boolean checked = after.rip == FlatMachine.IDT + 0x2000 + 17 * 16 + 1;
        assertEquals(cpl == 3, checked);
        if (checked) {
          assertEquals(0, m.get64(after.gpr[4]));
          assertEquals(0x1007, m.get64(after.gpr[4] + 8));
        }
      }
    }
  }

  @Test
  void shouldCopyBothWaysAsByteByByteWould() throws HypervisorException {
    Random random = new Random(3);
    for (int n = 0; n < 60; n++) {
      boolean down = random.nextBoolean();
      int width = 1 << random.nextInt(4);
      int count = random.nextInt(2000);
      long from = 0x50000 + random.nextInt(3000);
      long to =
          random.nextBoolean() ? from + random.nextInt(5000) - 2500 : 0x60000 + random.nextInt(99);
      try (FlatMachine m = new FlatMachine()) {
        for (int i = 0x40000; i < 0x80000; i++) {
          m.memory.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
        }
        byte[] expected = m.memory.toArray(ValueLayout.JAVA_BYTE);
        int step = down ? -width : width;
        for (int i = 0; i < count; i++) {
          int at = (int) from + i * step;
          byte[] element = Arrays.copyOfRange(expected, at, at + width);
          System.arraycopy(element, 0, expected, (int) to + i * step, width);
        }
        String op = width == 1 ? "f3a4" : width == 2 ? "f366a5" : width == 4 ? "f3a5" : "f348a5";
        m.code(0x1000, (down ? "fd" : "fc") + op + "f4");
        System.arraycopy(
            m.memory.asSlice(0x1000, 16).toArray(ValueLayout.JAVA_BYTE), 0, expected, 0x1000, 16);
        CpuState s = m.longMode();
        s.gpr[6] = from;
        s.gpr[7] = to;
        s.gpr[1] = count;
        m.engine.importState(s);
        assertEquals(Exit.Kind.HALT, run(m));
        assertEquals(0, m.state().gpr[1]);
        assertEquals(from + (long) count * step, m.state().gpr[6]);
        byte[] actual = m.memory.toArray(ValueLayout.JAVA_BYTE);
        assertArrayEquals(
            Arrays.copyOfRange(expected, 0x40000, 0x80000),
            Arrays.copyOfRange(actual, 0x40000, 0x80000));
      }
    }
  }

  /**
   * Random arithmetic as blocks (node classes, dropped flags, fused pairs) and one instruction at a
   * time (an armed breakpoint forces that) must agree.
   */
  @Test
  void shouldGiveTheSameStateByNodesAndByMeanings() throws HypervisorException {
    Random random = new Random(11);
    for (int n = 0; n < 300; n++) {
      byte[] program = RandomCode.arithmetic(random, 40);
      try (FlatMachine blocks = new FlatMachine();
          FlatMachine steps = new FlatMachine()) {
        String hex = java.util.HexFormat.of().formatHex(program);
        CpuState s = blocks.longMode();
        for (int i = 0; i < 16; i++) {
          s.gpr[i] = i == 4 ? FlatMachine.STACK : random.nextLong() >> random.nextInt(64);
        }
        s.gpr[5] = 0x50000;
        s.rflags = 2 | random.nextInt() & 0x8d5;
        for (FlatMachine m : new FlatMachine[] {blocks, steps}) {
          m.code(0x1000, hex);
          for (int i = 0; i < 256; i += 8) {
            m.put64(0x50000 + i, 0x0123_4567_89ab_cdefL * (i + 1));
          }
        }
        blocks.engine.importState(s);
        s.dr[0] = 0x7_0000;
        s.dr[7] = 0x401;
        steps.longMode();
        steps.engine.importState(s);
        assertEquals(Exit.Kind.HALT, run(blocks));
        assertEquals(Exit.Kind.HALT, run(steps));
        assertSame(steps.state(), blocks.state());
        for (int i = 0; i < 256; i += 8) {
          assertEquals(steps.get64(0x50000 + i), blocks.get64(0x50000 + i));
        }
      }
    }
  }

  /**
   * What compilers make of a multiplication of big numbers, and other sequences that are joined.
   */
  private static final String JOINED =
      "4963c04c29e0488b0cc3488d3cc5000000004889ca89c948c1ea204889c8490fafc14989d54d0faf"
          + "e9490fafca490fafd24989c689c049c1ee204c01e94c01f14989d64801ea4c39e94989cd490f43d6"
          + "4801f049c1e5204c01e84839f0400f92c64c01df48c1e9204c8b2f400fb6f64929c54811ce4c892f"
          + "4801d64183c0010f857bffffff4963d04c01ca4989ce4989d7400fb6ce48030b4811d148894b080f"
          + "b60384c0780349ffc10fb6430385c0740349ffc2488b034885c0750349ffc348833b05740349ffc4"
          + "483b0b750349ffc5f60303740349ffc6f70303000000750349ffc748837b0810750349ffc74d89f7"
          + "e801000000f4488d2424c3";

  @Test
  void shouldGiveTheSameStateByJoinedNodes() throws HypervisorException {
    Random random = new Random(12);
    for (int n = 0; n < 200; n++) {
      try (FlatMachine blocks = new FlatMachine();
          FlatMachine steps = new FlatMachine()) {
        CpuState s = blocks.longMode();
        for (int i = 0; i < 16; i++) {
          s.gpr[i] = i == 4 ? FlatMachine.STACK : random.nextLong() >> random.nextInt(64);
        }
        s.gpr[8] = -20;
        s.gpr[12] = -30;
        s.gpr[3] = 0x5_0000;
        s.gpr[11] = 0x5_0000;
        if (n % 20 == 0) {
          s.gpr[11] = 0x8_0000 - 8 * (15 + n / 20); // the next page is absent
        }
        long[] data = random.longs(64).toArray();
        data[0] = random.nextBoolean() ? data[0] & 0xff : 5;
        for (FlatMachine m : new FlatMachine[] {blocks, steps}) {
          m.code(0x1000, JOINED);
          m.absent.add(0x8_0000L);
          for (int i = 0; i < 64; i++) {
            m.put64(0x5_0000 + 8 * i, data[i]);
          }
        }
        blocks.engine.importState(s);
        s.dr[0] = 0x7_0000;
        s.dr[7] = 0x401;
        steps.longMode();
        steps.engine.importState(s);
        assertEquals(Exit.Kind.HALT, run(blocks));
        assertEquals(Exit.Kind.HALT, run(steps));
        assertSame(steps.state(), blocks.state());
        assertEquals(steps.engine.stats().instructions(), blocks.engine.stats().instructions());
        for (long at = 0x5_0000; at < 0x5_0400; at += 8) {
          assertEquals(steps.get64(at), blocks.get64(at));
        }
        for (long at = FlatMachine.STACK - 64; at < FlatMachine.STACK; at += 8) {
          assertEquals(steps.get64(at), blocks.get64(at));
        }
      }
    }
  }

  /** Whatever bytes a guest runs, in whatever mode: an exit, never an exception of ours. */
  @Test
  void shouldSurviveRandomCode() throws HypervisorException {
    long seed = Long.getLong("interpreter.seed", System.nanoTime());
    Random random = new Random(seed);
    byte[] code = new byte[256];
    try (FlatMachine m = new FlatMachine()) {
      for (int n = 0; n < 20_000; n++) {
        random.nextBytes(code);
        CpuState s = anyMode(m, random);
        m.code(0x1000, code);
        m.engine.importState(s);
        try {
          m.engine.run(300);
        } catch (RuntimeException e) {
          throw new AssertionError("seed " + seed + ", program " + n, e);
        }
      }
    }
  }

  private static CpuState anyMode(FlatMachine m, Random random) {
    CpuState s = m.longMode();
    int mode = random.nextInt(4);
    if (mode > 0) {
      s.attributes[CpuState.CS] = mode == 1 ? 0xc9b : 0x89b;
    }
    if (mode == 3) {
      s.cr0 = 0x10;
      s.msr.put(0xc000_0080, 0L);
    }
    for (int i = 0; i < 16; i++) {
      s.gpr[i] = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(FlatMachine.BYTES);
    }
    s.rflags = 2 | random.nextInt() & 0x244cd5;
    return s;
  }

  @Test
  void shouldStartAtTheSipiVectorAfterInit() throws HypervisorException {
    try (FlatMachine m = new FlatMachine(1)) {
      m.code(0x7000, "8cc8 89c3 f4"); // mov ax, cs; mov bx, ax; hlt
      m.signal().init();
      assertEquals(Exit.Kind.INIT, run(m));
      m.signal().startup(7);
      assertEquals(Exit.Kind.HALT, run(m));
      CpuState s = m.state();
      assertEquals(0x700, s.gpr[3]);
      assertEquals(0x700, s.selector[CpuState.CS]);
      assertEquals(5, s.rip);
      assertEquals(0, s.cr0 & 1);
    }
  }
}
