package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** ADD to CMPXCHG16B: what computes sums, differences and products. */
final class Arithmetic {
  private Arithmetic() {}

  static void bind() {
    Meanings.bind(Op.ADD, Arithmetic::add);
    Meanings.bind(Op.ADC, Arithmetic::adc);
    Meanings.bind(Op.SUB, Arithmetic::sub);
    Meanings.bind(Op.SBB, Arithmetic::sbb);
    Meanings.bind(Op.CMP, Arithmetic::cmp);
    Meanings.bind(Op.INC, Arithmetic::inc);
    Meanings.bind(Op.DEC, Arithmetic::dec);
    Meanings.bind(Op.NEG, Arithmetic::neg);
    Meanings.bind(Op.MUL, Arithmetic::mul);
    Meanings.bind(Op.IMUL1, Arithmetic::imul1);
    Meanings.bind(Op.IMUL, Arithmetic::imul);
    Meanings.bind(Op.MULX, Arithmetic::mulx);
    Meanings.bind(Op.ADCX, Arithmetic::adcx);
    Meanings.bind(Op.ADOX, Arithmetic::adox);
    Meanings.bind(Op.XADD, Arithmetic::xadd);
    Meanings.bind(Op.CMPXCHG, Arithmetic::cmpxchg);
    Meanings.bind(Op.CMPXCHG8B, Arithmetic::cmpxchg8b);
    Meanings.bind(Op.CMPXCHG16B, Arithmetic::cmpxchg16b);
  }

  static void add(Cpu cpu, Insn in) {
    sum(cpu, in, 0);
  }

  static void adc(Cpu cpu, Insn in) {
    sum(cpu, in, Flags.cf(cpu) ? 1 : 0);
  }

  private static void sum(Cpu cpu, Insn in, int carry) {
    int width = in.width;
    long b = loadSigned(cpu, in, 1);
    long old;
    long a;
    long result;
    do {
      old = loadForWrite(cpu, in, 0);
      a = signExtend(old, width);
      result = signExtend(a + b + carry, width);
    } while (!replace(cpu, in, 0, old, result));
    Flags.add(cpu, a, b, result, width);
  }

  static void sub(Cpu cpu, Insn in) {
    difference(cpu, in, 0);
  }

  static void sbb(Cpu cpu, Insn in) {
    difference(cpu, in, Flags.cf(cpu) ? 1 : 0);
  }

  private static void difference(Cpu cpu, Insn in, int borrow) {
    int width = in.width;
    long b = loadSigned(cpu, in, 1);
    long old;
    long a;
    long result;
    do {
      old = loadForWrite(cpu, in, 0);
      a = signExtend(old, width);
      result = signExtend(a - b - borrow, width);
    } while (!replace(cpu, in, 0, old, result));
    Flags.sub(cpu, a, b, result, width);
  }

  static void cmp(Cpu cpu, Insn in) {
    long a = loadSigned(cpu, in, 0);
    long b = loadSigned(cpu, in, 1);
    Flags.sub(cpu, a, b, signExtend(a - b, in.width), in.width);
  }

  static void inc(Cpu cpu, Insn in) {
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, old + 1));
    Flags.inc(cpu, signExtend(old, in.width), signExtend(old + 1, in.width), in.width);
  }

  static void dec(Cpu cpu, Insn in) {
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, old - 1));
    Flags.dec(cpu, signExtend(old, in.width), signExtend(old - 1, in.width), in.width);
  }

  static void neg(Cpu cpu, Insn in) {
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, -old));
    Flags.sub(cpu, 0, signExtend(old, in.width), signExtend(-old, in.width), in.width);
  }

  /** MUL: CF and OF say whether the upper half is used; the others are undefined (left alone). */
  static void mul(Cpu cpu, Insn in) {
    long a = zeroExtend(cpu.r[Gpr.RAX], in.width);
    long b = load(cpu, in, 0);
    long low = a * b;
    long high;
    if (in.width == 64) {
      high = Math.unsignedMultiplyHigh(a, b);
    } else {
      high = low >>> in.width;
    }
    product(cpu, in.width, low, high);
    boolean wide = zeroExtend(high, in.width) != 0;
    Flags.setCarryOverflow(cpu, wide, wide);
  }

  /** IMUL with one operand: CF and OF say whether the result was cut. */
  static void imul1(Cpu cpu, Insn in) {
    long a = signExtend(cpu.r[Gpr.RAX], in.width);
    long b = loadSigned(cpu, in, 0);
    long low = a * b;
    long high = in.width == 64 ? Math.multiplyHigh(a, b) : low >> in.width;
    product(cpu, in.width, low, high);
    boolean cut = cut(a, b, low, in.width);
    Flags.setCarryOverflow(cpu, cut, cut);
  }

  private static void product(Cpu cpu, int width, long low, long high) {
    if (width == 8) {
      setGpr(cpu, Gpr.RAX, 16, low);
    } else {
      setGpr(cpu, Gpr.RAX, width, low);
      setGpr(cpu, Gpr.RDX, width, high);
    }
  }

  private static boolean cut(long a, long b, long low, int width) {
    if (width == 64) {
      return Math.multiplyHigh(a, b) != low >> 63;
    }
    return signExtend(low, width) != low;
  }

  /** IMUL with two or three operands. */
  static void imul(Cpu cpu, Insn in) {
    boolean three = in.operands() == 3;
    long a = loadSigned(cpu, in, three ? 1 : 0);
    long b = loadSigned(cpu, in, three ? 2 : 1);
    long low = a * b;
    store(cpu, in, 0, low);
    boolean cut = cut(a, b, low, in.width);
    Flags.setCarryOverflow(cpu, cut, cut);
  }

  /** MULX: no flags; the low half is written first, so equal registers get the high half. */
  static void mulx(Cpu cpu, Insn in) {
    long a = zeroExtend(cpu.r[Gpr.RDX], in.width);
    long b = load(cpu, in, 2);
    long low = a * b;
    long high = in.width == 64 ? Math.unsignedMultiplyHigh(a, b) : low >>> 32;
    store(cpu, in, 1, low);
    store(cpu, in, 0, high);
  }

  static void adcx(Cpu cpu, Insn in) {
    Flags.setCarry(cpu, addWithCarry(cpu, in, Flags.cf(cpu)));
  }

  static void adox(Cpu cpu, Insn in) {
    Flags.setOverflow(cpu, addWithCarry(cpu, in, Flags.of(cpu)));
  }

  private static boolean addWithCarry(Cpu cpu, Insn in, boolean carry) {
    long a = load(cpu, in, 0);
    long b = load(cpu, in, 1);
    long result = a + b + (carry ? 1 : 0);
    store(cpu, in, 0, result);
    long carries = a & b | (a | b) & ~result;
    return (carries >>> (in.width - 1) & 1) != 0;
  }

  static void xadd(Cpu cpu, Insn in) {
    int width = in.width;
    long addend = load(cpu, in, 1);
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
      if (!in.operand(0).isMemory()) {
        // Source first, so that XADD of a register with itself leaves the sum.
        store(cpu, in, 1, old);
      }
    } while (!replace(cpu, in, 0, old, old + addend));
    if (in.operand(0).isMemory()) {
      store(cpu, in, 1, old);
    }
    long a = signExtend(old, width);
    long b = signExtend(addend, width);
    Flags.add(cpu, a, b, signExtend(a + b, width), width);
  }

  /**
   * CMPXCHG: memory is written in both cases, so a failed comparison needs write access too. With
   * LOCK it is replaced by itself, which shows that it was read in one piece.
   */
  static void cmpxchg(Cpu cpu, Insn in) {
    int width = in.width;
    long expected = zeroExtend(cpu.r[Gpr.RAX], width);
    long value = load(cpu, in, 1);
    long old;
    boolean equal;
    do {
      old = loadForWrite(cpu, in, 0);
      equal = old == expected;
    } while (equal ? !replace(cpu, in, 0, old, value) : in.lock && !replace(cpu, in, 0, old, old));
    if (!equal) {
      setGpr(cpu, Gpr.RAX, width, old);
    }
    long a = signExtend(expected, width);
    long b = signExtend(old, width);
    Flags.sub(cpu, a, b, signExtend(a - b, width), width);
  }

  static void cmpxchg8b(Cpu cpu, Insn in) {
    long expected = cpu.r[Gpr.RDX] << 32 | zeroExtend(cpu.r[Gpr.RAX], 32);
    long value = cpu.r[Gpr.RCX] << 32 | zeroExtend(cpu.r[Gpr.RBX], 32);
    long old;
    boolean equal;
    do {
      old = loadForWrite(cpu, in, 0);
      equal = old == expected;
    } while (equal ? !replace(cpu, in, 0, old, value) : in.lock && !replace(cpu, in, 0, old, old));
    if (!equal) {
      setGpr(cpu, Gpr.RAX, 32, old);
      setGpr(cpu, Gpr.RDX, 32, old >>> 32);
    }
    Flags.setZero(cpu, equal);
  }

  static void cmpxchg16b(Cpu cpu, Insn in) {
    long gva = Ea.linear(cpu, in, 16, true);
    if ((gva & 15) != 0) {
      throw cpu.raise(Vector.GP, 0);
    }
    long low = cpu.r[Gpr.RAX];
    long high = cpu.r[Gpr.RDX];
    Mem.checkWrite(cpu, gva, 16);
    boolean equal =
        in.lock
            ? Atomics.compareAndSet128(cpu, gva, low, high, cpu.r[Gpr.RBX], cpu.r[Gpr.RCX])
            : Atomics.replaceWide(cpu, gva, low, high, cpu.r[Gpr.RBX], cpu.r[Gpr.RCX]);
    if (!equal) {
      cpu.r[Gpr.RAX] = cpu.temp[0];
      cpu.r[Gpr.RDX] = cpu.temp[1];
    }
    Flags.setStatus(cpu, Flags.status(cpu) & ~Rflags.ZF | (equal ? Rflags.ZF : 0));
  }
}
