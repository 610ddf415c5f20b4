package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Delivery of exceptions and interrupts, and software interrupts. APM Vol. 2, 8.5 to 8.9. */
public final class Interrupts {
  /** Where an event comes from. */
  public enum Source {
    /** An exception whose pushed RIP is the faulting instruction's: RF is pushed set. */
    FAULT,
    /** An exception after an instruction. */
    TRAP,
    /** An interrupt or NMI. */
    EXTERNAL,
    /** INT n, INT3, INTO: gate privilege is checked. */
    SOFTWARE
  }

  private static final int CLEARED = Rflags.TF | Rflags.NT | Rflags.RF | Rflags.VM;

  private Interrupts() {}

  static void bind() {
    Meanings.bind(Op.INT, Interrupts::interrupt);
    Meanings.bind(Op.INT3, (cpu, in) -> deliver(cpu, Vector.BP, 0, Source.SOFTWARE));
    Meanings.bind(Op.INT1, (cpu, in) -> deliver(cpu, Vector.DB, 0, Source.TRAP));
    Meanings.bind(Op.INTO, Interrupts::into);
  }

  /** INT n. INT3 and INTO do not care for IOPL. */
  private static void interrupt(Cpu cpu, Insn in) {
    int vector = (int) in.imm & 0xff;
    if (cpu.v8086() && Virtual.interrupt(cpu, vector)) {
      return;
    }
    deliver(cpu, vector, 0, Source.SOFTWARE);
  }

  private static void into(Cpu cpu, Insn in) {
    if (Flags.of(cpu)) {
      deliver(cpu, Vector.OF, 0, Source.SOFTWARE);
    }
  }

  /**
   * Enters the handler of an event; {@code cpu.rip} is what will be pushed. A fault on the way
   * leaves the registers as they were.
   *
   * @param errorCode pushed if the vector has one and the event is an exception
   */
  public static void deliver(Cpu cpu, int vector, long errorCode, Source source) {
    if (!cpu.protectedMode()) {
      deliverReal(cpu, vector);
      return;
    }
    int cpl = cpu.cpl;
    try {
      if (cpu.longMode()) {
        deliverLong(cpu, vector, errorCode, source);
      } else {
        deliverProtected(cpu, vector, errorCode, source);
      }
    } catch (GuestFault fault) {
      if (!fault.isInNewTask()) {
        cpu.cpl = cpl;
        cpu.privilegeChanged();
      }
      throw fault;
    }
  }

  private static boolean pushesError(int vector, Source source) {
    return (source == Source.FAULT || source == Source.TRAP) && Vector.hasErrorCode(vector);
  }

  private static long pushedFlags(Cpu cpu, Source source) {
    long flags = Flags.all(cpu);
    return source == Source.FAULT ? flags | Rflags.RF : flags;
  }

  private static int externalBit(Source source) {
    return source == Source.SOFTWARE ? 0 : 1;
  }

  private static void maskFlags(Cpu cpu, int gateType) {
    cpu.systemFlags &= ~CLEARED;
    if ((gateType & 1) == 0) {
      cpu.systemFlags &= ~Rflags.IF;
    }
  }

  // Real mode

  private static void deliverReal(Cpu cpu, int vector) {
    if (vector * 4 + 3 > cpu.idtLimit) {
      throw cpu.raise(Vector.GP, 0);
    }
    long entry = SystemMem.load(cpu, cpu.idtBase + vector * 4L, 32);
    long sp = cpu.r[Gpr.RSP];
    boolean done = false;
    try {
      Stack.push(cpu, Flags.all(cpu), 16);
      Stack.push(cpu, cpu.seg[Seg.CS].selector, 16);
      Stack.push(cpu, cpu.rip, 16);
      done = true;
    } finally {
      if (!done) {
        cpu.r[Gpr.RSP] = sp;
      }
    }
    cpu.systemFlags &= ~(Rflags.IF | Rflags.TF | Rflags.AC | Rflags.RF);
    SegmentCache cs = cpu.seg[Seg.CS];
    cs.selector = (int) (entry >>> 16);
    cs.base = (entry >>> 16) << 4;
    cpu.rip = entry & 0xffff;
    cpu.modeChanged();
  }

  // Long mode: 16-byte gates to 64-bit code

  private static void deliverLong(Cpu cpu, int vector, long errorCode, Source source) {
    int idtError = vector * 8 + 2 + externalBit(source);
    if (vector * 16 + 15 > cpu.idtLimit) {
      throw cpu.raise(Vector.GP, idtError);
    }
    long low = SystemMem.load(cpu, cpu.idtBase + vector * 16L, 64);
    long high = SystemMem.load(cpu, cpu.idtBase + vector * 16L + 8, 64);
    int type = Descriptors.type(low);
    if (Descriptors.isSegment(low)
        || type != Seg.TYPE_INTERRUPT_GATE && type != Seg.TYPE_TRAP_GATE
        || source == Source.SOFTWARE && Descriptors.dpl(low) < cpu.cpl) {
      throw cpu.raise(Vector.GP, idtError);
    }
    if (!Descriptors.present(low)) {
      throw cpu.raise(Vector.NP, idtError);
    }
    int selector = (int) (low >>> 16) & 0xffff;
    long code = handlerCode(cpu, selector, externalBit(source));
    if (!Descriptors.is(code, Seg.ATTR_L) || Descriptors.is(code, Seg.ATTR_DB)) {
      throw cpu.raise(Vector.GP, Descriptors.error(selector) + externalBit(source));
    }
    int newCpl = Descriptors.isConforming(code) ? cpu.cpl : Descriptors.dpl(code);
    long target = low & 0xffff | low >>> 32 & 0xffff_0000L | high << 32;
    if (!Control.canonical(cpu, target)) {
      throw cpu.raise(Vector.GP, 0);
    }
    long sp = longStack(cpu, (int) (low >>> 32) & 7, newCpl) & ~15L;
    boolean changes = newCpl != cpu.cpl;
    boolean error = pushesError(vector, source);
    long flags = pushedFlags(cpu, source);
    int bytes = error ? 48 : 40;
    SegmentCache ss = cpu.seg[Seg.SS];
    SegmentCache cs = cpu.seg[Seg.CS];
    long oldSp = cpu.r[Gpr.RSP];

    cpu.cpl = newCpl;
    cpu.privilegeChanged();
    if (!Control.canonical(cpu, sp - bytes)) {
      throw cpu.raise(Vector.SS, 0);
    }
    Mem.checkWrite(cpu, sp - bytes, bytes);
    Mem.store64(cpu, sp - 8, ss.selector);
    Mem.store64(cpu, sp - 16, oldSp);
    Mem.store64(cpu, sp - 24, flags);
    Mem.store64(cpu, sp - 32, cs.selector);
    Mem.store64(cpu, sp - 40, cpu.rip);
    if (error) {
      Mem.store64(cpu, sp - 48, errorCode);
    }
    if (changes) {
      ss.set(newCpl, 0, 0, newCpl << Seg.ATTR_DPL_SHIFT);
    }
    cpu.r[Gpr.RSP] = sp - bytes;
    Descriptors.fill(cs, selector & ~3 | newCpl, code);
    cpu.rip = target;
    maskFlags(cpu, type);
    cpu.modeChanged();
  }

  private static long longStack(Cpu cpu, int ist, int newCpl) {
    if (ist == 0 && newCpl == cpu.cpl) {
      return cpu.r[Gpr.RSP];
    }
    return tss64(cpu, ist != 0 ? 0x24 + (ist - 1) * 8 : 4 + newCpl * 8);
  }

  private static long tss64(Cpu cpu, int offset) {
    SegmentCache tss = cpu.seg[Cpu.TR];
    if (!tss.is(Seg.ATTR_P) || offset + 7 > tss.limit) {
      throw cpu.raise(Vector.TS, Descriptors.error(tss.selector));
    }
    return SystemMem.load(cpu, tss.base + offset, 64);
  }

  /** The code segment that a gate names. */
  private static long handlerCode(Cpu cpu, int selector, int external) {
    if (Descriptors.isNull(selector)) {
      throw cpu.raise(Vector.GP, external);
    }
    long gva = Descriptors.address(cpu, selector, 8);
    if (gva == -1) {
      throw cpu.raise(Vector.GP, Descriptors.error(selector) + external);
    }
    long code = SystemMem.load(cpu, gva, 64);
    if (!Descriptors.isCode(code) || Descriptors.dpl(code) > cpu.cpl) {
      throw cpu.raise(Vector.GP, Descriptors.error(selector) + external);
    }
    if (!Descriptors.present(code)) {
      throw cpu.raise(Vector.NP, Descriptors.error(selector) + external);
    }
    return Descriptors.markAccessed(cpu, selector, code);
  }

  // Legacy protected mode and virtual-8086 mode

  private static void deliverProtected(Cpu cpu, int vector, long errorCode, Source source) {
    int idtError = vector * 8 + 2 + externalBit(source);
    if (vector * 8 + 7 > cpu.idtLimit) {
      throw cpu.raise(Vector.GP, idtError);
    }
    long gate = SystemMem.load(cpu, SystemMem.wrap(cpu, cpu.idtBase + vector * 8L), 64);
    int type = Descriptors.type(gate);
    boolean wide = (type & 8) != 0;
    boolean task = type == Seg.TYPE_TASK_GATE;
    int external = externalBit(source);
    if (Descriptors.isSegment(gate)
        || (type & 7) != 6 && (type & 7) != 7 && !task
        || source == Source.SOFTWARE && Descriptors.dpl(gate) < cpu.cpl) {
      throw cpu.raise(Vector.GP, idtError);
    }
    if (!Descriptors.present(gate)) {
      throw cpu.raise(Vector.NP, idtError);
    }
    if (task) {
      boolean error = pushesError(vector, source);
      TaskSwitch.event(cpu, gate, external, pushedFlags(cpu, source), error, errorCode);
      return;
    }
    int selector = (int) (gate >>> 16) & 0xffff;
    long code = handlerCode(cpu, selector, external);
    boolean conforming = Descriptors.isConforming(code);
    boolean fromV86 = cpu.v8086();
    if (fromV86 && (conforming || Descriptors.dpl(code) != 0)) {
      throw cpu.raise(Vector.GP, Descriptors.error(selector) + external);
    }
    int newCpl = conforming ? cpu.cpl : Descriptors.dpl(code);
    long target = gate & 0xffff | (wide ? gate >>> 32 & 0xffff_0000L : 0);
    if (target > Descriptors.limit(code)) {
      throw cpu.raise(Vector.GP, external);
    }
    Frame frame = new Frame(cpu, wide ? 4 : 2, external);
    if (newCpl != cpu.cpl) {
      frame.innerStack(newCpl);
    }
    long flags = pushedFlags(cpu, source);
    cpu.cpl = newCpl;
    cpu.privilegeChanged();
    if (fromV86) {
      frame.push(cpu.seg[Seg.GS].selector);
      frame.push(cpu.seg[Seg.FS].selector);
      frame.push(cpu.seg[Seg.DS].selector);
      frame.push(cpu.seg[Seg.ES].selector);
    }
    if (frame.changesStack()) {
      frame.push(cpu.seg[Seg.SS].selector);
      frame.push(cpu.r[Gpr.RSP]);
    }
    frame.push(flags);
    frame.push(cpu.seg[Seg.CS].selector);
    frame.push(cpu.rip);
    if (pushesError(vector, source)) {
      frame.push(errorCode);
    }
    frame.commit();
    if (fromV86) {
      for (int s : new int[] {Seg.ES, Seg.DS, Seg.FS, Seg.GS}) {
        cpu.seg[s].set(0, 0, 0, 0);
      }
    }
    Descriptors.fill(cpu.seg[Seg.CS], selector & ~3 | newCpl, code);
    cpu.rip = target;
    maskFlags(cpu, type);
    cpu.modeChanged();
  }

  /** A stack frame under construction in legacy mode: SS and rSP change only at the end. */
  static final class Frame {
    private final Cpu cpu;
    private final int bytes;
    private final int external;
    private int selector;
    private long descriptor;
    private boolean changes;
    private final SegmentCache ss = new SegmentCache();
    private long sp;
    private boolean big;

    /**
     * @param bytes size of a slot: 2 or 4
     * @param external bit 0 of error codes
     */
    Frame(Cpu cpu, int bytes, int external) {
      this.cpu = cpu;
      this.bytes = bytes;
      this.external = external;
      SegmentCache old = cpu.seg[Seg.SS];
      ss.set(old.selector, old.base, old.limit, old.attributes);
      this.sp = cpu.r[Gpr.RSP];
      this.big = ss.is(Seg.ATTR_DB);
    }

    /** Takes the stack for a privilege level from the TSS. */
    void innerStack(int cpl) {
      SegmentCache tss = cpu.seg[Cpu.TR];
      boolean tss32 = (tss.attributes & 8) != 0;
      int offset = tss32 ? 4 + cpl * 8 : 2 + cpl * 4;
      if (!tss.is(Seg.ATTR_P) || offset + (tss32 ? 5 : 3) > tss.limit) {
        throw cpu.raise(Vector.TS, Descriptors.error(tss.selector) + external);
      }
      sp = SystemMem.load(cpu, tss.base + offset, tss32 ? 32 : 16);
      selector = (int) SystemMem.load(cpu, tss.base + offset + (tss32 ? 4 : 2), 16);
      if (Descriptors.isNull(selector)) {
        throw cpu.raise(Vector.TS, Descriptors.error(selector) + external);
      }
      try {
        descriptor = Descriptors.read(cpu, selector, Vector.TS);
        Segments.checkStack(cpu, selector, descriptor, cpl, Vector.TS);
      } catch (GuestFault fault) {
        boolean about = fault.vector() == Vector.TS || fault.vector() == Vector.SS;
        throw about ? cpu.raise(fault.vector(), fault.errorCode() | external) : fault;
      }
      descriptor = Descriptors.markAccessed(cpu, selector, descriptor);
      Descriptors.fill(ss, selector, descriptor);
      big = ss.is(Seg.ATTR_DB);
      changes = true;
    }

    boolean changesStack() {
      return changes;
    }

    void push(long value) {
      sp = Operands.zeroExtend(sp - bytes, big ? 32 : 16) | (big ? 0 : sp & 0xffff_0000L);
      long offset = Operands.zeroExtend(sp, big ? 32 : 16);
      if (!Ea.within(ss, offset, bytes)) {
        throw cpu.raise(Vector.SS, (changes ? Descriptors.error(selector) : 0) + external);
      }
      Mem.store(cpu, ss.base + offset & 0xffff_ffffL, bytes * 8, value);
    }

    void commit() {
      if (changes) {
        Descriptors.fill(cpu.seg[Seg.SS], selector, descriptor);
      }
      Operands.setGpr(cpu, Gpr.RSP, big ? 32 : 16, sp);
    }
  }
}
