package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Cpuid;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Msr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Xcr0;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** CPUID, MSRs, time, HLT, cache control, random numbers, hypercalls. */
public final class SystemOps {
  private SystemOps() {}

  static void bind() {
    Meanings.bind(Op.CPUID, SystemOps::cpuid);
    Meanings.bind(Op.RDMSR, SystemOps::rdmsr);
    Meanings.bind(Op.WRMSR, SystemOps::wrmsr);
    Meanings.bind(Op.RDTSC, SystemOps::rdtsc);
    Meanings.bind(Op.RDTSCP, SystemOps::rdtscp);
    Meanings.bind(Op.RDPMC, SystemOps::rdpmc);
    Meanings.bind(Op.RDPID, (cpu, in) -> store(cpu, in, 0, cpu.tscAux));
    Meanings.bind(Op.HLT, SystemOps::hlt);
    Meanings.bind(Op.SWAPGS, SystemOps::swapgs);
    Meanings.bind(Op.RDFSBASE, (cpu, in) -> readBase(cpu, in, Seg.FS));
    Meanings.bind(Op.RDGSBASE, (cpu, in) -> readBase(cpu, in, Seg.GS));
    Meanings.bind(Op.WRFSBASE, (cpu, in) -> writeBase(cpu, in, Seg.FS));
    Meanings.bind(Op.WRGSBASE, (cpu, in) -> writeBase(cpu, in, Seg.GS));
    Meanings.bind(Op.RDRAND, SystemOps::random);
    Meanings.bind(Op.RDSEED, SystemOps::random);
    Meanings.bind(Op.XGETBV, SystemOps::xgetbv);
    Meanings.bind(Op.XSETBV, SystemOps::xsetbv);
    Meanings.bind(Op.RDPKRU, SystemOps::rdpkru);
    Meanings.bind(Op.WRPKRU, SystemOps::wrpkru);
    Meanings.bind(Op.INVD, SystemOps::flushCaches);
    Meanings.bind(Op.WBINVD, SystemOps::flushCaches);
    Meanings.bind(Op.WBNOINVD, SystemOps::flushCaches);
    Meanings.bind(Op.CLFLUSH, SystemOps::flushLine);
    Meanings.bind(Op.CLFLUSHOPT, SystemOps::flushLine);
    Meanings.bind(Op.CLWB, SystemOps::flushLine);
    Meanings.bind(Op.CLZERO, SystemOps::clzero);
    Meanings.bind(Op.PREFETCH, (cpu, in) -> {});
    Meanings.bind(Op.LFENCE, (cpu, in) -> {});
    Meanings.bind(Op.SFENCE, (cpu, in) -> {});
    Meanings.bind(Op.MFENCE, (cpu, in) -> java.lang.invoke.VarHandle.fullFence());
    Meanings.bind(Op.VMMCALL, SystemOps::hypercall);
    Meanings.bind(Op.VMCALL, SystemOps::hypercall);
    // Without SEV-ES a VMGEXIT is a VMMCALL.
    Meanings.bind(Op.VMGEXIT, SystemOps::hypercall);
    Meanings.bind(Op.MONITOR, (cpu, in) -> cpu.requireCpl0());
    Meanings.bind(Op.MWAIT, SystemOps::hlt);
    Meanings.bind(Op.MONITORX, (cpu, in) -> {});
    Meanings.bind(Op.MWAITX, (cpu, in) -> {});
  }

  // CPUID

  private static void cpuid(Cpu cpu, Insn in) {
    int leaf = (int) cpu.r[Gpr.RAX];
    int subleaf = (int) cpu.r[Gpr.RCX];
    int[] registers = new int[4];
    cpu.model.cpuid(leaf, subleaf, registers);
    adjust(cpu, leaf, subleaf, registers);
    cpu.bus.cpuid(leaf, subleaf, registers);
    cpu.r[Gpr.RAX] = registers[0] & 0xffff_ffffL;
    cpu.r[Gpr.RBX] = registers[1] & 0xffff_ffffL;
    cpu.r[Gpr.RCX] = registers[2] & 0xffff_ffffL;
    cpu.r[Gpr.RDX] = registers[3] & 0xffff_ffffL;
  }

  /** What depends on control registers. */
  private static void adjust(Cpu cpu, int leaf, int subleaf, int[] registers) {
    if (leaf == 1 && (cpu.cr4 & Cr4.OSXSAVE) != 0) {
      registers[2] |= Cpuid.F1_ECX_OSXSAVE;
    } else if (leaf == 7 && subleaf == 0 && (cpu.cr4 & Cr4.PKE) != 0) {
      registers[2] |= Cpuid.F7_ECX_OSPKE;
    } else if (leaf == 0xd && subleaf < 2 && registers[0] != 0) {
      registers[1] = StateSave.areaBytes((int) cpu.xcr0, subleaf == 1);
    }
  }

  // MSRs

  private static void rdmsr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long value = readMsr(cpu, (int) cpu.r[Gpr.RCX]);
    cpu.r[Gpr.RAX] = value & 0xffff_ffffL;
    cpu.r[Gpr.RDX] = value >>> 32;
  }

  private static long readMsr(Cpu cpu, int msr) {
    switch (msr) {
      case Msr.TSC:
        return cpu.hooks.tsc() + cpu.tscOffset;
      case Msr.EFER:
        return cpu.efer;
      case Msr.STAR:
        return cpu.star;
      case Msr.LSTAR:
        return cpu.lstar;
      case Msr.CSTAR:
        return cpu.cstar;
      case Msr.SFMASK:
        return cpu.sfmask;
      case Msr.FS_BASE:
        return cpu.seg[Seg.FS].base;
      case Msr.GS_BASE:
        return cpu.seg[Seg.GS].base;
      case Msr.KERNEL_GS_BASE:
        return cpu.kernelGsBase;
      case Msr.TSC_AUX:
        return cpu.tscAux;
      case Msr.SYSENTER_CS:
        return cpu.sysenterCs;
      case Msr.SYSENTER_ESP:
        return cpu.sysenterEsp;
      case Msr.SYSENTER_EIP:
        return cpu.sysenterEip;
      case Msr.PAT:
        return cpu.pat;
      case Msr.XSS:
        return cpu.xss;
      default:
        long[] value = new long[1];
        if (!cpu.hooks.readMsr(msr, value)) {
          throw cpu.generalProtection();
        }
        return value[0];
    }
  }

  private static void wrmsr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long value = cpu.r[Gpr.RDX] << 32 | cpu.r[Gpr.RAX] & 0xffff_ffffL;
    writeMsr(cpu, (int) cpu.r[Gpr.RCX], value);
  }

  private static void writeMsr(Cpu cpu, int msr, long value) {
    switch (msr) {
      case Msr.TSC -> cpu.tscOffset = value - cpu.hooks.tsc();
      case Msr.EFER -> setEfer(cpu, value);
      case Msr.STAR -> cpu.star = value;
      case Msr.LSTAR -> cpu.lstar = address(cpu, value);
      case Msr.CSTAR -> cpu.cstar = address(cpu, value);
      case Msr.SFMASK -> cpu.sfmask = value & 0xffff_ffffL;
      case Msr.FS_BASE -> cpu.seg[Seg.FS].base = address(cpu, value);
      case Msr.GS_BASE -> cpu.seg[Seg.GS].base = address(cpu, value);
      case Msr.KERNEL_GS_BASE -> cpu.kernelGsBase = address(cpu, value);
      case Msr.TSC_AUX -> cpu.tscAux = value & 0xffff_ffffL;
      case Msr.SYSENTER_CS -> cpu.sysenterCs = value & 0xffff;
      case Msr.SYSENTER_ESP -> cpu.sysenterEsp = address(cpu, value);
      case Msr.SYSENTER_EIP -> cpu.sysenterEip = address(cpu, value);
      case Msr.PAT -> cpu.pat = memoryTypes(cpu, value);
      case Msr.XSS -> {
        if (value != 0) {
          throw cpu.generalProtection();
        }
      }
      default -> {
        if (!cpu.hooks.writeMsr(msr, value)) {
          throw cpu.generalProtection();
        }
      }
    }
  }

  private static long address(Cpu cpu, long value) {
    if (!Control.canonical(cpu, value)) {
      throw cpu.generalProtection();
    }
    return value;
  }

  /** Each byte of PAT is one of 0, 1, 4, 5, 6, 7. */
  private static long memoryTypes(Cpu cpu, long value) {
    for (int i = 0; i < 64; i += 8) {
      int type = (int) (value >>> i) & 0xff;
      if (type > 7 || type == 2 || type == 3) {
        throw cpu.generalProtection();
      }
    }
    return value;
  }

  private static void setEfer(Cpu cpu, long value) {
    long writable = Efer.SCE | Efer.LME | Efer.NXE | Efer.FFXSR | Efer.TCE;
    if ((value & ~(writable | Efer.LMA)) != 0
        || (cpu.cr0 & org.redoubt.spec.x86.Cr0.PG) != 0 && ((cpu.efer ^ value) & Efer.LME) != 0) {
      throw cpu.generalProtection();
    }
    cpu.efer = value & writable | cpu.efer & Efer.LMA;
    cpu.pagingChanged();
    cpu.hooks.translationChanged();
  }

  // Time

  private static void requireTimeStamp(Cpu cpu) {
    if ((cpu.cr4 & Cr4.TSD) != 0) {
      cpu.requireCpl0();
    }
  }

  private static void rdtsc(Cpu cpu, Insn in) {
    requireTimeStamp(cpu);
    long tsc = cpu.hooks.tsc() + cpu.tscOffset;
    cpu.r[Gpr.RAX] = tsc & 0xffff_ffffL;
    cpu.r[Gpr.RDX] = tsc >>> 32;
  }

  private static void rdtscp(Cpu cpu, Insn in) {
    rdtsc(cpu, in);
    cpu.r[Gpr.RCX] = cpu.tscAux;
  }

  /** RDPMC: the model has no counters. */
  private static void rdpmc(Cpu cpu, Insn in) {
    throw cpu.generalProtection();
  }

  // Others

  private static void hlt(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    cpu.halted = true;
  }

  private static void swapgs(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long base = cpu.seg[Seg.GS].base;
    cpu.seg[Seg.GS].base = cpu.kernelGsBase;
    cpu.kernelGsBase = base;
  }

  private static void requireFsGsBase(Cpu cpu) {
    if ((cpu.cr4 & Cr4.FSGSBASE) == 0) {
      throw cpu.undefined();
    }
  }

  private static void readBase(Cpu cpu, Insn in, int segment) {
    requireFsGsBase(cpu);
    store(cpu, in, 0, cpu.seg[segment].base);
  }

  private static void writeBase(Cpu cpu, Insn in, int segment) {
    requireFsGsBase(cpu);
    cpu.seg[segment].base = address(cpu, load(cpu, in, 0));
  }

  private static void random(Cpu cpu, Insn in) {
    store(cpu, in, 0, cpu.hooks.random());
    Flags.setStatus(cpu, Rflags.CF);
  }

  private static void requireXsave(Cpu cpu) {
    if ((cpu.cr4 & Cr4.OSXSAVE) == 0) {
      throw cpu.undefined();
    }
  }

  private static void xgetbv(Cpu cpu, Insn in) {
    requireXsave(cpu);
    int index = (int) cpu.r[Gpr.RCX];
    if (index != 0 && index != 1) {
      throw cpu.generalProtection();
    }
    // XCR1 has the components in use.
    cpu.r[Gpr.RAX] = index == 0 ? cpu.xcr0 : cpu.xcr0 & StateSave.inUse(cpu);
    cpu.r[Gpr.RDX] = 0;
  }

  private static void xsetbv(Cpu cpu, Insn in) {
    requireXsave(cpu);
    cpu.requireCpl0();
    long value = cpu.r[Gpr.RDX] << 32 | cpu.r[Gpr.RAX] & 0xffff_ffffL;
    if ((int) cpu.r[Gpr.RCX] != 0
        || (value & Xcr0.X87) == 0
        || (value & Xcr0.YMM) != 0 && (value & Xcr0.SSE) == 0
        || (value & ~(cpu.model.xcr0() & 0xffff_ffffL)) != 0) {
      throw cpu.generalProtection();
    }
    cpu.xcr0 = value;
  }

  /** RDPKRU: EAX, and EDX cleared. APM3. */
  private static void rdpkru(Cpu cpu, Insn in) {
    requireKeys(cpu, cpu.r[Gpr.RCX]);
    cpu.r[Gpr.RAX] = cpu.pkru & 0xffff_ffffL;
    cpu.r[Gpr.RDX] = 0;
  }

  /** WRPKRU: from EAX, at any privilege. APM3. */
  private static void wrpkru(Cpu cpu, Insn in) {
    requireKeys(cpu, cpu.r[Gpr.RCX] | cpu.r[Gpr.RDX]);
    cpu.setPkru((int) cpu.r[Gpr.RAX]);
  }

  /** #UD without CR4.PKE, #GP unless the low halves of the registers that must be zero are. */
  private static void requireKeys(Cpu cpu, long zero) {
    if ((cpu.cr4 & Cr4.PKE) == 0) {
      throw cpu.undefined();
    }
    if ((int) zero != 0) {
      throw cpu.generalProtection();
    }
  }

  private static void flushCaches(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    cpu.hooks.flushCaches();
  }

  private static void flushLine(Cpu cpu, Insn in) {
    cpu.hooks.flushLine(Ea.linear(cpu, in, 1, false));
  }

  private static void clzero(Cpu cpu, Insn in) {
    long offset = zeroExtend(cpu.r[Gpr.RAX], in.addressSize) & ~63L;
    long gva = Ea.linear(cpu, in.segment, offset, 64, true);
    for (int i = 0; i < 64; i += 8) {
      Mem.store64(cpu, gva + i, 0);
    }
  }

  private static void hypercall(Cpu cpu, Insn in) {
    long[] arguments = {cpu.r[Gpr.RBX], cpu.r[Gpr.RCX], cpu.r[Gpr.RDX], cpu.r[Gpr.RSI]};
    cpu.r[Gpr.RAX] = cpu.bus.hypercall(cpu.r[Gpr.RAX], arguments);
  }
}
