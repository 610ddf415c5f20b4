package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.fp.Extended;
import org.redoubt.x86.exec.internal.fp.Num;
import org.redoubt.x86.exec.internal.fp.SoftFloat;

/** x87 loads, stores, constants and moves within the stack. APM Vol. 5. */
final class X87Transfer {
  private static final long INTEGER_BIT = 1L << 63;
  private static final int INDEFINITE_HIGH = 0xffff;
  private static final long INDEFINITE_BCD = 3L << 62;

  private X87Transfer() {}

  static void bind() {
    Meanings.bind(Op.FLD, X87Transfer::fld);
    Meanings.bind(Op.FILD, X87Transfer::fild);
    Meanings.bind(Op.FBLD, X87Transfer::fbld);
    Meanings.bind(Op.FLD1, X87Transfer::fld1);
    Meanings.bind(Op.FLDZ, X87Transfer::fldz);
    Meanings.bind(Op.FLDL2T, X87Transfer::fldl2t);
    Meanings.bind(Op.FLDL2E, X87Transfer::fldl2e);
    Meanings.bind(Op.FLDPI, X87Transfer::fldpi);
    Meanings.bind(Op.FLDLG2, X87Transfer::fldlg2);
    Meanings.bind(Op.FLDLN2, X87Transfer::fldln2);
    Meanings.bind(Op.FST, X87Transfer::fst);
    Meanings.bind(Op.FSTP, X87Transfer::fstp);
    Meanings.bind(Op.FIST, X87Transfer::fist);
    Meanings.bind(Op.FISTP, X87Transfer::fistp);
    Meanings.bind(Op.FISTTP, X87Transfer::fisttp);
    Meanings.bind(Op.FBSTP, X87Transfer::fbstp);
    Meanings.bind(Op.FXCH, X87Transfer::fxch);
    Meanings.bind(Op.FCHS, X87Transfer::fchs);
    Meanings.bind(Op.FABS, X87Transfer::fabs);
    Meanings.bind(Op.FXAM, X87Transfer::fxam);
    Meanings.bind(Op.FINCSTP, X87Transfer::fincstp);
    Meanings.bind(Op.FDECSTP, X87Transfer::fdecstp);
    Meanings.bind(Op.FFREE, X87Transfer::ffree);
    Meanings.bind(Op.FFREEP, X87Transfer::ffreep);
  }

  // --- loads
  // -------------------------------------------------------------------------------------------------------

  /** FLD: pushes a register, or a number in memory. APM5. */
  static void fld(Cpu c, Insn in) {
    if (!X87.inMemory(in, 0)) {
      pushRegister(c, in);
    } else if (in.operand(0).width == 80) {
      Fpu f = X87.begin(c);
      long bits = Simd.load64(c, in, 0);
      int signExponent = Simd.load16(c, in, 8);
      X87.ready(c, f, in);
      if (X87.push(f)) {
        f.setSt(0, signExponent, bits);
      }
    } else {
      pushNumber(c, in);
    }
  }

  private static void pushRegister(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    int i = in.operand(0).reg;
    if (f.empty(i)) {
      if (X87.underflow(f)) {
        f.top = f.top - 1 & 7;
        X87.setNan(f, 0);
      }
      return;
    }
    int signExponent = f.stSignExponent(i);
    long significand = f.stSignificand(i);
    if (X87.push(f)) {
      f.setSt(0, signExponent, significand);
    }
  }

  private static void pushNumber(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    long bits = Simd.integer(c, in, 0);
    X87.ready(c, f, in);
    if (!f.empty(-1)) {
      X87.push(f);
      return;
    }
    if (in.operand(0).width == 32) {
      f.soft.a32((int) bits);
    } else {
      f.soft.a64(bits);
    }
    SoftFloat s = f.soft.extended().convert().result80();
    // An unmasked DE does not keep the number from being pushed, an unmasked IE does.
    if (X87.accept(f) || (s.flags() & SoftFloat.IE) == 0) {
      f.top = f.top - 1 & 7;
      f.setSt(0, s.signExponent(), s.significand());
    }
  }

  /** FILD: pushes an integer in memory. APM5. */
  static void fild(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    long value = X87.signed(Simd.integer(c, in, 0), in.operand(0).width);
    X87.ready(c, f, in);
    pushInteger(f, value, false);
  }

  private static void pushInteger(Fpu f, long value, boolean minusZero) {
    if (X87.push(f)) {
      f.soft.aInteger(value);
      SoftFloat s = f.soft.extended().convert().result80();
      f.setSt(0, s.signExponent() | (minusZero ? 0x8000 : 0), s.significand());
    }
  }

  /** FBLD: pushes eighteen decimal digits. APM5. */
  static void fbld(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    long low = Simd.load64(c, in, 0);
    int high = Simd.load16(c, in, 8);
    X87.ready(c, f, in);
    long magnitude = Extended.unpackBcd(low, high & 0xff);
    boolean minus = (high & 0x8000) != 0;
    pushInteger(f, minus ? -magnitude : magnitude, minus);
  }

  /** FLD1: pushes one. APM5. */
  static void fld1(Cpu c, Insn in) {
    constant(c, in, 0x3fff, INTEGER_BIT, 0);
  }

  /** FLDZ: pushes zero. APM5. */
  static void fldz(Cpu c, Insn in) {
    constant(c, in, 0, 0, 0);
  }

  /** FLDL2T: pushes log2 10, rounded as RC says. APM5. */
  static void fldl2t(Cpu c, Insn in) {
    constant(c, in, 0x4000, 0xd49a_784b_cd1b_8afeL, 1);
  }

  /** FLDL2E: pushes log2 e, rounded as RC says. APM5. */
  static void fldl2e(Cpu c, Insn in) {
    constant(c, in, 0x3fff, 0xb8aa_3b29_5c17_f0bcL, -1);
  }

  /** FLDPI: pushes pi, rounded as RC says. APM5. */
  static void fldpi(Cpu c, Insn in) {
    constant(c, in, 0x4000, 0xc90f_daa2_2168_c235L, -1);
  }

  /** FLDLG2: pushes log10 2, rounded as RC says. APM5. */
  static void fldlg2(Cpu c, Insn in) {
    constant(c, in, 0x3ffd, 0x9a20_9a84_fbcf_f799L, -1);
  }

  /** FLDLN2: pushes the natural logarithm of 2, rounded as RC says. APM5. */
  static void fldln2(Cpu c, Insn in) {
    constant(c, in, 0x3ffe, 0xb172_17f7_d1cf_79acL, -1);
  }

  /**
   * Pushes a constant, {@code other} being the direction in which the value truly lies from its
   * nearest number.
   */
  private static void constant(Cpu c, Insn in, int signExponent, long nearest, int other) {
    Fpu f = X87.compute(c, in);
    if (X87.push(f)) {
      int rounding = f.soft.rounding();
      boolean up = other > 0 && rounding == SoftFloat.UP;
      boolean down = other < 0 && (rounding == SoftFloat.DOWN || rounding == SoftFloat.TRUNCATE);
      f.setSt(0, signExponent, up ? nearest + 1 : down ? nearest - 1 : nearest);
    }
  }

  // --- stores
  // ------------------------------------------------------------------------------------------------------

  /** FST: ST(0) to a register, or rounded to memory. APM5. */
  static void fst(Cpu c, Insn in) {
    storeReal(c, in, false);
  }

  /** FSTP: FST, and a pop. APM5. */
  static void fstp(Cpu c, Insn in) {
    storeReal(c, in, true);
  }

  private static void storeReal(Cpu c, Insn in, boolean pop) {
    int width = in.operand(0).width;
    if (!X87.inMemory(in, 0)) {
      copy(c, in, pop);
    } else if (width == 80) {
      store80(c, in);
    } else {
      Fpu f = X87.begin(c);
      SoftFloat s = f.soft.x87(f.control).extended();
      boolean empty = f.empty(0);
      long bits;
      if (empty) {
        bits = width == 32 ? 0xffc0_0000L : 0xfff8L << 48;
      } else {
        X87.a(f, 0);
        s.narrow();
        bits = width == 32 ? s.result32() & 0xffff_ffffL : s.result64();
      }
      finishStore(c, f, in, bits, empty, pop);
    }
  }

  /** Silicon looks at alignment before it looks at exceptions, which may keep it from storing. */
  private static void checkAligned(Cpu c, Insn in, int bytes) {
    if (c.alignmentChecked && in.hasMemory()) {
      Guard.aligned(c, Ea.linear(c, in, bytes, true), bytes);
    }
  }

  /**
   * Stores to memory and only then changes flags and stack; nothing is stored when an exception
   * other than PE is unmasked.
   */
  private static void finishStore(Cpu c, Fpu f, Insn in, long bits, boolean empty, boolean pop) {
    SoftFloat s = f.soft;
    checkAligned(c, in, in.operand(0).width / 8);
    int raised = empty ? SoftFloat.IE : s.flags();
    boolean store = (raised & ~f.control & Fpu.EXCEPTIONS & ~SoftFloat.PE) == 0;
    if (store) {
      Simd.store(c, in, bits);
    }
    boolean up = s.roundedUp();
    X87.ready(c, f, in);
    if (empty) {
      X87.underflow(f);
    } else {
      f.status |= store ? raised : raised & ~SoftFloat.PE;
      f.status |= up && store ? Fpu.C1 : 0;
      f.summarize();
    }
    if (store && pop) {
      f.pop();
    }
  }

  private static void store80(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    boolean empty = f.empty(0);
    checkAligned(c, in, 8);
    boolean store = !empty || (f.control & SoftFloat.IE) != 0;
    if (store) {
      Simd.store80(
          c,
          in,
          empty ? INDEFINITE_HIGH : f.stSignExponent(0),
          empty ? INDEFINITE_BCD : f.stSignificand(0));
    }
    X87.ready(c, f, in);
    if (empty) {
      X87.underflow(f);
    }
    if (store) {
      f.pop();
    }
  }

  private static void copy(Cpu c, Insn in, boolean pop) {
    Fpu f = X87.compute(c, in);
    int i = in.operand(0).reg;
    if (f.empty(0)) {
      // D9 D8 to DF, an alias that no manual has, pops an empty stack without complaint.
      if (in.opcode != 0xd9) {
        if (!X87.underflow(f)) {
          return;
        }
        X87.setNan(f, i);
      }
    } else {
      f.setSt(i, f.stSignExponent(0), f.stSignificand(0));
    }
    if (pop) {
      f.pop();
    }
  }

  /** FIST: ST(0) rounded to an integer in memory. APM5. */
  static void fist(Cpu c, Insn in) {
    storeInteger(c, in, false, false);
  }

  /** FISTP: FIST, and a pop. APM5. */
  static void fistp(Cpu c, Insn in) {
    storeInteger(c, in, false, true);
  }

  /** FISTTP: FISTP, truncated. APM5. */
  static void fisttp(Cpu c, Insn in) {
    storeInteger(c, in, true, true);
  }

  private static void storeInteger(Cpu c, Insn in, boolean truncate, boolean pop) {
    Fpu f = X87.begin(c);
    int width = in.operand(0).width;
    SoftFloat s = f.soft.x87(f.control);
    if (truncate) {
      s.round(SoftFloat.TRUNCATE);
    }
    boolean empty = f.empty(0);
    long value = -1L << (width - 1);
    if (!empty) {
      X87.a(f, 0);
      value = s.toInteger(width);
    }
    finishStore(c, f, in, value, empty, pop);
  }

  /** FBSTP: ST(0) rounded to eighteen decimal digits in memory, and a pop. APM5. */
  static void fbstp(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    SoftFloat s = f.soft.x87(f.control);
    boolean empty = f.empty(0);
    long low = INDEFINITE_BCD;
    int high = INDEFINITE_HIGH;
    int raised = SoftFloat.IE;
    if (!empty) {
      X87.a(f, 0);
      Num a = s.a();
      long value = s.toInteger(64);
      long magnitude = Math.abs(value);
      raised = s.flags();
      if ((raised & SoftFloat.IE) == 0 && Extended.fitsBcd(magnitude)) {
        low = Extended.bcdLow(magnitude);
        high = Extended.bcdHigh(magnitude) | (a.negative() ? 0x8000 : 0);
      } else {
        raised = SoftFloat.IE;
      }
    }
    checkAligned(c, in, 8);
    boolean store = (raised & SoftFloat.IE & ~f.control) == 0;
    if (store) {
      Simd.store80(c, in, high, low);
    }
    boolean up = s.roundedUp() && raised == SoftFloat.PE;
    X87.ready(c, f, in);
    if (empty) {
      X87.underflow(f);
    } else {
      f.status |= raised | (up ? Fpu.C1 : 0);
      f.summarize();
    }
    if (store) {
      f.pop();
    }
  }

  // --- within the stack
  // --------------------------------------------------------------------------------------------

  /** FXCH: exchanges ST(0) with another; an empty one becomes the default NaN. APM5. */
  static void fxch(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    int i = in.operand(0).reg;
    if (f.empty(0) || f.empty(i)) {
      if (!X87.underflow(f)) {
        return;
      }
      if (f.empty(0)) {
        X87.setNan(f, 0);
      }
      if (f.empty(i)) {
        X87.setNan(f, i);
      }
    }
    int signExponent = f.stSignExponent(0);
    long significand = f.stSignificand(0);
    f.setSt(0, f.stSignExponent(i), f.stSignificand(i));
    f.setSt(i, signExponent, significand);
  }

  /** FCHS: changes the sign. APM5. */
  static void fchs(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!X87.missing(f)) {
      f.setSt(0, f.stSignExponent(0) ^ 0x8000, f.stSignificand(0));
    }
  }

  /** FABS: clears the sign. APM5. */
  static void fabs(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!X87.missing(f)) {
      f.setSt(0, f.stSignExponent(0) & 0x7fff, f.stSignificand(0));
    }
  }

  /** FXAM: C3, C2, C0 by the class, C1 by the sign. APM5. */
  static void fxam(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    f.status &= ~(Fpu.C0 | Fpu.C2 | Fpu.C3);
    X87.a(f, 0);
    int found =
        switch (f.soft.a().kind()) {
          case Num.ZERO -> Fpu.C3;
          case Num.FINITE -> f.soft.a().denormal() ? Fpu.C3 | Fpu.C2 : Fpu.C2;
          case Num.INFINITE -> Fpu.C2 | Fpu.C0;
          case Num.QUIET_NAN, Num.SIGNALLING_NAN -> Fpu.C0;
          default -> 0;
        };
    f.status |= f.empty(0) ? Fpu.C3 | Fpu.C0 : found;
    f.status |= (f.stSignExponent(0) & 0x8000) != 0 ? Fpu.C1 : 0;
  }

  /** FINCSTP: TOP plus one. APM5. */
  static void fincstp(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    f.top = f.top + 1 & 7;
  }

  /** FDECSTP: TOP minus one. APM5. */
  static void fdecstp(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    f.top = f.top - 1 & 7;
  }

  /** FFREE: empties a register. APM5. */
  static void ffree(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    f.free(in.operand(0).reg);
  }

  /** FFREEP: FFREE, and TOP plus one. Not in the manual; every x87 since the 287 has it. */
  static void ffreep(Cpu c, Insn in) {
    ffree(c, in);
    c.fpu.pop();
  }
}
