package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;

/**
 * Virtual interrupts: what IOPL-sensitive instructions do in virtual-8086 mode and in protected
 * mode at CPL 3, with and without CR4.VME and CR4.PVI. APM Vol. 2, 8.10 and 12.3.
 *
 * <pre>
 *                        IOPL 3            IOPL < 3, no VME    IOPL < 3, VME
 *   CLI, STI             IF                #GP                 VIF (protected mode: with PVI)
 *   PUSHF, POPF, IRET    IF                #GP                 VIF in IF's place; 32 bits wide: #GP
 *   INT n, bitmap 0      VME: IVT          -                   IVT, VIF in IF's place
 *   INT n, bitmap 1      IDT               #GP                 #GP
 * </pre>
 */
final class Virtual {
  private static final int REDIRECTION_BYTES = 32;
  private static final int IO_MAP = 0x66;

  private Virtual() {}

  /** Virtual-8086 mode at an IOPL that does not trust it. */
  static boolean sensitive(Cpu cpu) {
    return cpu.v8086() && cpu.iopl() < 3;
  }

  /** {@link #sensitive}, with VIF to go on with: 16-bit operands only, else #GP(0). */
  static boolean flagsVirtual(Cpu cpu, int width) {
    if (!sensitive(cpu)) {
      return false;
    }
    if ((cpu.cr4 & Cr4.VME) == 0 || width != 16) {
      throw cpu.generalProtection();
    }
    return true;
  }

  // CLI and STI

  static void setInterrupts(Cpu cpu, boolean on) {
    if (!cpu.protectedMode() || cpu.cpl <= cpu.iopl()) {
      // STI: interrupts are held off until after the next instruction, if they were off before.
      if (on && (cpu.systemFlags & Rflags.IF) == 0) {
        cpu.interruptShadow = true;
      }
      setBit(cpu, Rflags.IF, on);
      return;
    }
    boolean virtual =
        cpu.v8086() ? (cpu.cr4 & Cr4.VME) != 0 : cpu.cpl == 3 && (cpu.cr4 & Cr4.PVI) != 0;
    if (!virtual || on && (cpu.systemFlags & Rflags.VIP) != 0) {
      throw cpu.generalProtection();
    }
    setBit(cpu, Rflags.VIF, on);
  }

  private static void setBit(Cpu cpu, int bit, boolean on) {
    cpu.systemFlags = on ? cpu.systemFlags | bit : cpu.systemFlags & ~bit;
  }

  // Flags on the stack

  /** FLAGS as PUSHF and INT n push them: VIF in IF's place, IOPL 3. */
  static long flags(Cpu cpu) {
    long flags = Flags.all(cpu) & ~Rflags.IF | Rflags.IOPL;
    return (cpu.systemFlags & Rflags.VIF) != 0 ? flags | Rflags.IF : flags;
  }

  /** #GP(0) if FLAGS with these bits cannot be taken by POPF or IRET. */
  static void checkFlags(Cpu cpu, long flags) {
    boolean pending = (flags & Rflags.IF) != 0 && (cpu.systemFlags & Rflags.VIP) != 0;
    if (pending || (flags & Rflags.TF) != 0) {
      throw cpu.generalProtection();
    }
  }

  /** Takes FLAGS: IF goes to VIF; IF and IOPL stay. */
  static void setFlags(Cpu cpu, long flags) {
    int may = Rflags.STATUS | Rflags.DF | Rflags.NT | Rflags.TF;
    int next = (int) Flags.all(cpu) & ~may | (int) flags & may;
    next = (flags & Rflags.IF) != 0 ? next | Rflags.VIF : next & ~Rflags.VIF;
    Flags.setAll(cpu, next & ~Rflags.RF);
    cpu.privilegeChanged();
  }

  // INT n

  /** INT n in virtual-8086 mode: true if the interrupt table at 0 was used. */
  static boolean interrupt(Cpu cpu, int vector) {
    boolean redirected = (cpu.cr4 & Cr4.VME) != 0 && !intercepted(cpu, vector);
    if (!redirected) {
      if (cpu.iopl() < 3) {
        throw cpu.generalProtection();
      }
      return false;
    }
    boolean sensitive = sensitive(cpu);
    long entry = Mem.load32(cpu, vector * 4L) & 0xffff_ffffL;
    long sp = cpu.r[Gpr.RSP];
    boolean done = false;
    try {
      Stack.push(cpu, sensitive ? flags(cpu) : Flags.all(cpu), 16);
      Stack.push(cpu, cpu.seg[Seg.CS].selector, 16);
      Stack.push(cpu, cpu.rip, 16);
      done = true;
    } finally {
      if (!done) {
        cpu.r[Gpr.RSP] = sp;
      }
    }
    cpu.systemFlags &= ~(Rflags.TF | Rflags.NT | (sensitive ? Rflags.VIF : Rflags.IF));
    SegmentCache cs = cpu.seg[Seg.CS];
    cs.selector = (int) (entry >>> 16);
    cs.base = entry >>> 16 << 4;
    cpu.rip = entry & 0xffff;
    cpu.modeChanged();
    return true;
  }

  /** The bit of the TSS's redirection map, which lies below the I/O permission map. */
  private static boolean intercepted(Cpu cpu, int vector) {
    SegmentCache tss = cpu.seg[Cpu.TR];
    if (!tss.is(Seg.ATTR_P) || (tss.attributes & 8) == 0 || tss.limit < IO_MAP + 1) {
      throw cpu.generalProtection();
    }
    long at = SystemMem.load(cpu, tss.base + IO_MAP, 16) - REDIRECTION_BYTES + (vector >> 3);
    if (at < 0 || at > tss.limit) {
      throw cpu.generalProtection();
    }
    return (SystemMem.load(cpu, tss.base + at, 8) >> (vector & 7) & 1) != 0;
  }
}
