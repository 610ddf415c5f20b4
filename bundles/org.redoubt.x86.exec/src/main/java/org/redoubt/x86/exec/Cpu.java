package org.redoubt.x86.exec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Dr;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.CodeSize;

/**
 * The registers of one vCPU, and what its instructions reach. A plain carrier: the meanings work on
 * its fields, one thread at a time.
 */
public final class Cpu {
  /** Indexes of {@link #seg} beyond {@link Seg}. */
  public static final int LDTR = 6;

  public static final int TR = 7;

  // Integer state

  /** Index in {@link #r} of a register that is always zero, for addresses without base or index. */
  public static final int ZERO = 16;

  /** RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15, and one that is always zero. */
  public final long[] r = new long[17];

  /**
   * Offset in CS. While a meaning runs that ends a block: of the next instruction, to be changed by
   * a branch. While another runs: not kept.
   */
  public long rip;

  /** The status flags in a lazy form; {@link Flags} knows how to read them. */
  long flagResult;

  long flagCarry;
  long flagAux;

  /** RFLAGS but for the six status flags and bit 1. */
  public int systemFlags;

  // Segments

  /** ES, CS, SS, DS, FS, GS, LDTR, TR. */
  public final SegmentCache[] seg = new SegmentCache[8];

  public int cpl;
  public CodeSize codeSize = CodeSize.BITS16;
  public long gdtBase;
  public int gdtLimit;
  public long idtBase;
  public int idtLimit;

  // Control

  public long cr0;
  public long cr2;
  public long cr3;
  public long cr4;
  public long efer;
  public long xcr0;

  /** Rights by protection key; {@link #setPkru} changes it. */
  int pkru;

  /** DR0 to DR3, two unused, DR6, DR7. */
  public final long[] dr = new long[8];

  // Floating point and SIMD

  /** The x87, MMX and SSE registers. */
  public final Fpu fpu = new Fpu();

  // MSRs

  public long star;
  public long lstar;
  public long cstar;
  public long sfmask;
  public long sysenterCs;
  public long sysenterEsp;
  public long sysenterEip;
  public long kernelGsBase;
  public long tscAux;
  public long tscOffset;
  public long pat;
  public long xss;

  // Between instructions

  public boolean halted;

  /** Interrupts are held off for one instruction: STI, MOV SS, POP SS. */
  public boolean interruptShadow;

  public boolean nmiBlocked;

  /** Bits 3:0 of DR6 for the breakpoints on data and ports that were hit since it was cleared. */
  public long breakpointsHit;

  /**
   * The watch of {@link #watch} that was hit since this was cleared, from 1; 0 for none. The stop
   * flag is raised with it.
   */
  public int watchHit;

  /**
   * Repeated strings end after each piece, whatever the stop flag says, so that where they can be
   * interrupted does not depend on when somebody asks.
   */
  public boolean fixedPieces;

  /** Accesses that a debugger wants to hear of. */
  DebugStops.Watch[] watches = {};

  /** CR0.AM, RFLAGS.AC and CPL 3: a misaligned access raises #AC. */
  boolean alignmentChecked;

  // Surroundings

  /** Host address of the TLB block. */
  public final long tlbBlock;

  /** Host address of the bank in use, or of {@link Guard#NEVER_HITS}. */
  public long tlb;

  public int bank;
  public Mmu mmu;
  public final CpuBus bus;

  /** The C-bit in CR3 and page-table entries, if memory encryption is on; else 0. */
  public long encryptionMask;

  public final CpuModel model;
  public final GuestFault fault = new GuestFault();
  public final SystemHooks hooks;

  /** For those meanings that need room for a value wider than a long. */
  final long[] temp = new long[8];

  /** A page's worth of bytes on their way from one run to another. */
  final byte[] run = new byte[4096];

  private final MemorySegment tlbSegment;
  private long context;
  private long epoch;

  /** Base of the 16 or 32-bit code segment that was entered last. */
  private long codeBase;

  /**
   * A vCPU in the state after RESET.
   *
   * @param model what CPUID says
   * @param tlb block of {@link TlbLayout#BYTES} bytes
   * @param mmu fills the block
   * @param bus ports, devices, MSRs
   * @param hooks what the engine does for instructions
   */
  public Cpu(CpuModel model, MemorySegment tlb, Mmu mmu, CpuBus bus, SystemHooks hooks) {
    this.model = model;
    this.tlbSegment = tlb;
    this.tlbBlock = tlb.address();
    this.mmu = mmu;
    this.bus = bus;
    this.hooks = hooks;
    for (int i = 0; i < seg.length; i++) {
      seg[i] = new SegmentCache();
    }
    reset();
  }

  /** RESET. APM Vol. 2, Table 14-1. */
  public void reset() {
    java.util.Arrays.fill(r, 0);
    r[2] = model.signature();
    rip = 0xfff0;
    Flags.setAll(this, Rflags.FIXED);
    for (int i = 0; i < 8; i++) {
      seg[i].set(0, 0, 0xffff, Seg.ATTR_P | Seg.ATTR_S | Seg.ATTR_RW | Seg.ATTR_ACCESSED);
    }
    seg[Seg.CS].set(0xf000, 0xffff_0000L, 0xffff, seg[Seg.DS].attributes | Seg.ATTR_CODE);
    seg[LDTR].set(0, 0, 0xffff, Seg.ATTR_P | Seg.TYPE_LDT);
    seg[TR].set(0, 0, 0xffff, Seg.ATTR_P | Seg.TYPE_TSS_BUSY);
    cpl = 0;
    gdtBase = 0;
    gdtLimit = 0xffff;
    idtBase = 0;
    idtLimit = 0xffff;
    cr0 = Cr0.RESET;
    cr2 = 0;
    cr3 = 0;
    cr4 = 0;
    efer = 0;
    xcr0 = 1;
    setPkru(0);
    java.util.Arrays.fill(dr, 0);
    dr[6] = Dr.DR6_FIXED;
    dr[7] = Dr.DR7_FIXED;
    fpu.reset();
    pat = 0x0007_0406_0007_0406L;
    halted = false;
    interruptShadow = false;
    nmiBlocked = false;
    modeChanged();
  }

  // Derived state

  public boolean protectedMode() {
    return (cr0 & Cr0.PE) != 0;
  }

  public boolean longMode() {
    return (efer & Efer.LMA) != 0;
  }

  public boolean v8086() {
    return (systemFlags & Rflags.VM) != 0;
  }

  /** Real mode or virtual-8086 mode: a segment's base is its selector times 16. */
  public boolean realSegments() {
    return !protectedMode() || v8086();
  }

  public int iopl() {
    return systemFlags >> Rflags.IOPL_SHIFT & 3;
  }

  /** CS, CR0.PE or EFER.LMA has changed. */
  public void modeChanged() {
    SegmentCache cs = seg[Seg.CS];
    if (longMode() && cs.is(Seg.ATTR_L)) {
      codeSize = CodeSize.BITS64;
    } else {
      codeSize =
          cs.is(Seg.ATTR_DB) && protectedMode() && !v8086() ? CodeSize.BITS32 : CodeSize.BITS16;
    }
    if (codeSize != CodeSize.BITS64 && cs.base != codeBase) {
      codeBase = cs.base;
      epoch++;
    }
    privilegeChanged();
  }

  /** CPL, RFLAGS.AC, CR0.AM, CR4.SMAP or DR7 has changed. */
  public void privilegeChanged() {
    if (cpl == 3) {
      bank = TlbLayout.BANK_USER;
    } else if ((cr4 & Cr4.SMAP) != 0 && (systemFlags & Rflags.AC) != 0) {
      bank = TlbLayout.BANK_SUPERVISOR_AC;
    } else {
      bank = TlbLayout.BANK_SUPERVISOR;
    }
    alignmentChecked = cpl == 3 && (cr0 & Cr0.AM) != 0 && (systemFlags & Rflags.AC) != 0;
    selectBank(bank, guarded());
    contextChanged();
  }

  /** Each data access is looked at: alignment, breakpoints, a debugger's watches. */
  boolean guarded() {
    return alignmentChecked || watches.length != 0 || Breakpoints.onData(this);
  }

  /** Has accesses noted in {@link #watchHit} for a debugger, in place of those before. */
  public void watch(List<DebugStops.Watch> newWatches) {
    watches = newWatches.toArray(new DebugStops.Watch[0]);
    watchHit = 0;
    privilegeChanged();
  }

  void selectBank(int newBank, boolean isGuarded) {
    bank = newBank;
    tlb =
        isGuarded
            ? Guard.NEVER_HITS
            : tlbBlock + TlbLayout.BANKS_OFFSET + newBank * TlbLayout.BANK_BYTES;
  }

  /** Tells the MMU that a register it depends on has changed. */
  public void pagingChanged() {
    mmu.setPaging(cr0, cr3, cr4, efer);
    privilegeChanged();
  }

  public int pkru() {
    return pkru;
  }

  /** Sets PKRU; the next data access obeys it. */
  public void setPkru(int value) {
    pkru = value;
    mmu.setKeyRights(value);
  }

  /** Width of the stack pointer in bits. */
  public int stackBits() {
    if (codeSize == CodeSize.BITS64) {
      return 64;
    }
    return seg[Seg.SS].is(Seg.ATTR_DB) ? 32 : 16;
  }

  /**
   * A number that two moments share only if the same code at the same RIP means the same: no
   * translation, code size or privilege has changed in between.
   */
  public long context() {
    return context;
  }

  /** A translation may have changed: code found before is to be looked up again. */
  public void translationChanged() {
    epoch++;
    contextChanged();
  }

  private void contextChanged() {
    context = epoch << 3 | (bank == TlbLayout.BANK_USER ? 4 : 0) | codeSize.ordinal();
  }

  /** The TLB block, which must live as long as this object. */
  public MemorySegment tlbSegment() {
    return tlbSegment;
  }

  // Faults; to be thrown by the caller.

  /** An exception without an error code, or with error code 0. */
  public GuestFault raise(int vector) {
    return fault.exception(vector, 0);
  }

  public GuestFault raise(int vector, long errorCode) {
    return fault.exception(vector, errorCode);
  }

  public GuestFault undefined() {
    return fault.exception(org.redoubt.spec.x86.Vector.UD, 0);
  }

  /** #GP(0). */
  public GuestFault generalProtection() {
    return fault.exception(org.redoubt.spec.x86.Vector.GP, 0);
  }

  /** Leaves the engine; the instruction starts again later. */
  public GuestFault leave(Exit exit) {
    return fault.leave(exit);
  }

  /** The block is stale; used by engines only. */
  public GuestFault retry() {
    return fault.retry();
  }

  /** #GP(0) unless CPL is 0. */
  public void requireCpl0() {
    if (cpl != 0) {
      throw generalProtection();
    }
  }
}
