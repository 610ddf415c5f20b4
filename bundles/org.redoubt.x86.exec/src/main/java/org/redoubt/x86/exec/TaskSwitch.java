package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Dr;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;

/**
 * Hardware task switches, in legacy protected mode only. APM Vol. 2, 12.2 to 12.4.
 *
 * <p>What is wrong with the way to the new task (its descriptor, the size of its TSS, pages that
 * are absent) faults in the old task, and nothing has changed. What is wrong with the new task's
 * own segments faults in the new task, before its first instruction. To know which, the new task's
 * segments are looked up before anything is changed, so that an exit in between starts the
 * instruction again.
 *
 * <pre>
 *                    link   CR3   rIP   flags  registers   segments    LDT   T
 *   16-bit TSS  2Ch   0h     -    0Eh    10h   12h AX..DI  22h ES..DS  2Ah   -
 *   32-bit TSS  68h   0h    1Ch   20h    24h   28h EAX..   48h ES..GS  60h   64h
 * </pre>
 */
final class TaskSwitch {
  private static final int LINK = 0;
  private static final int CR3 = 0x1c;
  private static final int TRAP = 0x64;
  private static final int BYTES_16 = 0x2c;
  private static final int BYTES_32 = 0x68;

  /** A bit of a descriptor's type: the TSS is in use. */
  private static final int BUSY = 2;

  /** Bit 3 of a descriptor's type: a 32-bit TSS. */
  private static final int WIDE = 8;

  private static final long DR7_LOCAL = 0x155;

  /** The order in which segments are checked. */
  private static final int[] ORDER = {Seg.CS, Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS};

  private final Cpu cpu;

  /** Bit 0 of error codes: the event is not an instruction's. */
  private final int external;

  /** RFLAGS of the old task, as they are to be saved. */
  private final long oldFlags;

  /** IRET: NMIs are accepted again. */
  private boolean returns;

  // The new task, as its TSS has it

  private int selector;
  private long descriptor;
  private boolean wide;
  private long cr3;
  private long rip;
  private long flags;
  private boolean trap;
  private final long[] gpr = new long[8];

  /** ES, CS, SS, DS, FS, GS, LDTR. */
  private final int[] selectors = new int[7];

  // What became of its segments

  private final SegmentCache[] segments = new SegmentCache[7];
  private int cpl;
  private int faultVector = -1;
  private long faultError;
  private long faultAddress;

  private TaskSwitch(Cpu cpu, int external, long oldFlags) {
    this.cpu = cpu;
    this.external = external;
    this.oldFlags = oldFlags;
  }

  // Ways in

  /** JMP or CALL to a selector whose descriptor is not a segment's, nor a call gate's. */
  static void jump(Cpu cpu, int selector, long d, boolean call) {
    int type = Descriptors.type(d);
    boolean gate = type == Seg.TYPE_TASK_GATE;
    if (cpu.longMode()
        || !gate && (type & ~WIDE) != Seg.TYPE_TSS16
        || !gate && (selector & 4) != 0
        || Descriptors.dpl(d) < Math.max(cpu.cpl, selector & 3)) {
      throw Descriptors.gp(cpu, selector);
    }
    TaskSwitch task = new TaskSwitch(cpu, 0, Flags.all(cpu));
    if (gate) {
      if (!Descriptors.present(d)) {
        throw Descriptors.fault(cpu, Vector.NP, selector);
      }
      task.find(d);
    } else {
      task.selector = selector;
      task.descriptor = d;
    }
    task.run(call, !call, 0, 0);
  }

  /**
   * An event whose IDT entry is a task gate, which is present and may be used.
   *
   * @param external 1 if the event is not an instruction's
   * @param pushedFlags what is saved as the old task's RFLAGS
   * @param hasError whether the new task finds an error code on its stack
   */
  static void event(
      Cpu cpu, long gate, int external, long pushedFlags, boolean hasError, long errorCode) {
    TaskSwitch task = new TaskSwitch(cpu, external, pushedFlags);
    task.find(gate);
    task.run(true, false, hasError ? task.isWide() ? 4 : 2 : 0, errorCode);
  }

  /** IRET with RFLAGS.NT set: back to the task that the link names. */
  static void back(Cpu cpu) {
    if (cpu.longMode()) {
      throw cpu.generalProtection();
    }
    TaskSwitch task = new TaskSwitch(cpu, 0, Flags.all(cpu) & ~Rflags.NT);
    task.selector = (int) SystemMem.load(cpu, cpu.seg[Cpu.TR].base + LINK, 16);
    task.read(Vector.TS, Seg.TYPE_TSS16_BUSY);
    task.returns = true;
    task.run(false, true, 0, 0);
  }

  /** The TSS that a task gate names. */
  private void find(long gate) {
    selector = (int) (gate >>> 16) & 0xffff;
    read(Vector.GP, Seg.TYPE_TSS16);
  }

  private void read(int vector, int type) {
    boolean global = !Descriptors.isNull(selector) && (selector & 4) == 0;
    long gva = global ? Descriptors.address(cpu, selector, 8) : -1;
    if (gva == -1) {
      throw fault(vector, selector);
    }
    descriptor = SystemMem.load(cpu, gva, 64);
    if (Descriptors.isSegment(descriptor) || (Descriptors.type(descriptor) & ~WIDE) != type) {
      throw fault(vector, selector);
    }
  }

  private boolean isWide() {
    return (Descriptors.type(descriptor) & WIDE) != 0;
  }

  private GuestFault fault(int vector, int about) {
    return cpu.raise(vector, Descriptors.error(about) + external);
  }

  // The switch

  /**
   * @param link whether the new task gets a link to the old one
   * @param leave whether the old task is no longer busy
   * @param errorBytes size of an error code to be pushed, or 0
   */
  private void run(boolean link, boolean leave, int errorBytes, long errorCode) {
    SegmentCache old = cpu.seg[Cpu.TR];
    boolean oldWide = (old.attributes & WIDE) != 0;
    wide = isWide();
    if (!Descriptors.present(descriptor)) {
      throw fault(Vector.NP, selector);
    }
    if (Descriptors.limit(descriptor) < bytes(wide) - 1) {
      throw fault(Vector.TS, selector);
    }
    if (!old.is(Seg.ATTR_P) || old.limit < bytes(oldWide) - 1) {
      throw fault(Vector.TS, old.selector);
    }
    readTask();
    long oldDescriptor = Descriptors.address(cpu, old.selector, 8);
    SystemMem.checkWrite(cpu, old.base, bytes(oldWide));
    SystemMem.checkWrite(cpu, Descriptors.address(cpu, selector, 8) + 5, 1);
    if (link) {
      SystemMem.checkWrite(cpu, base() + LINK, 2);
    }
    if (leave && oldDescriptor != -1) {
      SystemMem.checkWrite(cpu, oldDescriptor + 5, 1);
    }
    lookUpAll(errorBytes);

    // Nothing below faults.
    save(old.base, oldWide);
    if (leave && oldDescriptor != -1) {
      SystemMem.clearBits(cpu, oldDescriptor + 5, BUSY);
    }
    SystemMem.setBits(cpu, Descriptors.address(cpu, selector, 8) + 5, BUSY);
    if (link) {
      SystemMem.store(cpu, base() + LINK, 16, old.selector);
    }
    take(link);
    if (errorBytes != 0 && faultVector < 0) {
      Stack.push(cpu, errorCode, errorBytes * 8);
    }
    finish();
  }

  private static int bytes(boolean isWide) {
    return isWide ? BYTES_32 : BYTES_16;
  }

  private long base() {
    return Descriptors.base(descriptor);
  }

  private long field(int offset, int width) {
    return SystemMem.load(cpu, base() + offset, width);
  }

  private void readTask() {
    int width = wide ? 32 : 16;
    int step = width / 8;
    int at = wide ? 0x20 : 0xe;
    rip = field(at, width);
    flags = field(at + step, width);
    for (int i = 0; i < 8; i++) {
      long value = field(at + 2 * step + i * step, width);
      gpr[i] = wide ? value : value | 0xffff_0000L;
    }
    for (int i = 0; i < (wide ? 6 : 4); i++) {
      selectors[i] = (int) field(at + 10 * step + i * step, 16);
    }
    selectors[Cpu.LDTR] = (int) field(wide ? 0x60 : 0x2a, 16);
    trap = wide && (field(TRAP, 16) & 1) != 0;
    cr3 = wide && (cpu.cr0 & Cr0.PG) != 0 ? field(CR3, 32) : cpu.cr3;
  }

  private void save(long at, boolean toWide) {
    int width = toWide ? 32 : 16;
    int step = width / 8;
    long first = at + (toWide ? 0x20 : 0xe);
    SystemMem.store(cpu, first, width, cpu.rip);
    SystemMem.store(cpu, first + step, width, oldFlags);
    for (int i = 0; i < 8; i++) {
      SystemMem.store(cpu, first + 2 * step + i * step, width, cpu.r[i]);
    }
    for (int i = 0; i < (toWide ? 6 : 4); i++) {
      SystemMem.store(cpu, first + 10 * step + i * step, 16, cpu.seg[i].selector);
    }
  }

  /** The new task's registers become the processor's. */
  private void take(boolean link) {
    SegmentCache tr = cpu.seg[Cpu.TR];
    Descriptors.fill(tr, selector, descriptor);
    tr.attributes |= BUSY;
    boolean paging = wide && (cpu.cr0 & Cr0.PG) != 0;
    cpu.cr3 = cr3;
    cpu.cr0 |= Cr0.TS;
    cpu.dr[7] &= ~DR7_LOCAL;
    if (paging) {
      usePaging(cr3);
    }
    Flags.setAll(cpu, flags | (link ? Rflags.NT : 0));
    System.arraycopy(gpr, 0, cpu.r, 0, 8);
    for (int i = 0; i < 7; i++) {
      SegmentCache s = segments[i];
      cpu.seg[i].set(s.selector, s.base, s.limit, s.attributes);
    }
    cpu.rip = rip;
    cpu.cpl = cpl;
    cpu.nmiBlocked &= !returns;
    cpu.modeChanged();
    cpu.hooks.translationChanged();
  }

  private void usePaging(long newCr3) {
    cpu.mmu.setPaging(cpu.cr0, newCr3, cpu.cr4, cpu.efer);
    cpu.hooks.translationChanged();
  }

  /** Raises what was found, in the new task. */
  private void finish() {
    if (faultVector >= 0) {
      GuestFault fault =
          faultVector == Vector.PF
              ? cpu.fault.pageFault(faultAddress, faultError)
              : cpu.raise(faultVector, faultError);
      throw fault.inNewTask(false);
    }
    if (trap) {
      cpu.dr[6] |= Dr.DR6_BT;
      throw cpu.raise(Vector.DB).inNewTask(true);
    }
  }

  // The new task's segments

  /** Looks them up under the new task's CR3 and LDT; the first fault is kept for later. */
  private void lookUpAll(int errorBytes) {
    boolean paging = wide && (cpu.cr0 & Cr0.PG) != 0;
    if (paging && (cpu.cr4 & Cr4.PAE) != 0 && !cpu.mmu.checkPdptes(cr3)) {
      throw cpu.generalProtection();
    }
    for (int i = 0; i < 7; i++) {
      segments[i] = new SegmentCache();
      segments[i].selector = selectors[i];
    }
    SegmentCache oldLdt = cpu.seg[Cpu.LDTR];
    int oldCpl = cpu.cpl;
    cpu.seg[Cpu.LDTR] = segments[Cpu.LDTR];
    boolean virtual = wide && (flags & Rflags.VM) != 0;
    cpl = virtual ? 3 : selectors[Seg.CS] & 3;
    segments[Seg.SS].attributes = cpl << Seg.ATTR_DPL_SHIFT;
    if (paging) {
      usePaging(cr3);
    }
    try {
      lookUpLdt();
      if (virtual) {
        realSegments();
      } else {
        for (int i : ORDER) {
          lookUpSegment(i);
        }
      }
      cpu.cpl = cpl;
      cpu.privilegeChanged();
      lookUpEntry(errorBytes);
    } catch (GuestFault fault) {
      if (fault.vector() < 0) {
        throw fault;
      }
      faultVector = fault.vector();
      faultError = fault.errorCode();
      faultAddress = fault.faultAddress();
    } finally {
      cpu.seg[Cpu.LDTR] = oldLdt;
      cpu.cpl = oldCpl;
      if (paging) {
        usePaging(cpu.cr3);
      }
      cpu.privilegeChanged();
    }
  }

  private void lookUpLdt() {
    int ldt = selectors[Cpu.LDTR];
    if (Descriptors.isNull(ldt)) {
      return;
    }
    long gva = (ldt & 4) != 0 ? -1 : Descriptors.address(cpu, ldt, 8);
    if (gva == -1) {
      throw fault(Vector.TS, ldt);
    }
    long d = SystemMem.load(cpu, gva, 64);
    if (Descriptors.isSegment(d)
        || Descriptors.type(d) != Seg.TYPE_LDT
        || !Descriptors.present(d)) {
      throw fault(Vector.TS, ldt);
    }
    Descriptors.fill(segments[Cpu.LDTR], ldt, d);
  }

  private void realSegments() {
    for (int i = 0; i < 6; i++) {
      segments[i].set(
          selectors[i],
          (long) selectors[i] << 4,
          0xffff,
          Seg.ATTR_P | Seg.ATTR_DPL | Seg.ATTR_S | Seg.ATTR_RW | Seg.ATTR_ACCESSED);
    }
  }

  private void lookUpSegment(int segment) {
    int s = selectors[segment];
    if (Descriptors.isNull(s)) {
      if (segment == Seg.CS || segment == Seg.SS) {
        throw fault(Vector.TS, s);
      }
      return;
    }
    long gva = Descriptors.address(cpu, s, 8);
    if (gva == -1) {
      throw fault(Vector.TS, s);
    }
    long d = SystemMem.load(cpu, gva, 64);
    boolean code = Descriptors.isCode(d);
    boolean legal =
        switch (segment) {
          case Seg.CS ->
              code
                  && (Descriptors.isConforming(d)
                      ? Descriptors.dpl(d) <= cpl
                      : Descriptors.dpl(d) == cpl);
          case Seg.SS ->
              !code
                  && Descriptors.is(d, Seg.ATTR_RW)
                  && Descriptors.dpl(d) == cpl
                  && (s & 3) == cpl;
          default ->
              (!code || Descriptors.is(d, Seg.ATTR_RW))
                  && (code && Descriptors.isConforming(d)
                      || Descriptors.dpl(d) >= Math.max(cpl, s & 3));
        };
    if (!Descriptors.isSegment(d) || !legal) {
      throw fault(Vector.TS, s);
    }
    if (!Descriptors.present(d)) {
      throw fault(segment == Seg.SS ? Vector.SS : Vector.NP, s);
    }
    Descriptors.fill(segments[segment], s, Descriptors.markAccessed(cpu, s, d));
  }

  /** The error code's place on the new stack, and the entry point. CPL is the new task's. */
  private void lookUpEntry(int errorBytes) {
    if (errorBytes != 0) {
      SegmentCache ss = segments[Seg.SS];
      long mask = ss.is(Seg.ATTR_DB) ? 0xffff_ffffL : 0xffff;
      long offset = gpr[Gpr.RSP] - errorBytes & mask;
      if (!Ea.within(ss, offset, errorBytes)) {
        throw cpu.raise(Vector.SS, external);
      }
      Mem.checkWrite(cpu, ss.base + offset & 0xffff_ffffL, errorBytes);
    }
    if (rip > segments[Seg.CS].limit) {
      throw cpu.raise(Vector.GP, external);
    }
  }
}
