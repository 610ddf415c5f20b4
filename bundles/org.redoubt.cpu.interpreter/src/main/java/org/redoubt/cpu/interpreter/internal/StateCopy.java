package org.redoubt.cpu.interpreter.internal;

import java.util.Map;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Msr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;
import org.redoubt.x86.exec.SegmentCache;
import org.redoubt.x86.exec.StateSave;

/** Copies state between the interpreter and the form that all engines share. */
final class StateCopy {
  private StateCopy() {}

  static void export(Cpu cpu, CpuState s) {
    System.arraycopy(cpu.r, 0, s.gpr, 0, 16);
    s.rip = cpu.rip;
    s.rflags = Flags.all(cpu);
    for (int i = 0; i < 8; i++) {
      SegmentCache c = cpu.seg[i];
      s.selector[i] = c.selector;
      s.base[i] = c.base;
      s.limit[i] = c.limit;
      s.attributes[i] = c.attributes;
    }
    s.gdtBase = cpu.gdtBase;
    s.gdtLimit = cpu.gdtLimit;
    s.idtBase = cpu.idtBase;
    s.idtLimit = cpu.idtLimit;
    s.cr0 = cpu.cr0;
    s.cr2 = cpu.cr2;
    s.cr3 = cpu.cr3;
    s.cr4 = cpu.cr4;
    s.cr8 = cpu.hooks.cr8();
    s.xcr0 = cpu.xcr0;
    System.arraycopy(cpu.dr, 0, s.dr, 0, 8);
    s.msr.put(Msr.EFER, cpu.efer);
    s.msr.put(Msr.STAR, cpu.star);
    s.msr.put(Msr.LSTAR, cpu.lstar);
    s.msr.put(Msr.CSTAR, cpu.cstar);
    s.msr.put(Msr.SFMASK, cpu.sfmask);
    s.msr.put(Msr.KERNEL_GS_BASE, cpu.kernelGsBase);
    s.msr.put(Msr.TSC_AUX, cpu.tscAux);
    s.msr.put(Msr.TSC, cpu.hooks.tsc() + cpu.tscOffset);
    s.msr.put(Msr.SYSENTER_CS, cpu.sysenterCs);
    s.msr.put(Msr.SYSENTER_ESP, cpu.sysenterEsp);
    s.msr.put(Msr.SYSENTER_EIP, cpu.sysenterEip);
    s.msr.put(Msr.PAT, cpu.pat);
    StateSave.exportTo(cpu, s.xsave);
    s.halted = cpu.halted;
    s.interruptShadow = cpu.interruptShadow;
    s.nmiBlocked = cpu.nmiBlocked;
  }

  /** Refuses what no processor can be in. */
  static void check(CpuState s) {
    long efer = s.msr.getOrDefault(Msr.EFER, 0L);
    boolean paging = (s.cr0 & Cr0.PG) != 0;
    boolean longMode = (efer & Efer.LMA) != 0;
    if ((s.cr0 & ~Cr0.DEFINED) != 0 || paging && (s.cr0 & Cr0.PE) == 0) {
      throw new IllegalArgumentException("CR0 of %x is not legal".formatted(s.cr0));
    }
    if (longMode != (paging && (efer & Efer.LME) != 0)) {
      throw new IllegalArgumentException(
          "EFER of %x does not go with CR0 of %x".formatted(efer, s.cr0));
    }
    if (s.rflags >>> 22 != 0) {
      throw new IllegalArgumentException("RFLAGS of %x is not legal".formatted(s.rflags));
    }
  }

  static void copyIn(Cpu cpu, CpuState s) {
    System.arraycopy(s.gpr, 0, cpu.r, 0, 16);
    cpu.rip = s.rip;
    Flags.setAll(cpu, s.rflags);
    for (int i = 0; i < 8; i++) {
      SegmentCache c = cpu.seg[i];
      c.selector = s.selector[i];
      c.base = s.base[i];
      c.limit = s.limit[i];
      c.attributes = s.attributes[i];
    }
    cpu.gdtBase = s.gdtBase;
    cpu.gdtLimit = s.gdtLimit;
    cpu.idtBase = s.idtBase;
    cpu.idtLimit = s.idtLimit;
    cpu.cr0 = s.cr0 | Cr0.ET;
    cpu.cr2 = s.cr2;
    cpu.cr3 = s.cr3;
    cpu.cr4 = s.cr4;
    cpu.hooks.setCr8((int) s.cr8);
    cpu.xcr0 = s.xcr0;
    System.arraycopy(s.dr, 0, cpu.dr, 0, 8);
    cpu.efer = msr(s.msr, Msr.EFER, 0);
    cpu.star = msr(s.msr, Msr.STAR, 0);
    cpu.lstar = msr(s.msr, Msr.LSTAR, 0);
    cpu.cstar = msr(s.msr, Msr.CSTAR, 0);
    cpu.sfmask = msr(s.msr, Msr.SFMASK, 0);
    cpu.kernelGsBase = msr(s.msr, Msr.KERNEL_GS_BASE, 0);
    cpu.tscAux = msr(s.msr, Msr.TSC_AUX, 0);
    Long tsc = s.msr.get(Msr.TSC);
    if (tsc != null) {
      cpu.tscOffset = tsc - cpu.hooks.tsc();
    }
    cpu.sysenterCs = msr(s.msr, Msr.SYSENTER_CS, 0);
    cpu.sysenterEsp = msr(s.msr, Msr.SYSENTER_ESP, 0);
    cpu.sysenterEip = msr(s.msr, Msr.SYSENTER_EIP, 0);
    cpu.pat = msr(s.msr, Msr.PAT, 0x0007_0406_0007_0406L);
    StateSave.importFrom(cpu, s.xsave);
    cpu.halted = s.halted;
    cpu.interruptShadow = s.interruptShadow;
    cpu.nmiBlocked = s.nmiBlocked;
    SegmentCache ss = cpu.seg[Seg.SS];
    cpu.cpl = !cpu.protectedMode() ? 0 : (s.rflags & Rflags.VM) != 0 ? 3 : ss.dpl();
    cpu.modeChanged();
  }

  private static long msr(Map<Integer, Long> msrs, int number, long otherwise) {
    return msrs.getOrDefault(number, otherwise);
  }
}
