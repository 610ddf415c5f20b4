package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** SYSCALL, SYSRET, SYSENTER, SYSEXIT. APM Vol. 2, 6.1. */
final class FastCall {
  private static final int CODE =
      Seg.ATTR_P | Seg.ATTR_S | Seg.ATTR_CODE | Seg.ATTR_RW | Seg.ATTR_ACCESSED | Seg.ATTR_G;
  private static final int CODE64 = CODE | Seg.ATTR_L;
  private static final int CODE32 = CODE | Seg.ATTR_DB;
  private static final int DATA =
      Seg.ATTR_P | Seg.ATTR_S | Seg.ATTR_RW | Seg.ATTR_ACCESSED | Seg.ATTR_G | Seg.ATTR_DB;
  private static final long FLAT = 0xffff_ffffL;

  private FastCall() {}

  static void bind() {
    Meanings.bind(Op.SYSCALL, FastCall::syscall);
    Meanings.bind(Op.SYSRET, FastCall::sysret);
    Meanings.bind(Op.SYSENTER, FastCall::sysenter);
    Meanings.bind(Op.SYSEXIT, FastCall::sysexit);
  }

  private static void enter(Cpu cpu, int selector, int codeAttributes, int cpl) {
    int dpl = cpl << Seg.ATTR_DPL_SHIFT;
    cpu.cpl = cpl;
    cpu.seg[Seg.CS].set(selector & 0xfffc | cpl, 0, FLAT, codeAttributes | dpl);
    cpu.modeChanged();
  }

  private static void stack(Cpu cpu, int selector, int cpl) {
    cpu.seg[Seg.SS].set(selector & 0xffff, 0, FLAT, DATA | cpl << Seg.ATTR_DPL_SHIFT);
  }

  private static void syscall(Cpu cpu, Insn in) {
    if ((cpu.efer & Efer.SCE) == 0) {
      throw cpu.undefined();
    }
    int selector = (int) (cpu.star >>> 32) & 0xfffc;
    if (cpu.longMode()) {
      boolean from64 = cpu.codeSize == CodeSize.BITS64;
      cpu.r[Gpr.RCX] = cpu.rip;
      cpu.r[Gpr.R11] = Flags.all(cpu) & ~Rflags.RF;
      Flags.setAll(cpu, Flags.all(cpu) & ~cpu.sfmask & ~Rflags.RF);
      enter(cpu, selector, CODE64, 0);
      stack(cpu, selector + 8, 0);
      cpu.rip = from64 ? cpu.lstar : cpu.cstar;
    } else {
      cpu.r[Gpr.RCX] = cpu.rip & FLAT;
      Flags.setAll(cpu, Flags.all(cpu) & ~(Rflags.IF | Rflags.VM | Rflags.RF));
      enter(cpu, selector, CODE32, 0);
      stack(cpu, selector + 8, 0);
      cpu.rip = cpu.star & FLAT;
    }
  }

  /** SYSRET: the target is not checked before the privilege is lowered, as on AMD. */
  private static void sysret(Cpu cpu, Insn in) {
    if ((cpu.efer & Efer.SCE) == 0) {
      throw cpu.undefined();
    }
    if (!cpu.protectedMode() || cpu.cpl != 0) {
      throw cpu.generalProtection();
    }
    int selector = (int) (cpu.star >>> 48) & 0xffff;
    boolean to64 = cpu.codeSize == CodeSize.BITS64 && in.operandSize == 64;
    long target = to64 ? cpu.r[Gpr.RCX] : cpu.r[Gpr.RCX] & FLAT;
    if (cpu.longMode()) {
      Flags.setAll(cpu, cpu.r[Gpr.R11] & ~(Rflags.RF | Rflags.VM));
    } else {
      cpu.systemFlags |= Rflags.IF;
    }
    enter(cpu, to64 ? selector + 16 : selector, to64 ? CODE64 : CODE32, 3);
    stack(cpu, selector + 8 | 3, 3);
    cpu.rip = target;
  }

  /** SYSENTER: AMD has it outside long mode only. */
  private static void sysenter(Cpu cpu, Insn in) {
    if (cpu.longMode()) {
      throw cpu.undefined();
    }
    int selector = (int) cpu.sysenterCs & 0xfffc;
    if (!cpu.protectedMode() || selector == 0) {
      throw cpu.generalProtection();
    }
    cpu.systemFlags &= ~(Rflags.IF | Rflags.VM | Rflags.RF);
    enter(cpu, selector, CODE32, 0);
    stack(cpu, selector + 8, 0);
    cpu.r[Gpr.RSP] = cpu.sysenterEsp & FLAT;
    cpu.rip = cpu.sysenterEip & FLAT;
  }

  private static void sysexit(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    if (cpu.longMode()) {
      throw cpu.undefined();
    }
    int selector = (int) cpu.sysenterCs & 0xfffc;
    if (!cpu.protectedMode() || selector == 0) {
      throw cpu.generalProtection();
    }
    long target = cpu.r[Gpr.RDX] & FLAT;
    long sp = cpu.r[Gpr.RCX] & FLAT;
    enter(cpu, selector + 16, CODE32, 3);
    stack(cpu, selector + 24 | 3, 3);
    cpu.r[Gpr.RSP] = sp;
    cpu.rip = target;
  }
}
