package org.redoubt.x86.exec.silicon;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;
import org.redoubt.x86.decode.CodeSize;

/**
 * Runs one instruction on the host's own silicon: loads every register from a block, executes the
 * bytes, stores every register back.
 *
 * <p>Code, state and operand memory lie in one mapping below 2 GiB, so that the stub can name them
 * absolutely and every address size reaches them. A handler of emitted code catches the faults of
 * the bytes under test and nothing else: signals from outside the code page go on to the JVM's own
 * handlers. For x86-64 Linux hosts; one instance, one thread.
 *
 * <pre>
 *   BASE + 0000h   the stub: enter, slot and leave for each size of code, handler
 *        + 1000h   state: IN, OUT, saved host state, XSAVE_IN, FX_OUT, YMM_OUT
 *        + 10000h  DATA: 64 KiB of operand memory, between two unmapped gaps
 * </pre>
 */
final class HostCpu implements AutoCloseable {
  static final long BASE = 0x10_0000L;
  static final long CODE_BYTES = 0x1000;
  static final long DATA = BASE + 0x1_0000;
  static final int DATA_BYTES = 0x1_0000;

  /** Where the bytes under test go, by size of code. */
  static final long SLOT_64 = BASE + 0x200;

  static final long SLOT_32 = BASE + 0xa00;
  static final long SLOT_16 = BASE + 0x600;

  /**
   * Selectors in the process's local descriptor table: 16-bit code with base {@link #BASE}, 16-bit
   * data with base {@link #DATA}.
   */
  static final int CODE_16 = 0x07;

  static final int DATA_16 = 0x0f;

  /** The segments that every Linux process has: 32-bit code, 64-bit code, flat data. */
  static final int CODE_32 = 0x23;

  static final int CODE_64 = 0x33;
  static final int FLAT = 0x2b;

  /** Where 16-bit code, whose data segment is small, notes a branch; an offset in it. */
  private static final int BRANCH_16 = 0x8000;

  static final int SLOT_BYTES = 32;

  /** What a taken branch goes to: the displacement from the slot's start. */
  static final int TAKEN = 48;

  private static final int ENTER_16_AT = 0x400;
  private static final int ENTER_32_AT = 0x800;
  private static final int HANDLER = 0xc00;
  private static final int REGION_BYTES = 0x2_0000;
  private static final long STATE = BASE + 0x1000;
  private static final int IN_GPR = 0x000;
  private static final int IN_FLAGS = 0x080;
  private static final int OUT_GPR = 0x100;
  private static final int OUT_FLAGS = 0x180;
  private static final int HOST_RSP = 0x200;
  private static final int HOST_MXCSR = 0x208;
  private static final int HOST_CW = 0x210;
  private static final int TRAP = 0x218;
  private static final int ERROR = 0x220;
  private static final int FAULT_RIP = 0x228;
  private static final int BRANCH = 0x238;
  private static final int FAR_32 = 0x240;
  private static final int FAR_16 = 0x248;
  private static final int OLD_HANDLERS = 0x280;
  private static final int XSAVE_IN = 0x400;
  private static final int XSTATE_BV = XSAVE_IN + 512;
  private static final int YMM_IN = XSAVE_IN + 576;
  private static final int FX_OUT = 0x800;
  private static final int YMM_OUT = 0xa00;
  static final int FX_BYTES = 512;
  static final int YMM_BYTES = 512;
  private static final int YMM_IN_BYTES = 256;

  private static final int[] SIGNALS = {4, 5, 7, 8, 11};
  private static final int SA_SIGINFO = 4;
  private static final int SA_ONSTACK = 0x0800_0000;
  private static final int NO_TRAP = -1;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final MethodHandle SIGACTION =
      bind("sigaction", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));

  // Constants, so that HotSpot compiles the calls.
  private static final MethodHandle ENTER_64 = entry(0);
  private static final MethodHandle ENTER_32 = entry(ENTER_32_AT);
  private static final MethodHandle ENTER_16 = entry(ENTER_16_AT);

  private final boolean avx;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment region;
  private final MemorySegment state;
  private final MemorySegment data;
  private final byte[] slot = new byte[SLOT_BYTES];
  private final MemorySegment[] oldActions = new MemorySegment[SIGNALS.length];

  /**
   * @param avx whether the host has YMM registers
   */
  HostCpu(boolean avx) {
    this.avx = avx;
    region = map();
    state = region.asSlice(0x1000, 0x1000);
    data = region.asSlice(DATA - BASE, DATA_BYTES);
    long handler = emit();
    describeSegments();
    useAlternateStack();
    catchSignals(handler);
  }

  /** The host is one whose silicon can be asked. */
  static boolean applicable() {
    return System.getProperty("os.arch").equals("amd64")
        && System.getProperty("os.name").equals("Linux");
  }

  boolean hasAvx() {
    return avx;
  }

  MemorySegment data() {
    return data;
  }

  void setGpr(int index, long value) {
    state.set(JAVA_LONG, IN_GPR + 8L * index, value);
  }

  long gpr(int index) {
    return state.get(JAVA_LONG, OUT_GPR + 8L * index);
  }

  void setFlags(long value) {
    state.set(JAVA_LONG, IN_FLAGS, value);
  }

  long flags() {
    return state.get(JAVA_LONG, OUT_FLAGS);
  }

  /** The FXSAVE image to be loaded. */
  MemorySegment fxIn() {
    return state.asSlice(XSAVE_IN, FX_BYTES);
  }

  /** The FXSAVE image stored. */
  MemorySegment fxOut() {
    return state.asSlice(FX_OUT, FX_BYTES);
  }

  /** The upper halves of the YMM registers to be loaded. */
  MemorySegment ymmIn() {
    return state.asSlice(YMM_IN, YMM_IN_BYTES);
  }

  /** Which components are not in their initial state: XSTATE_BV. Without AVX of no meaning. */
  void setInUse(int components) {
    state.set(JAVA_LONG, XSTATE_BV, components);
  }

  /** The YMM registers stored. */
  MemorySegment ymmOut() {
    return state.asSlice(YMM_OUT, YMM_BYTES);
  }

  /** The vector of the fault that the bytes raised, or -1. */
  int trap() {
    return state.get(JAVA_INT, TRAP);
  }

  long errorCode() {
    return state.get(JAVA_LONG, ERROR);
  }

  long faultRip() {
    return state.get(JAVA_LONG, FAULT_RIP);
  }

  /** Whether the bytes went to {@link #TAKEN}. */
  boolean taken() {
    return state.get(JAVA_INT, BRANCH) != 0 || data.get(ValueLayout.JAVA_SHORT, BRANCH_16) != 0;
  }

  /** Linear address of the slot. */
  static long slot(CodeSize size) {
    return switch (size) {
      case BITS64 -> SLOT_64;
      case BITS32 -> SLOT_32;
      case BITS16 -> SLOT_16;
    };
  }

  /** Base of the code segment. */
  static long codeBase(CodeSize size) {
    return size == CodeSize.BITS16 ? BASE : 0;
  }

  /** Base of the data and stack segments. */
  static long dataBase(CodeSize size) {
    return size == CodeSize.BITS16 ? DATA : 0;
  }

  /** Puts the bytes under test into the slot for that size of code. */
  void code(byte[] bytes, CodeSize size) {
    Arrays.fill(slot, bytes.length, SLOT_BYTES, (byte) 0x90);
    System.arraycopy(bytes, 0, slot, 0, bytes.length);
    MemorySegment.copy(slot, 0, region, ValueLayout.JAVA_BYTE, slot(size) - BASE, SLOT_BYTES);
  }

  /** Executes what is in the slot. */
  void run(CodeSize size) {
    state.set(JAVA_INT, TRAP, NO_TRAP);
    state.set(JAVA_INT, BRANCH, 0);
    data.set(ValueLayout.JAVA_SHORT, BRANCH_16, (short) 0);
    try {
      switch (size) {
        case BITS64 -> ENTER_64.invokeExact();
        case BITS32 -> ENTER_32.invokeExact();
        case BITS16 -> ENTER_16.invokeExact();
      }
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < SIGNALS.length; i++) {
      sigaction(SIGNALS[i], oldActions[i], MemorySegment.NULL);
    }
    arena.close();
  }

  // --- the stub
  // ----------------------------------------------------------------------------------------------------

  private static int at(int field) {
    return (int) STATE + field;
  }

  /** Writes the stub; the answer is the address of the signal handler. */
  private long emit() {
    Assembler enter = new Assembler(region, 0);
    save(enter);
    load(enter, FLAT);
    enter.jump(SLOT_64);
    Assembler after = new Assembler(region, SLOT_64 - BASE + SLOT_BYTES);
    after.jump(SLOT_64 + TAKEN + 16);
    Assembler leave = new Assembler(region, SLOT_64 - BASE + TAKEN);
    leave.absolute(at(BRANCH), 0xc7, 0x04).word(1); // mov dword [BRANCH], 1
    leave.align(16);
    final long leaveAddress = leave.address();
    for (int r = 0; r < 16; r++) {
      leave.absolute(at(OUT_GPR + 8 * r), r < 8 ? 0x48 : 0x4c, 0x89, (r & 7) << 3 | 4);
    }
    leave.absolute(at(HOST_RSP), 0x48, 0x8b, 0x24);
    leave.bytes(0x9c).absolute(at(OUT_FLAGS), 0x8f, 0x04); // pushfq; pop
    leave.bytes(0x9c, 0x81, 0x24, 0x24).word(~(1 << 18)).bytes(0x9d); // no more alignment checks
    leave.absolute(at(FX_OUT), 0x48, 0x0f, 0xae, 0x04); // fxsave64
    if (avx) {
      for (int r = 0; r < 16; r++) {
        leave.absolute(at(YMM_OUT + 32 * r), 0xc5, r < 8 ? 0xfc : 0x7c, 0x11, (r & 7) << 3 | 4);
      }
      leave.bytes(0xc5, 0xf8, 0x77); // vzeroupper
    }
    leave.bytes(0xdb, 0xe3).absolute(at(HOST_CW), 0xd9, 0x2c); // fninit; fldcw
    leave.absolute(at(HOST_MXCSR), 0x0f, 0xae, 0x14).bytes(0xfc); // ldmxcsr; cld
    dataSegments(leave, FLAT);
    leave.bytes(0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
    emit32(leaveAddress);
    emit16(leaveAddress);
    return emitHandler(leaveAddress);
  }

  private static void save(Assembler a) {
    a.bytes(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57); // push rbx rbp r12-r15
    a.absolute(at(HOST_RSP), 0x48, 0x89, 0x24); // mov [HOST_RSP], rsp
    a.absolute(at(HOST_MXCSR), 0x0f, 0xae, 0x1c); // stmxcsr
    a.absolute(at(HOST_CW), 0xd9, 0x3c); // fnstcw
  }

  private void load(Assembler a, int segment) {
    if (avx) {
      a.bytes(0xb8, 7, 0, 0, 0, 0x31, 0xd2); // mov eax, 7; xor edx, edx
      a.absolute(at(XSAVE_IN), 0x48, 0x0f, 0xae, 0x2c); // xrstor64
    } else {
      a.absolute(at(XSAVE_IN), 0x48, 0x0f, 0xae, 0x0c); // fxrstor64
    }
    a.absolute(at(IN_FLAGS), 0xff, 0x34).bytes(0x9d); // push; popfq
    dataSegments(a, segment);
    for (int r = 0; r < 16; r++) {
      a.absolute(at(IN_GPR + 8 * r), r < 8 ? 0x48 : 0x4c, 0x8b, (r & 7) << 3 | 4); // mov r, [IN]
    }
  }

  /**
   * The data segments of a 64-bit task are null, and 64-bit code does not mind; other code does.
   */
  private static void dataSegments(Assembler a, int selector) {
    a.bytes(0xb8, selector, 0, 0, 0); // mov eax, selector
    a.bytes(0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0); // mov ds, eax; mov es, eax; mov ss, eax
  }

  /** The way into 32-bit code and back, by far jumps between the code segments of Linux. */
  private void emit32(long leaveAddress) {
    Assembler enter = new Assembler(region, ENTER_32_AT);
    save(enter);
    load(enter, FLAT);
    farJump(enter, FAR_32, (int) SLOT_32, CODE_32);
    Assembler after = new Assembler(region, SLOT_32 - BASE + SLOT_BYTES);
    after.bytes(0xeb, TAKEN + 10 - SLOT_BYTES - 2); // jmp past the other one
    Assembler leave = new Assembler(region, SLOT_32 - BASE + TAKEN);
    leave.bytes(0xc7, 0x05).word(at(BRANCH)).word(1);
    leave.bytes(0xea).word((int) leaveAddress).bytes(CODE_64, 0x00); // jmp 33h:leave
  }

  /** The way into 16-bit code, whose segments are in the local descriptor table, and back. */
  private void emit16(long leaveAddress) {
    Assembler enter = new Assembler(region, ENTER_16_AT);
    save(enter);
    load(enter, DATA_16);
    farJump(enter, FAR_16, (int) (SLOT_16 - BASE), CODE_16);
    Assembler after = new Assembler(region, SLOT_16 - BASE + SLOT_BYTES);
    after.bytes(0xeb, TAKEN + 6 - SLOT_BYTES - 2);
    Assembler leave = new Assembler(region, SLOT_16 - BASE + TAKEN);
    leave.bytes(0xc7, 0x06, BRANCH_16 & 0xff, BRANCH_16 >> 8, 1, 0); // mov word [BRANCH_16], 1
    leave.bytes(0x66, 0xea).word((int) leaveAddress).bytes(CODE_64, 0x00);
  }

  private void farJump(Assembler a, int pointer, int offset, int selector) {
    state.set(JAVA_INT, pointer, offset);
    state.set(JAVA_INT, pointer + 4, selector);
    a.absolute(at(pointer), 0xff, 0x2c); // jmp far [pointer]
  }

  private long emitHandler(long leaveAddress) {
    Assembler h = new Assembler(region, HANDLER);
    h.bytes(0x66, 0x83, 0xba).word(184).bytes(CODE_16); // cmp word [rdx + CS], CODE_16
    h.bytes(0x74, 28); // je ours
    h.bytes(0x48, 0x8b, 0x82).word(168); // mov rax, [rdx + RIP]
    h.bytes(0x48, 0x2d).word((int) BASE); // sub rax, BASE
    h.bytes(0x48, 0x3d).word((int) CODE_BYTES); // cmp rax, CODE_BYTES
    h.bytes(0x72, 7); // jb ours
    h.bytes(0xff, 0x24, 0xfd).word(at(OLD_HANDLERS)); // jmp [OLD_HANDLERS + rdi*8]
    copyOut(h, 168, FAULT_RIP);
    copyOut(h, 200, TRAP);
    copyOut(h, 192, ERROR);
    h.bytes(0x48, 0xc7, 0x82).word(168).word((int) leaveAddress); // mov qword [rdx + RIP], leave
    h.bytes(0x81, 0xa2).word(176).word(~0x100); // and dword [rdx + EFLAGS], ~TF
    h.bytes(0x66, 0xc7, 0x82).word(184).bytes(CODE_64, 0x00); // mov word [rdx + CS], 33h
    h.bytes(0x66, 0xc7, 0x82).word(190).bytes(FLAT, 0x00); // mov word [rdx + SS], 2bh
    h.bytes(0xc3);
    return BASE + HANDLER;
  }

  /** mov rax, [rdx + from]; mov [to], rax. */
  private static void copyOut(Assembler h, int from, int to) {
    h.bytes(0x48, 0x8b, 0x82).word(from).absolute(at(to), 0x48, 0x89, 0x04);
  }

  private static final class Assembler {
    private final MemorySegment code;
    private long at;

    Assembler(MemorySegment code, long at) {
      this.code = code;
      this.at = at;
    }

    long address() {
      return BASE + at;
    }

    Assembler bytes(int... values) {
      for (int v : values) {
        code.set(ValueLayout.JAVA_BYTE, at++, (byte) v);
      }
      return this;
    }

    Assembler word(int value) {
      code.set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
      at += 4;
      return this;
    }

    /**
     * An instruction whose memory operand is an absolute address: opcode and ModRM, then SIB and
     * displacement.
     */
    Assembler absolute(int address, int... opcode) {
      return bytes(opcode).bytes(0x25).word(address);
    }

    Assembler align(int to) {
      while (at % to != 0) {
        bytes(0x90);
      }
      return this;
    }

    void jump(long target) {
      bytes(0xe9);
      word((int) (target - (BASE + at + 4)));
    }
  }

  // --- the operating system
  // ------------------------------------------------------------------------------------------

  /** A call of the stub's code at an offset. */
  private static MethodHandle entry(long offset) {
    return LINKER.downcallHandle(
        MemorySegment.ofAddress(BASE + offset), FunctionDescriptor.ofVoid());
  }

  private static MethodHandle bind(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(LINKER.defaultLookup().find(name).orElseThrow(), type);
  }

  private MemorySegment map() {
    final int readWriteExecute = 7;
    final int privateAnonymousFixedNoReplace = 0x10_0022;
    MethodHandle mmap =
        bind(
            "mmap",
            FunctionDescriptor.of(
                ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    MethodHandle munmap = bind("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
    try {
      MemorySegment at =
          (MemorySegment)
              mmap.invokeExact(
                  MemorySegment.ofAddress(BASE),
                  (long) REGION_BYTES,
                  readWriteExecute,
                  privateAnonymousFixedNoReplace,
                  -1,
                  0L);
      if (at.address() != BASE) {
        throw new IllegalStateException("Cannot map code at " + Long.toHexString(BASE));
      }
      return at.reinterpret(
          REGION_BYTES,
          arena,
          gone -> {
            try {
              int _ = (int) munmap.invokeExact(gone, (long) REGION_BYTES);
            } catch (Throwable t) {
              throw new AssertionError(t);
            }
          });
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  /** Entries 0 and 1 of the local descriptor table: the 16-bit segments. */
  private void describeSegments() {
    final int writeEntry = 1;
    final long modifyLdt = 154;
    MethodHandle syscall =
        bind("syscall", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG));
    long[] bases = {BASE, DATA};
    int[] contents = {2, 0};
    for (int i = 0; i < 2; i++) {
      MemorySegment descriptor = arena.allocate(16, 8);
      descriptor.set(JAVA_INT, 0, i);
      descriptor.set(JAVA_INT, 4, (int) bases[i]);
      descriptor.set(JAVA_INT, 8, 0xffff);
      descriptor.set(JAVA_INT, 12, contents[i] << 1 | 1 << 6);
      try {
        long result = (long) syscall.invokeExact(modifyLdt, (long) writeEntry, descriptor, 16L);
        if (result != 0) {
          throw new IllegalStateException("modify_ldt failed");
        }
      } catch (Throwable t) {
        throw new AssertionError(t);
      }
    }
  }

  /** Signal frames must not land in the memory under test, so they get a stack of their own. */
  private void useAlternateStack() {
    MethodHandle sigaltstack =
        bind("sigaltstack", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
    long size = 1 << 16;
    MemorySegment stack = Arena.global().allocate(size, 64);
    MemorySegment descriptor = arena.allocate(24, 8);
    descriptor.set(ADDRESS, 0, stack);
    descriptor.set(JAVA_LONG, 16, size);
    try {
      int result = (int) sigaltstack.invokeExact(descriptor, MemorySegment.NULL);
      if (result != 0) {
        throw new IllegalStateException("sigaltstack failed");
      }
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }

  private void catchSignals(long handler) {
    for (int i = 0; i < SIGNALS.length; i++) {
      MemorySegment action = arena.allocate(152, 8);
      action.set(JAVA_LONG, 0, handler);
      action.set(JAVA_INT, 136, SA_SIGINFO | SA_ONSTACK);
      oldActions[i] = arena.allocate(152, 8);
      sigaction(SIGNALS[i], MemorySegment.NULL, oldActions[i]);
      state.set(JAVA_LONG, OLD_HANDLERS + 8L * SIGNALS[i], oldActions[i].get(JAVA_LONG, 0));
      sigaction(SIGNALS[i], action, MemorySegment.NULL);
    }
  }

  private static void sigaction(int signal, MemorySegment action, MemorySegment old) {
    try {
      int result = (int) SIGACTION.invokeExact(signal, action, old);
      if (result != 0) {
        throw new IllegalStateException("sigaction failed for " + signal);
      }
    } catch (Throwable t) {
      throw new AssertionError(t);
    }
  }
}
