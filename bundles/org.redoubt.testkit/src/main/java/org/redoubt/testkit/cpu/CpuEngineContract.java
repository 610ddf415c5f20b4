package org.redoubt.testkit.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.spec.x86.Msr;
import org.redoubt.spec.x86.Rflags;

/**
 * The exam of a {@link CpuEngine}: extend it, supply the factory. It runs small programs on the
 * first of the factory's models, over a memory system and an MMU of its own, and compares
 * registers, flags and memory with what an x86 processor left.
 *
 * <p>What a vendor must implement: {@link CpuEngine#run} from the state that was imported until an
 * {@link Exit}, with the memory port entered and left; precise faults with error codes and CR2;
 * interrupts, NMI, INIT and SIPI as {@link org.redoubt.api.device.VcpuSignal} announces them;
 * ports, MMIO, MSRs, CPUID and hypercalls over {@link org.redoubt.api.cpu.CpuBus}; {@link
 * CpuEngine#requestStop} and safepoints from other threads; code that changes under it; locked
 * instructions that are atomic between vCPUs, wherever their operands are; {@link CpuEngine#debug}
 * and {@link CpuEngine#countExactly}, or the answer that it cannot; {@link CpuEngine#exportState}
 * and {@link CpuEngine#importState} without loss.
 */
@Timeout(300)
public abstract class CpuEngineContract {
  private static final long DATA = 0x30_0000;

  /** How often two vCPUs try to come between each other's steps, and for how long at most. */
  private static final int TURNS = 3000;

  private static final long MOST_TURNS_NANOS = 2_000_000_000L;

  private final List<ModelVcpu> open = new ArrayList<>();

  @SuppressWarnings("NullAway.Init") // set before each test
  private ModelSystem system;

  @SuppressWarnings("NullAway.Init") // set before each test
  private ModelVcpu vcpu;

  /** Makes the factory under test; called once per test or more often. */
  protected abstract CpuEngineFactory factory();

  /** How long an engine may take to do what another thread waits for. */
  protected Duration patience() {
    return Duration.ofSeconds(60);
  }

  @BeforeEach
  final void makeVcpu() throws HypervisorException {
    system = new ModelSystem(ModelVcpu.RAM_BYTES);
    vcpu = vcpu(0, 0);
    vcpu.boot();
  }

  private ModelVcpu vcpu(int index, int asid) throws HypervisorException {
    ModelVcpu made = new ModelVcpu(factory(), system, index, asid);
    open.add(made);
    return made;
  }

  @AfterEach
  final void closeVcpus() {
    open.forEach(made -> made.engine.requestStop()); // of a run that a test gave up, if any
    open.forEach(ModelVcpu::close);
    open.clear();
  }

  /** Runs a program from {@link ModelVcpu#CODE} to its HLT. */
  private CpuState runToHlt(String hex) {
    vcpu.code(ModelVcpu.CODE, hex);
    assertEquals(Exit.Kind.HALT, vcpu.run().kind());
    return vcpu.state();
  }

  private static void assertRegister(long expected, long actual, String what) {
    assertEquals(Long.toHexString(expected), Long.toHexString(actual), what);
  }

  // Making

  @Test
  final void shouldRefuseAModelItDoesNotHave() {
    CpuEngineFactory factory = factory();
    assertFalse(factory.models().isEmpty(), "no model");
    CpuConfig given =
        new CpuConfig(
            0,
            "no-such-model",
            system,
            ModelMmu::new,
            org.redoubt.api.cpu.NestedPaging.OFF,
            0,
            0,
            vcpu,
            (org.redoubt.api.device.LocalApic)
                java.lang.reflect.Proxy.newProxyInstance(
                    getClass().getClassLoader(),
                    new Class<?>[] {org.redoubt.api.device.LocalApic.class},
                    (proxy, method, arguments) -> 0));
    HypervisorException refusal =
        assertThrows(HypervisorException.class, () -> factory.create(given).close());
    assertTrue(
        String.valueOf(refusal.getMessage()).contains(factory.models().getFirst()),
        () -> "the refusal does not say which models there are: " + refusal);
  }

  @Test
  final void shouldBeginWhereAProcessorDoesAfterReset() throws HypervisorException {
    CpuState s = vcpu(0, 0).state();
    assertRegister(0xfff0, s.rip, "RIP");
    assertRegister(0xf000, s.selector[CpuState.CS], "CS");
    assertRegister(0xffff_0000L, s.base[CpuState.CS], "CS base");
    assertRegister(0x6000_0010L, s.cr0, "CR0");
    assertRegister(2, s.rflags, "RFLAGS");
  }

  @Test
  final void shouldDetachFromMemoryWhenClosed() throws HypervisorException {
    int before = system.attached();
    ModelVcpu other = vcpu(1, 0);
    assertEquals(before + 1, system.attached());
    other.close();
    open.remove(other);
    assertEquals(before, system.attached(), "ports attached after close()");
  }

  // Instructions

  @Test
  final void shouldComputeAsAProcessorDoes() {
    for (CpuVectors.Row row : CpuVectors.ROWS) {
      vcpu.engine.importState(vcpu.longMode());
      CpuState s = runToHlt(row.hex() + "f4");
      assertRegister(row.rax(), s.gpr[0], row.program() + ": RAX");
      assertRegister(row.rbx(), s.gpr[3], row.program() + ": RBX");
      assertRegister(row.rdx(), s.gpr[2], row.program() + ": RDX");
      assertRegister(row.flags(), s.rflags & row.defined(), row.program() + ": flags");
      assertRegister(
          ModelVcpu.CODE + row.hex().length() / 2 + 1, s.rip, row.program() + ": RIP, behind HLT");
      assertTrue(s.halted, () -> row.program() + ": not in HLT");
    }
  }

  @Test
  final void shouldMoveStringsAsByteByByteWould() {
    for (CpuVectors.Strings row : CpuVectors.STRINGS) {
      byte[] area = new byte[0x4000];
      new Random(1).nextBytes(area);
      Arrays.fill(area, 0x1000, 0x1100, (byte) 1);
      vcpu.memory.write(DATA, MemorySegment.ofArray(area));
      switch (row.program()) {
        case "rep movsb over three pages" -> System.arraycopy(area, 0x1000, area, 0x2ff0, 4096);
        case "rep movsq, down" -> System.arraycopy(area, 0x1000, area, 0x2000, 4096);
        case "rep stosq" -> {
          for (int i = 0; i < 8000; i++) {
            area[0x2008 + i] = (byte) (8 - i % 8);
          }
        }
        default -> {}
      }
      vcpu.engine.importState(vcpu.longMode());
      CpuState s = runToHlt(row.hex());
      assertRegister(row.rsi(), s.gpr[6], row.program() + ": RSI");
      assertRegister(row.rdi(), s.gpr[7], row.program() + ": RDI");
      assertRegister(row.rcx(), s.gpr[1], row.program() + ": RCX");
      byte[] now = new byte[0x4000];
      vcpu.memory.read(DATA, MemorySegment.ofArray(now));
      assertArrayEquals(area, now, row.program());
    }
  }

  @Test
  final void shouldGoFromRealModeTo64BitMode() {
    // cli; lgdt; CR0.PE; far jump to 32 bits; CR4, CR3, EFER.LME, CR0.PG; far jump to 64 bits
    vcpu.code(
        0x7000,
        "fa0f01166b700f20c06683c8010f22c066ea18700000180066b810008ed88ec08ed0bb33333333b820060000"
            + "0f22e0b8000001000f22d8b9800000c00f320d000100000f300f20c00d000000800f22c0ea5770000008"
            + "0048c7c40000020048b888776655443322115059f41f0000900000");
    CpuState s = new CpuState();
    s.cr0 = 0x10;
    for (int i = 0; i < 6; i++) {
      s.limit[i] = 0xffff;
      s.attributes[i] = i == CpuState.CS ? 0x9b : 0x93;
    }
    s.attributes[CpuState.LDTR] = 0x82;
    s.attributes[CpuState.TR] = 0x8b;
    s.msr.put(Msr.EFER, 0L);
    s.rip = 0x7000;
    vcpu.engine.importState(s);
    Exit exit = vcpu.run();
    assertEquals(Exit.Kind.HALT, exit.kind(), exit::toString);
    CpuState after = vcpu.state();
    assertRegister(0x33333333, after.gpr[3], "EBX, loaded in protected mode");
    assertRegister(0x1122334455667788L, after.gpr[1], "RCX, popped in 64-bit mode");
    assertRegister(0x8000_0011L, after.cr0, "CR0");
    assertRegister(0x500, after.msr.getOrDefault(Msr.EFER, 0L), "EFER");
    assertEquals(0x200, after.attributes[CpuState.CS] & 0x600, "CS.L without CS.D");
  }

  // Faults and interrupts

  @Test
  final void shouldDeliverFaultsPrecisely() {
    for (CpuVectors.Fault row : CpuVectors.FAULTS) {
      CpuState s = vcpu.longMode();
      s.attributes[CpuState.CS] |= row.cpl() << 5;
      s.attributes[CpuState.SS] |= row.cpl() << 5;
      s.selector[CpuState.CS] |= row.cpl();
      s.selector[CpuState.SS] |= row.cpl();
      s.gpr[0] = 0x1111;
      vcpu.engine.importState(s);
      vcpu.code(ModelVcpu.CODE, row.hex() + "90f4");
      assertEquals(Exit.Kind.HALT, vcpu.run().kind(), row.what());
      CpuState after = vcpu.state();
      assertRegister(
          ModelVcpu.HANDLERS + 16L * row.vector() + 1, after.rip, row.what() + ": handler");
      long frame = after.gpr[4];
      if (row.error() != CpuVectors.NO_ERROR) {
        assertRegister(row.error(), vcpu.memory.getLong(frame), row.what() + ": error code");
        frame += 8;
      }
      long rip = row.at() < 0 ? row.cr2() : ModelVcpu.CODE + row.at();
      assertRegister(rip, vcpu.memory.getLong(frame), row.what() + ": RIP on the stack");
      assertRegister(row.cr2(), after.cr2, row.what() + ": CR2");
      assertRegister(ModelVcpu.STACK, vcpu.memory.getLong(frame + 24), row.what() + ": RSP");
      assertEquals(0, after.attributes[CpuState.SS] >> 5 & 3 & row.cpl(), row.what() + ": CPL");
    }
  }

  @Test
  final void shouldShutDownOnATripleFault() {
    CpuState s = vcpu.longMode();
    s.idtLimit = 0;
    vcpu.engine.importState(s);
    vcpu.code(ModelVcpu.CODE, "900f0b");
    assertEquals(Exit.Kind.SHUTDOWN, vcpu.run().kind());
    assertRegister(ModelVcpu.CODE + 1, vcpu.state().rip, "RIP, at the first fault");
  }

  @Test
  final void shouldTakeAnInterruptAfterTheInstructionBehindSti() {
    vcpu.interrupt(0x30);
    CpuState s = runToHlt("fbb805000000b806000000f4"); // sti; mov eax, 5; mov eax, 6
    assertRegister(ModelVcpu.HANDLERS + 0x301, s.rip, "handler");
    assertRegister(5, s.gpr[0], "RAX");
    assertRegister(ModelVcpu.CODE + 6, vcpu.memory.getLong(s.gpr[4]), "RIP on the stack");
    assertEquals(0, s.rflags & Rflags.IF, "IF in the handler");
  }

  @Test
  final void shouldWakeFromHltByAnInterruptAndNotWithoutIf() {
    CpuState first = runToHlt("fbf4"); // sti; hlt
    assertRegister(ModelVcpu.CODE + 2, first.rip, "RIP");
    assertEquals(Exit.Kind.HALT, vcpu.run().kind(), "nothing happened");
    vcpu.interrupt(0x31);
    assertEquals(Exit.Kind.HALT, vcpu.run().kind());
    assertRegister(ModelVcpu.HANDLERS + 0x311, vcpu.state().rip, "handler");
    vcpu.interrupt(0x32);
    assertEquals(Exit.Kind.HALT, vcpu.run().kind());
    assertRegister(ModelVcpu.HANDLERS + 0x311, vcpu.state().rip, "IF is clear: it waits");
    vcpu.nmi();
    assertEquals(Exit.Kind.HALT, vcpu.run().kind());
    assertRegister(ModelVcpu.HANDLERS + 0x21, vcpu.state().rip, "NMI needs no IF");
  }

  @Test
  final void shouldWaitForSipi() throws HypervisorException {
    ModelVcpu other = vcpu(1, 0);
    assertEquals(Exit.Kind.INIT, other.engine.run(1000).kind());
    vcpu.code(0x7000, "8cc8f4"); // mov ax, cs; hlt
    other.signal().startup(7);
    assertEquals(Exit.Kind.HALT, other.run().kind());
    CpuState s = other.state();
    assertRegister(0x700, s.gpr[0] & 0xffff, "AX");
    assertRegister(3, s.rip, "RIP");
    other.signal().init();
    assertEquals(Exit.Kind.INIT, other.engine.run(1000).kind());
  }

  // The bus

  @Test
  final void shouldReachPorts() {
    CpuState s = runToHlt("66ba1005b012ee66b8563466efb8debc9a78efe46089c366e56089c1e560f4");
    assertEquals(
        List.of(
            "out 510 1 12",
            "out 510 2 3456",
            "out 510 4 789abcde",
            "in 60 1",
            "in 60 2",
            "in 60 4"),
        vcpu.bus);
    assertRegister(0x789a_bc5aL, s.gpr[3], "EBX: AL alone was read");
    assertRegister(0x789a_5a5bL, s.gpr[1], "ECX: AX alone was read");
    assertRegister(0x5a5b_5c5dL, s.gpr[0], "EAX");
  }

  @Test
  final void shouldReachMmio() {
    CpuState s =
        runToHlt("b84433221189042510004000c6042521004000558b1c25200040000fb70c2512004000f4");
    assertEquals(
        List.of(
            "write fe000010 4 11223344",
            "write fe000021 1 55",
            "read fe000020 4",
            "read fe000012 2"),
        vcpu.bus);
    assertRegister(0xa5a6_a7a8L, s.gpr[3], "EBX");
    assertRegister(0xa5a6, s.gpr[1], "ECX");
  }

  @Test
  final void shouldReachMsrsLeavesAndTheHypervisor() {
    CpuState s = runToHlt("b934120000ba01000000b8020000000f300f32f4"); // wrmsr; rdmsr
    assertEquals(List.of("wrmsr 100000002"), vcpu.bus);
    assertRegister(9, s.gpr[0], "EAX");
    assertRegister(7, s.gpr[2], "EDX");
    vcpu.engine.importState(vcpu.longMode());
    s = runToHlt("b8000000400fa2f4"); // cpuid
    assertEquals(List.of(1L, 2L, 3L, 4L), List.of(s.gpr[0], s.gpr[3], s.gpr[1], s.gpr[2]), "CPUID");
    vcpu.bus.clear();
    vcpu.engine.importState(vcpu.longMode());
    s = runToHlt("b805000000bb01000000b902000000ba03000000be040000000f01d9f4"); // vmmcall
    assertEquals(List.of("hypercall 5 [1, 2, 3, 4]"), vcpu.bus);
    assertEquals(77, s.gpr[0], "RAX");
  }

  // Code and translations that change

  @Test
  final void shouldExecuteWhatACodePageHoldsNow() {
    CpuState s = runToHlt("c6050400000002909090b801000000f4"); // its own next but three
    assertEquals(2, s.gpr[0], "the block changed itself");
    vcpu.code(DATA, "b801000000c3");
    vcpu.engine.importState(vcpu.longMode());
    s = runToHlt("e8fbef2f0089c3c604250100300007e8ecef2f00f4"); // call; change it; call
    assertEquals(1, s.gpr[3], "before");
    assertEquals(7, s.gpr[0], "another block was changed");
    vcpu.code(DATA + 1, "08");
    vcpu.engine.importState(vcpu.longMode());
    s = runToHlt("e8fbef2f0089c3f4");
    assertEquals(8, s.gpr[3], "somebody else changed it");
  }

  @Test
  final void shouldTranslateAnewAfterInvlpgAndCr3() {
    vcpu.memory.putLong(DATA, 1);
    vcpu.memory.putLong(DATA + 0x1000, 2);
    vcpu.memory.putLong(DATA + 0x2000, 3);
    CpuState s =
        runToHlt(
            "48c7c700380100488b042500003000488b174881c2001000004889170f013c2500003000488b1c2500003000"
                + "4881c2001000004889170f20d90f22d9488b0c2500003000f4");
    assertEquals(1, s.gpr[0], "before");
    assertEquals(2, s.gpr[3], "after INVLPG");
    assertEquals(3, s.gpr[1], "after MOV CR3");
  }

  // Encryption

  @Test
  final void shouldKeepPrivateMemoryPrivate() throws HypervisorException {
    vcpu.close();
    open.clear();
    vcpu = vcpu(0, 3);
    vcpu.boot();
    runToHlt("48b8887766554433221148890425000030004889042500003f00f4");
    long value = 0x1122334455667788L;
    assertEquals(value, system.view(0).getLong(ModelVcpu.SHARED), "the shared page, to the host");
    assertNotEquals(value, system.view(0).getLong(DATA), "the private page, to the host");
    assertEquals(value, system.view(3).getLong(DATA), "the private page, under the guest's key");
  }

  // Control from outside

  @Test
  final void shouldReachTheSameStateWhateverTheBudget() {
    String sum = "31c0b96400000001c8ffc975faf4";
    CpuState whole = runToHlt(sum);
    assertEquals(5050, whole.gpr[0]);
    long counted = vcpu.engine.stats().instructions();
    assertTrue(counted >= 303 && counted <= 304, () -> counted + " instructions, of 303");
    for (int budget : new int[] {1, 2, 3, 7, 50}) {
      vcpu.engine.importState(vcpu.longMode());
      int runs = 0;
      Exit exit = vcpu.engine.run(budget);
      while (exit.kind() == Exit.Kind.BUDGET && runs++ < 1000) {
        vcpu.engine.importState(vcpu.state());
        exit = vcpu.engine.run(budget);
      }
      assertEquals(Exit.Kind.HALT, exit.kind(), "with a budget of " + budget);
      assertSame(whole, vcpu.state());
      assertTrue(runs > 0, "a budget of " + budget + " was enough for 300 instructions");
    }
  }

  @Test
  final void shouldStopWhenAskedBeforeItRuns() {
    vcpu.code(ModelVcpu.CODE, "ebfe");
    vcpu.engine.requestStop();
    assertEquals(Exit.Kind.STOPPED, vcpu.engine.run(1_000_000).kind());
    assertEquals(Exit.Kind.BUDGET, vcpu.engine.run(1000).kind(), "one request, one stop");
    assertRegister(ModelVcpu.CODE, vcpu.state().rip, "RIP");
  }

  @Test
  final void shouldStopWhenAskedWhileItLoops() throws Exception {
    for (String loop : new String[] {"ebfe", COUNT, LOAD}) {
      vcpu.engine.importState(vcpu.longMode());
      FutureTask<Exit> run = startAndReach(loop);
      vcpu.engine.requestStop();
      assertEquals(Exit.Kind.STOPPED, await(run, "it runs on").kind());
    }
  }

  /** mov rdi, 300000h; inc qword [rdi]; inc rax; jmp to the first inc. */
  private static final String COUNT = "48c7c70000300048ff0748ffc0ebf8";

  /** mov ecx, 1_0000h; mov rsi, 20_0000h; rep lodsb; jmp to the start. */
  private static final String LOAD = "b90000010048c7c600002000f3acebf0";

  @Test
  final void shouldComeToSafepointsAndLoseNoStore() throws Exception {
    vcpu.memory.putLong(DATA, 0);
    FutureTask<Exit> run = startAndReach(COUNT);
    long[] last = new long[1];
    BooleanSupplier look =
        () -> {
          for (int i = 0; i < 200; i++) {
            long now = vcpu.memory.getLong(DATA);
            if (now < last[0]) {
              return false;
            }
            last[0] = now;
            system.view(5).getByte(0x38_0000); // another tag: everybody's TLB is emptied
          }
          return true;
        };
    FutureTask<Boolean> looks = new FutureTask<>(look::getAsBoolean);
    Thread.ofPlatform().daemon().start(looks);
    assertTrue(await(looks, "it comes to no safepoint"), "the counter went back");
    vcpu.engine.requestStop();
    await(run, "it runs on");
    long stored = vcpu.memory.getLong(DATA);
    long counted = vcpu.state().gpr[0];
    assertTrue(
        stored == counted || stored == counted + 1,
        () -> "counted to %d, memory holds %d".formatted(counted, stored));
  }

  @Test
  final void shouldLeaveTheMemoryPortWhenItReturns() throws Exception {
    runToHlt("f4");
    FutureTask<Long> look = new FutureTask<>(() -> vcpu.memory.getLong(DATA));
    Thread.ofPlatform().daemon().start(look);
    await(look, "the port is still entered, nobody can touch memory");
  }

  @Test
  final void shouldExitWhileMemoryIsSuspendedAndGoOnLater() {
    vcpu.code(ModelVcpu.CODE, "48c70425000030000700000048c7c009000000f4"); // mov [DATA], 7; rax = 9
    system.suspend(true);
    assertEquals(Exit.Kind.SUSPENDED, vcpu.run().kind());
    assertRegister(ModelVcpu.CODE, vcpu.state().rip, "RIP");
    system.suspend(false);
    assertEquals(Exit.Kind.HALT, vcpu.run().kind());
    assertEquals(9, vcpu.state().gpr[0]);
    assertEquals(7, vcpu.memory.getLong(DATA));
  }

  @Test
  final void shouldBeAtomicBetweenVcpus() throws Exception {
    ModelVcpu other = vcpu(1, 0);
    other.engine.importState(vcpu.longMode());
    vcpu.memory.fill(DATA, 24, (byte) 0);
    // 20,000 times lock inc [0]; lock xadd [8], 1; a lock cmpxchg loop that increments [16]
    vcpu.code(
        ModelVcpu.CODE,
        "48c7c700003000b9204e0000f048ff07ba01000000f00fc15708488b47104889c348ffc3f0480fb15f1075ee"
            + "ffc975dcf4");
    FutureTask<Exit> first = start(vcpu);
    FutureTask<Exit> second = start(other);
    assertEquals(Exit.Kind.HALT, await(first, "the first vCPU hangs").kind());
    assertEquals(Exit.Kind.HALT, await(second, "the second vCPU hangs").kind());
    for (int offset = 0; offset <= 16; offset += 8) {
      assertEquals(40_000, vcpu.memory.getLong(DATA + offset), "updates at " + offset);
    }
  }

  /**
   * Waits for two vCPUs; then, until [300048h] is set, from [300000h] on and from the middle of its
   * own page on: lock add [6], 0ffffh; the same across two pages; and a lock cmpxchg16b loop that
   * increments both halves of [20h]. R8 counts.
   */
  private static final String WIDE =
      "48c7c60000300048c7c7001800004531c0f0ff4640f390837e400275f8f0814606ffff0000f08186fe0f0000ff"
          + "ff0000f0814706ffff0000f08187fe070000ffff00004c8d4e20e8130000004c8d4f20e80a00000041ffc0837e"
          + "480074bff4498b01498b5108488d5801488d4a01f0490fc70975f1c3";

  @Test
  final void shouldBeAtomicAcrossEightBytesPagesAndCode() throws Exception {
    ModelVcpu other = vcpu(1, 0);
    long[] places = {DATA, ModelVcpu.CODE + 0x800};
    for (boolean breakpoint : new boolean[] {false, true}) {
      CpuState s = vcpu.longMode();
      if (breakpoint) {
        s.dr[0] = DATA + 0x8000; // for writes, and none goes there
        s.dr[7] |= 0xd_0001;
      }
      vcpu.engine.importState(s);
      s.gpr[4] -= 0x1000; // a stack of its own
      other.engine.importState(s);
      for (long place : places) {
        vcpu.memory.fill(place, 0x50, (byte) 0);
        vcpu.memory.putInt((place | 0xfff) - 1, 0);
      }
      vcpu.code(ModelVcpu.CODE, WIDE);
      FutureTask<Exit> first = start(vcpu);
      FutureTask<Exit> second = start(other);
      long end = System.nanoTime() + MOST_TURNS_NANOS;
      while (vcpu.memory.getLong(DATA + 0x20) < TURNS && System.nanoTime() < end) {
        Thread.sleep(5);
      }
      vcpu.memory.putInt(DATA + 0x48, 1);
      assertEquals(Exit.Kind.HALT, await(first, "the first vCPU hangs").kind());
      assertEquals(Exit.Kind.HALT, await(second, "the second vCPU hangs").kind());
      long turns = vcpu.state().gpr[8] + other.state().gpr[8];
      for (long place : places) {
        String where = "%x, data breakpoint %b".formatted(place, breakpoint);
        int sum = (int) turns * 0xffff;
        assertEquals(sum, vcpu.memory.getInt(place + 6), "across 8 bytes at " + where);
        assertEquals(sum, vcpu.memory.getInt((place | 0xfff) - 1), "across pages at " + where);
        assertEquals(turns, vcpu.memory.getLong(place + 0x20), "low half at " + where);
        assertEquals(turns, vcpu.memory.getLong(place + 0x28), "high half at " + where);
      }
    }
  }

  // Debuggers and counting

  /** mov eax, 5; inc eax; inc eax; mov [300000h], eax; mov ebx, [300000h]; hlt. */
  private static final String STOPS = "b805000000ffc0ffc0890425000030008b1c2500003000f4";

  private static final long SECOND_INC = ModelVcpu.CODE + 7;
  private static final long BEHIND_STORE = ModelVcpu.CODE + 0x10;
  private static final long BEHIND_LOAD = ModelVcpu.CODE + 0x17;

  private void assertDebugExit(long why, long where, long rip, String what) {
    Exit exit = vcpu.run();
    assertEquals(Exit.Kind.DEBUG, exit.kind(), what);
    assertEquals(why, exit.info1(), what + ": EXITINFO1");
    if (why != DebugStops.STEP) {
      assertRegister(where, exit.info2(), what + ": EXITINFO2");
    }
    assertRegister(rip, vcpu.state().rip, what + ": RIP");
  }

  @Test
  final void shouldStopWhereADebuggerAsksOrSayThatItCannot() {
    vcpu.code(ModelVcpu.CODE, STOPS);
    vcpu.memory.putInt(DATA, 0);
    assertTrue(vcpu.engine.debug(DebugStops.NONE), "no stops is what every engine can");
    DebugStops there = new DebugStops(false, Set.of(SECOND_INC), List.of());
    if (!vcpu.engine.debug(there)) {
      assertEquals(Exit.Kind.HALT, vcpu.run().kind(), "it said that it cannot stop there");
      return;
    }
    assertDebugExit(DebugStops.BREAKPOINT, SECOND_INC, SECOND_INC, "at the breakpoint");
    assertEquals(6, vcpu.state().gpr[0], "EAX at the breakpoint");
    assertDebugExit(DebugStops.BREAKPOINT, SECOND_INC, SECOND_INC, "again");
    assertTrue(vcpu.engine.debug(new DebugStops(true, Set.of(SECOND_INC), List.of())));
    assertDebugExit(DebugStops.STEP, 0, SECOND_INC + 2, "a step from the breakpoint");
    assertEquals(7, vcpu.state().gpr[0], "EAX after the step");
    DebugStops.Watch stores = new DebugStops.Watch(DATA + 3, 1, false, true);
    DebugStops.Watch loads = new DebugStops.Watch(DATA, 1, true, false);
    assertTrue(vcpu.engine.debug(new DebugStops(false, Set.of(), List.of(stores, loads))));
    assertDebugExit(DebugStops.WATCH, DATA + 3, BEHIND_STORE, "the store");
    assertEquals(7, vcpu.memory.getInt(DATA), "the store was made");
    assertDebugExit(DebugStops.WATCH, DATA, BEHIND_LOAD, "the load");
    assertEquals(7, vcpu.state().gpr[3], "EBX after the load");
    byte[] code = new byte[STOPS.length() / 2];
    vcpu.memory.read(ModelVcpu.CODE, MemorySegment.ofArray(code));
    assertEquals(STOPS, HexFormat.of().formatHex(code), "the guest's memory");
    assertEquals(0x400, vcpu.state().dr[7], "the guest's DR7");
    assertTrue(vcpu.engine.debug(DebugStops.NONE));
    vcpu.engine.importState(vcpu.longMode());
    assertEquals(Exit.Kind.HALT, vcpu.run().kind(), "without stops");
  }

  /**
   * mov ecx, 5; then five times: in al, 60h; inc rbx; inc rbx; mov eax, [device]; dec ecx; jnz; and
   * hlt.
   */
  private static final String COUNTED = "b905000000e46048ffc348ffc38b042520004000ffc975edf4";

  /** How many instructions were retired when the bus was called. */
  private static final List<Long> RETIRED_AT_DEVICES =
      List.of(1L, 4L, 7L, 10L, 13L, 16L, 19L, 22L, 25L, 28L);

  @Test
  final void shouldCountExactlyOrSayThatItCannot() {
    vcpu.code(ModelVcpu.CODE, COUNTED);
    if (!vcpu.engine.countExactly()) {
      assertEquals(Exit.Kind.HALT, vcpu.run().kind(), "it said that it cannot count");
      return;
    }
    List<Long> seen = new ArrayList<>();
    vcpu.onBus = () -> seen.add(vcpu.engine.retired());
    for (int budget : new int[] {1, 2, 3, 5, 7, 31}) {
      vcpu.engine.importState(vcpu.longMode());
      long start = vcpu.engine.retired();
      seen.clear();
      for (long done = budget; done < 31; done += budget) {
        long expected = done;
        assertEquals(Exit.Kind.BUDGET, vcpu.engine.run(budget).kind());
        assertEquals(
            expected, vcpu.engine.retired() - start, () -> "retired, in runs of " + budget);
      }
      assertEquals(31, RETIRED_AT_DEVICES.getLast() + 3, "the program's length");
      while (!vcpu.state().halted) {
        vcpu.engine.run(budget);
      }
      assertEquals(
          RETIRED_AT_DEVICES,
          seen.stream().map(retired -> retired - start).toList(),
          () -> "retired when devices were reached, in runs of " + budget);
    }
  }

  @Test
  final void shouldSayHowManyInstructionsWereRetired() {
    assertEquals(0, vcpu.engine.retired(), "before the first run");
    runToHlt("31c0b96400000001c8ffc975faf4");
    long retired = vcpu.engine.retired();
    assertTrue(retired >= 303 && retired <= 304, () -> retired + " instructions, of 303");
    vcpu.engine.importState(vcpu.longMode());
    assertEquals(retired, vcpu.engine.retired(), "since creation, whatever state is taken");
  }

  private static FutureTask<Exit> start(ModelVcpu vcpu) {
    FutureTask<Exit> run = new FutureTask<>(() -> vcpu.engine.run(Long.MAX_VALUE));
    Thread.ofPlatform().daemon().name("vcpu").start(run);
    return run;
  }

  /** Starts a program on the first vCPU, with RAX cleared, and waits until it executes. */
  private FutureTask<Exit> startAndReach(String hex) throws InterruptedException {
    CountDownLatch reached = new CountDownLatch(1);
    vcpu.onBus = reached::countDown;
    vcpu.code(ModelVcpu.CODE, "e46031c0" + hex); // in al, 60h; xor eax, eax
    FutureTask<Exit> run = start(vcpu);
    assertTrue(
        reached.await(patience().toMillis(), TimeUnit.MILLISECONDS),
        () -> "after " + patience() + ": it does not run");
    return run;
  }

  private <T> T await(FutureTask<T> task, String otherwise)
      throws InterruptedException, ExecutionException {
    try {
      return task.get(patience().toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("after " + patience() + ": " + otherwise, e);
    }
  }

  // State

  @Test
  final void shouldGiveBackTheStateItTook() throws HypervisorException {
    Random random = new Random(2);
    CpuState s = vcpu.longMode();
    for (int i = 0; i < 16; i++) {
      s.gpr[i] = random.nextLong();
    }
    s.rip = 0x1234;
    s.rflags = 0x0ed7;
    s.cr2 = 0x5678;
    s.dr[0] = 0x1000;
    s.base[CpuState.FS] = random.nextLong() >> 17;
    s.base[CpuState.GS] = random.nextLong() >> 17;
    s.nmiBlocked = true;
    s.interruptShadow = true;
    s.halted = true;
    for (int msr : new int[] {Msr.STAR, Msr.SYSENTER_CS}) {
      s.msr.put(msr, 0x1b_0008_0000_0000L & (msr == Msr.STAR ? -1 : 0xffff));
    }
    s.msr.put(Msr.LSTAR, 0xffff_8000_1234_5678L);
    s.msr.put(Msr.KERNEL_GS_BASE, 0x7fff_1234_5000L);
    s.msr.put(Msr.SFMASK, 0x4_7700L);
    // x87 and SSE: control words, sixteen XMM registers, XSTATE_BV
    s.xsave[0] = 0x7f;
    s.xsave[1] = 3;
    s.xsave[24] = (byte) 0x80;
    s.xsave[25] = 0x1f;
    for (int i = 160; i < 416; i++) {
      s.xsave[i] = (byte) random.nextInt();
    }
    s.xsave[512] = 3;
    vcpu.engine.importState(s);
    CpuState once = vcpu.state();
    assertSame(s, once);
    ModelVcpu other = vcpu(1, 0);
    other.engine.importState(once);
    assertSame(s, other.state());
  }

  private static void assertSame(CpuState expected, CpuState actual) {
    assertArrayEquals(expected.gpr, actual.gpr, "general registers");
    assertRegister(expected.rip, actual.rip, "RIP");
    assertRegister(expected.rflags, actual.rflags, "RFLAGS");
    assertArrayEquals(expected.selector, actual.selector, "selectors");
    assertArrayEquals(expected.base, actual.base, "segment bases");
    assertArrayEquals(expected.limit, actual.limit, "segment limits");
    assertArrayEquals(expected.attributes, actual.attributes, "segment attributes");
    assertEquals(
        List.of(expected.gdtBase, expected.idtBase, expected.gdtLimit, expected.idtLimit),
        List.of(actual.gdtBase, actual.idtBase, actual.gdtLimit, actual.idtLimit),
        "GDT and IDT");
    assertEquals(
        List.of(expected.cr0, expected.cr2, expected.cr3, expected.cr4, expected.xcr0),
        List.of(actual.cr0, actual.cr2, actual.cr3, actual.cr4, actual.xcr0),
        "control registers");
    assertArrayEquals(expected.dr, actual.dr, "debug registers");
    expected.msr.forEach((msr, value) -> {
      if (msr != Msr.TSC) {
        assertEquals(value, actual.msr.get(msr), "MSR " + Integer.toHexString(msr));
      }
    });
    assertArrayEquals(
        Arrays.copyOfRange(expected.xsave, 160, 416),
        Arrays.copyOfRange(actual.xsave, 160, 416),
        "XMM registers");
    assertEquals(
        List.of(expected.halted, expected.interruptShadow, expected.nmiBlocked),
        List.of(actual.halted, actual.interruptShadow, actual.nmiBlocked),
        "halted, interrupt shadow, NMIs blocked");
  }

  @Test
  final void shouldRefuseStateThatNoProcessorCanBeInAndStayAsItWas() {
    CpuState before = vcpu.state();
    List<CpuState> bad = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      bad.add(vcpu.longMode());
      bad.get(i).gpr[0] = 99;
    }
    bad.get(0).cr0 |= 1L << 40;
    bad.get(1).rflags |= 1L << 40;
    bad.get(2).cr0 &= ~(1L << 31); // EFER.LMA without paging
    for (CpuState state : bad) {
      assertThrows(
          IllegalArgumentException.class,
          () -> vcpu.engine.importState(state),
          () -> "taken:\n" + state);
      assertSame(before, vcpu.state());
    }
  }
}
