package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** DIV, IDIV and decimal adjustment. */
final class Divide {
  private Divide() {}

  static void bind() {
    Meanings.bind(Op.DIV, Divide::div);
    Meanings.bind(Op.IDIV, Divide::idiv);
    Meanings.bind(Op.DAA, Divide::daa);
    Meanings.bind(Op.DAS, Divide::das);
    Meanings.bind(Op.AAA, Divide::aaa);
    Meanings.bind(Op.AAS, Divide::aas);
    Meanings.bind(Op.AAM, Divide::aam);
    Meanings.bind(Op.AAD, Divide::aad);
  }

  /** DIV: #DE if the quotient does not fit. All flags undefined (left alone). */
  static void div(Cpu cpu, Insn in) {
    long divisor = load(cpu, in, 0);
    int width = in.width;
    if (width == 64) {
      div64(cpu, divisor);
      return;
    }
    long dividend = dividend(cpu, width);
    if (divisor == 0) {
      throw cpu.raise(Vector.DE);
    }
    long quotient = Long.divideUnsigned(dividend, divisor);
    if (zeroExtend(quotient, width) != quotient) {
      throw cpu.raise(Vector.DE);
    }
    result(cpu, width, quotient, dividend - quotient * divisor);
  }

  private static void div64(Cpu cpu, long divisor) {
    long high = cpu.r[Gpr.RDX];
    long low = cpu.r[Gpr.RAX];
    if (Long.compareUnsigned(high, divisor) >= 0) {
      throw cpu.raise(Vector.DE);
    }
    long quotient = high == 0 ? Long.divideUnsigned(low, divisor) : divide128(high, low, divisor);
    cpu.r[Gpr.RAX] = quotient;
    cpu.r[Gpr.RDX] = low - quotient * divisor;
  }

  /** AX, or rDX:rAX, of twice the width. */
  private static long dividend(Cpu cpu, int width) {
    if (width == 8) {
      return cpu.r[Gpr.RAX] & 0xffff;
    }
    return zeroExtend(cpu.r[Gpr.RDX], width) << width | zeroExtend(cpu.r[Gpr.RAX], width);
  }

  private static void result(Cpu cpu, int width, long quotient, long remainder) {
    if (width == 8) {
      setGpr(cpu, Gpr.RAX, 16, (remainder & 0xff) << 8 | quotient & 0xff);
    } else {
      setGpr(cpu, Gpr.RAX, width, quotient);
      setGpr(cpu, Gpr.RDX, width, remainder);
    }
  }

  /** (high:low) / divisor, unsigned, high below divisor: bit by bit. */
  private static long divide128(long high, long low, long divisor) {
    long remainder = high;
    long quotient = low;
    for (int i = 0; i < 64; i++) {
      boolean carry = remainder < 0;
      remainder = remainder << 1 | quotient >>> 63;
      quotient <<= 1;
      if (carry || Long.compareUnsigned(remainder, divisor) >= 0) {
        remainder -= divisor;
        quotient |= 1;
      }
    }
    return quotient;
  }

  static void idiv(Cpu cpu, Insn in) {
    long divisor = loadSigned(cpu, in, 0);
    int width = in.width;
    if (divisor == 0) {
      throw cpu.raise(Vector.DE);
    }
    if (width == 64) {
      idiv64(cpu, divisor);
      return;
    }
    long dividend = signExtend(dividend(cpu, width), width * 2);
    if (dividend == Long.MIN_VALUE && divisor == -1) {
      throw cpu.raise(Vector.DE);
    }
    long quotient = dividend / divisor;
    if (signExtend(quotient, width) != quotient) {
      throw cpu.raise(Vector.DE);
    }
    result(cpu, width, quotient, dividend % divisor);
  }

  private static void idiv64(Cpu cpu, long divisor) {
    long high = cpu.r[Gpr.RDX];
    long low = cpu.r[Gpr.RAX];
    boolean negative = high < 0;
    if (negative) {
      low = -low;
      high = ~high + (low == 0 ? 1 : 0);
    }
    long magnitude = Math.abs(divisor); // 2^63 as unsigned for the most negative one
    if (Long.compareUnsigned(high, magnitude) >= 0) {
      throw cpu.raise(Vector.DE);
    }
    long quotient =
        high == 0 ? Long.divideUnsigned(low, magnitude) : divide128(high, low, magnitude);
    long remainder = low - quotient * magnitude;
    boolean minus = negative != divisor < 0;
    if (minus ? Long.compareUnsigned(quotient, Long.MIN_VALUE) > 0 : quotient < 0) {
      throw cpu.raise(Vector.DE);
    }
    cpu.r[Gpr.RAX] = minus ? -quotient : quotient;
    cpu.r[Gpr.RDX] = negative ? -remainder : remainder;
  }

  // Decimal adjustment. APM Vol. 3, DAA to AAD.

  static void daa(Cpu cpu, Insn in) {
    decimal(cpu, 1);
  }

  static void das(Cpu cpu, Insn in) {
    decimal(cpu, -1);
  }

  private static void decimal(Cpu cpu, int sign) {
    int al = (int) cpu.r[Gpr.RAX] & 0xff;
    boolean cf = Flags.cf(cpu);
    boolean af = (al & 15) > 9 || Flags.af(cpu);
    boolean high = al > 0x99 || cf;
    int result = al;
    boolean carry = high;
    if (af) {
      result += sign * 6;
      carry |= sign < 0 && al < 6;
    }
    if (high) {
      result += sign * 0x60;
    }
    setGpr(cpu, Gpr.RAX, 8, result);
    Flags.result(cpu, (byte) result, carry, false);
    adjust(cpu, af);
  }

  private static void adjust(Cpu cpu, boolean af) {
    Flags.setStatus(cpu, Flags.status(cpu) & ~Rflags.AF | (af ? Rflags.AF : 0));
  }

  static void aaa(Cpu cpu, Insn in) {
    ascii(cpu, 0x106);
  }

  static void aas(Cpu cpu, Insn in) {
    ascii(cpu, -0x106);
  }

  private static void ascii(Cpu cpu, int change) {
    int ax = (int) cpu.r[Gpr.RAX] & 0xffff;
    boolean adjust = (ax & 15) > 9 || Flags.af(cpu);
    if (adjust) {
      ax += change;
    }
    setGpr(cpu, Gpr.RAX, 16, ax & 0xff0f);
    Flags.result(cpu, (byte) (ax & 15), adjust, false);
    adjust(cpu, adjust);
  }

  static void aam(Cpu cpu, Insn in) {
    int base = (int) in.imm & 0xff;
    if (base == 0) {
      throw cpu.raise(Vector.DE);
    }
    int al = (int) cpu.r[Gpr.RAX] & 0xff;
    setGpr(cpu, Gpr.RAX, 16, (al / base) << 8 | al % base);
    Flags.result(cpu, (byte) (al % base), false, false);
  }

  static void aad(Cpu cpu, Insn in) {
    int ax = (int) cpu.r[Gpr.RAX];
    int al = (ax & 0xff) + (ax >> 8 & 0xff) * ((int) in.imm & 0xff) & 0xff;
    setGpr(cpu, Gpr.RAX, 16, al);
    Flags.result(cpu, (byte) al, false, false);
  }
}
