package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr3;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Dr;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Feature;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Control and debug registers, and what invalidates translations. APM Vol. 2, 3.1 and 5.5. */
public final class ControlRegisters {
  private static final long CR0_WRITABLE = Cr0.DEFINED;

  private ControlRegisters() {}

  static void bind() {
    Meanings.bind(Op.MOV_CR, ControlRegisters::movToCr);
    Meanings.bind(Op.MOV_FROM_CR, ControlRegisters::movFromCr);
    Meanings.bind(Op.MOV_DR, ControlRegisters::movToDr);
    Meanings.bind(Op.MOV_FROM_DR, ControlRegisters::movFromDr);
    Meanings.bind(Op.CLTS, ControlRegisters::clts);
    Meanings.bind(Op.LMSW, ControlRegisters::lmsw);
    Meanings.bind(Op.SMSW, ControlRegisters::smsw);
    Meanings.bind(Op.INVLPG, ControlRegisters::invlpg);
    Meanings.bind(Op.INVPCID, ControlRegisters::invpcid);
  }

  private static void movFromCr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long value =
        switch (in.operand(1).reg) {
          case 0 -> cpu.cr0;
          case 2 -> cpu.cr2;
          case 3 -> cpu.cr3;
          case 4 -> cpu.cr4;
          default -> cpu.hooks.cr8();
        };
    setGpr(cpu, in.operand(0).reg, in.operand(0).width, value);
  }

  private static void movToCr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long value = load(cpu, in, 1);
    switch (in.operand(0).reg) {
      case 0 -> setCr0(cpu, value);
      case 2 -> cpu.cr2 = value;
      case 3 -> setCr3(cpu, value);
      case 4 -> setCr4(cpu, value);
      default -> {
        if ((value & ~15L) != 0) {
          throw cpu.generalProtection();
        }
        cpu.hooks.setCr8((int) value);
      }
    }
  }

  private static void setCr0(Cpu cpu, long value) {
    boolean paging = (value & Cr0.PG) != 0;
    boolean was = (cpu.cr0 & Cr0.PG) != 0;
    if (value >>> 32 != 0
        || paging && (value & Cr0.PE) == 0
        || (value & (Cr0.NW | Cr0.CD)) == Cr0.NW) {
      throw cpu.generalProtection();
    }
    long efer = cpu.efer;
    if (paging && !was && (efer & Efer.LME) != 0) {
      if ((cpu.cr4 & Cr4.PAE) == 0 || cpu.seg[Seg.CS].is(Seg.ATTR_L)) {
        throw cpu.generalProtection();
      }
      efer |= Efer.LMA;
    } else if (!paging && was) {
      if (cpu.longMode() && cpu.codeSize == org.redoubt.x86.decode.CodeSize.BITS64
          || (cpu.cr4 & Cr4.PCIDE) != 0) {
        throw cpu.generalProtection();
      }
      efer &= ~Efer.LMA;
    }
    if (paging
        && (efer & Efer.LMA) == 0
        && (cpu.cr4 & Cr4.PAE) != 0
        && ((cpu.cr0 ^ value) & (Cr0.PG | Cr0.CD | Cr0.NW)) != 0
        && !cpu.mmu.checkPdptes(cpu.cr3)) {
      throw cpu.generalProtection();
    }
    cpu.efer = efer;
    cpu.cr0 = value & CR0_WRITABLE | Cr0.ET;
    changed(cpu);
  }

  private static void changed(Cpu cpu) {
    cpu.pagingChanged();
    cpu.modeChanged();
    cpu.hooks.translationChanged();
  }

  private static void setCr3(Cpu cpu, long value) {
    if (cpu.longMode()) {
      long reserved = Cr3.ADDRESS_LONG >>> cpu.model.physicalBits() << cpu.model.physicalBits();
      reserved |= 0x7ff0_0000_0000_0000L;
      reserved &= ~cpu.encryptionMask;
      if ((cpu.cr4 & Cr4.PCIDE) == 0) {
        reserved |= Cr3.NO_FLUSH;
      }
      if ((value & reserved) != 0) {
        throw cpu.generalProtection();
      }
    } else if ((cpu.cr4 & Cr4.PAE) != 0 && (cpu.cr0 & Cr0.PG) != 0 && !cpu.mmu.checkPdptes(value)) {
      throw cpu.generalProtection();
    }
    cpu.cr3 = value & ~Cr3.NO_FLUSH;
    cpu.mmu.setPaging(cpu.cr0, value, cpu.cr4, cpu.efer);
    cpu.hooks.translationChanged();
  }

  private static void setCr4(Cpu cpu, long value) {
    long toggled = cpu.cr4 ^ value;
    if ((value & ~supported(cpu)) != 0
        || cpu.longMode() && ((value & Cr4.PAE) == 0 || (toggled & Cr4.LA57) != 0)
        || (value & toggled & Cr4.PCIDE) != 0 && (!cpu.longMode() || (cpu.cr3 & 0xfff) != 0)) {
      throw cpu.generalProtection();
    }
    if ((cpu.cr0 & Cr0.PG) != 0
        && !cpu.longMode()
        && (value & Cr4.PAE) != 0
        && (toggled & (Cr4.PAE | Cr4.PSE | Cr4.PGE | Cr4.SMEP)) != 0
        && !cpu.mmu.checkPdptes(cpu.cr3)) {
      throw cpu.generalProtection();
    }
    cpu.cr4 = value;
    changed(cpu);
  }

  private static long supported(Cpu cpu) {
    long bits =
        Cr4.VME
            | Cr4.PVI
            | Cr4.TSD
            | Cr4.DE
            | Cr4.PSE
            | Cr4.PAE
            | Cr4.MCE
            | Cr4.PGE
            | Cr4.PCE
            | Cr4.OSFXSR
            | Cr4.OSXMMEXCPT;
    CpuModel m = cpu.model;
    bits |= m.has(Feature.FSGSBASE) ? Cr4.FSGSBASE : 0;
    bits |= m.has(Feature.XSAVE) ? Cr4.OSXSAVE : 0;
    bits |= m.has(Feature.SMAP) ? Cr4.SMAP : 0;
    return bits | m.cr4Extra();
  }

  private static void clts(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    cpu.cr0 &= ~Cr0.TS;
  }

  /** LMSW: bits 3:0; PE can be set but not cleared. */
  private static void lmsw(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long value = load(cpu, in, 0) & 15;
    setCr0(cpu, cpu.cr0 & ~14L | value | cpu.cr0 & Cr0.PE);
  }

  private static void smsw(Cpu cpu, Insn in) {
    Segments.requireUmip(cpu);
    store(cpu, in, 0, cpu.cr0);
  }

  private static void invlpg(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long offset = Ea.offset(cpu, in);
    long gva = offset + (in.is64() && in.segment < Seg.FS ? 0 : cpu.seg[in.segment].base);
    cpu.mmu.invalidate(SystemMem.wrap(cpu, gva));
    cpu.hooks.translationChanged();
  }

  private static void invpcid(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    long type = load(cpu, in, 0);
    long gva = Ea.linear(cpu, in, 16, false);
    long pcid = Mem.load64(cpu, gva);
    long address = Mem.load64(cpu, gva + 8);
    if (Long.compareUnsigned(type, 3) > 0 || type < 2 && pcid >>> 12 != 0) {
      throw cpu.generalProtection();
    }
    if (type == 0) {
      if (!Control.canonical(cpu, address)) {
        throw cpu.generalProtection();
      }
      cpu.mmu.invalidate(address);
    } else {
      cpu.mmu.invalidateAll();
    }
    cpu.hooks.translationChanged();
  }

  // Debug registers

  /** DR4 and DR5 are DR6 and DR7 unless CR4.DE. */
  private static int debugRegister(Cpu cpu, int reg) {
    if (reg == 4 || reg == 5) {
      if ((cpu.cr4 & Cr4.DE) != 0) {
        throw cpu.undefined();
      }
      return reg + 2;
    }
    return reg;
  }

  private static void checkDetect(Cpu cpu) {
    if ((cpu.dr[7] & Dr.DR7_GD) != 0) {
      cpu.dr[7] &= ~Dr.DR7_GD;
      cpu.dr[6] |= Dr.DR6_BD;
      throw cpu.raise(Vector.DB);
    }
  }

  private static void movFromDr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    int reg = debugRegister(cpu, in.operand(1).reg);
    checkDetect(cpu);
    setGpr(cpu, in.operand(0).reg, in.operand(0).width, cpu.dr[reg]);
  }

  private static void movToDr(Cpu cpu, Insn in) {
    cpu.requireCpl0();
    int reg = debugRegister(cpu, in.operand(0).reg);
    checkDetect(cpu);
    long value = load(cpu, in, 1);
    if (reg >= 6 && value >>> 32 != 0) {
      throw cpu.generalProtection();
    }
    switch (reg) {
      case 6 -> cpu.dr[6] = value & 0xe00f | Dr.DR6_FIXED;
      case 7 -> {
        cpu.dr[7] = value & Dr.DR7_DEFINED | Dr.DR7_FIXED;
        cpu.privilegeChanged();
      }
      default -> cpu.dr[reg] = value;
    }
    cpu.hooks.translationChanged();
  }
}
