package org.redoubt.x86.exec;

import java.util.function.Consumer;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.fp.Extended;
import org.redoubt.x86.exec.internal.fp.Num;
import org.redoubt.x86.exec.internal.fp.SoftFloat;
import org.redoubt.x86.exec.internal.fp.Transcendental;

/** x87 roots, remainders, scaling and transcendental functions. APM Vol. 5. */
final class X87Function {
  private static final int CONDITIONS = Fpu.C0 | Fpu.C1 | Fpu.C2 | Fpu.C3;
  private static final int ONE = 0x3fff;

  private X87Function() {}

  static void bind() {
    Meanings.bind(Op.FSQRT, X87Function::fsqrt);
    Meanings.bind(Op.FRNDINT, X87Function::frndint);
    Meanings.bind(Op.F2XM1, X87Function::f2xm1);
    Meanings.bind(Op.FSCALE, X87Function::fscale);
    Meanings.bind(Op.FYL2X, X87Function::fyl2x);
    Meanings.bind(Op.FYL2XP1, X87Function::fyl2xp1);
    Meanings.bind(Op.FPATAN, X87Function::fpatan);
    Meanings.bind(Op.FPREM, X87Function::fprem);
    Meanings.bind(Op.FPREM1, X87Function::fprem1);
    Meanings.bind(Op.FXTRACT, X87Function::fxtract);
    Meanings.bind(Op.FSIN, X87Function::fsin);
    Meanings.bind(Op.FCOS, X87Function::fcos);
    Meanings.bind(Op.FSINCOS, X87Function::fsincos);
    Meanings.bind(Op.FPTAN, X87Function::fptan);
  }

  /** FSQRT: square root. APM5. */
  static void fsqrt(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!X87.missing(f)) {
      X87.a(f, 0);
      f.soft.squareRoot();
      X87.store(f, 0);
    }
  }

  /** FRNDINT: to an integer, as RC says. APM5. */
  static void frndint(Cpu c, Insn in) {
    one(c, in, Extended::roundToInteger);
  }

  /** F2XM1: two to the power, minus one. APM5. */
  static void f2xm1(Cpu c, Insn in) {
    one(c, in, Transcendental::exponential);
  }

  private static void one(Cpu c, Insn in, Consumer<SoftFloat> function) {
    Fpu f = X87.compute(c, in);
    if (!X87.missing(f)) {
      X87.a(f, 0);
      function.accept(f.soft.extended());
      X87.store(f, 0);
    }
  }

  /** FSCALE: times two to the power of ST(1), truncated. APM5. */
  static void fscale(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (both(f, 0)) {
      Extended.scale(f.soft.extended());
      X87.store(f, 0);
    }
  }

  /** FYL2X: ST(1) times the binary logarithm of ST(0), and a pop. APM5. */
  static void fyl2x(Cpu c, Insn in) {
    twoToOne(c, in, Transcendental::logarithm);
  }

  /** FYL2XP1: ST(1) times the binary logarithm of ST(0) plus one, and a pop. APM5. */
  static void fyl2xp1(Cpu c, Insn in) {
    twoToOne(c, in, Transcendental::logarithmPlusOne);
  }

  /** FPATAN: the angle of the point (ST(0), ST(1)), and a pop. APM5. */
  static void fpatan(Cpu c, Insn in) {
    twoToOne(c, in, Transcendental::arcTangent);
  }

  private static void twoToOne(Cpu c, Insn in, Consumer<SoftFloat> function) {
    Fpu f = X87.compute(c, in);
    if (f.empty(0) || f.empty(1)) {
      if (X87.underflow(f)) {
        X87.setNan(f, 1);
        f.pop();
      }
      return;
    }
    X87.a(f, 0);
    X87.b(f, 1);
    function.accept(f.soft.extended());
    if (X87.store(f, 1)) {
      f.pop();
    }
  }

  /** Loads ST(0) and ST(1); if one is empty, ST({@code target}) becomes the default NaN. */
  private static boolean both(Fpu f, int target) {
    if (f.empty(0) || f.empty(1)) {
      if (X87.underflow(f)) {
        X87.setNan(f, target);
      }
      return false;
    }
    X87.a(f, 0);
    X87.b(f, 1);
    return true;
  }

  /** FPREM: remainder of a truncated quotient; C2 if it must be repeated. APM5. */
  static void fprem(Cpu c, Insn in) {
    remainder(c, in, false);
  }

  /** FPREM1: remainder of a quotient to nearest; C2 if it must be repeated. APM5. */
  static void fprem1(Cpu c, Insn in) {
    remainder(c, in, true);
  }

  private static void remainder(Cpu c, Insn in, boolean nearest) {
    Fpu f = X87.compute(c, in);
    f.status &= ~Fpu.C2;
    if (!both(f, 0)) {
      return;
    }
    int quotient = Extended.remainder(f.soft.extended(), nearest);
    if (!X87.store(f, 0) || quotient == Extended.NONE) {
      return;
    }
    f.status &= ~CONDITIONS;
    if (quotient == Extended.PARTIAL) {
      f.status |= Fpu.C2;
    } else {
      f.status |= (quotient & 1) != 0 ? Fpu.C1 : 0;
      f.status |= (quotient & 2) != 0 ? Fpu.C3 : 0;
      f.status |= (quotient & 4) != 0 ? Fpu.C0 : 0;
    }
  }

  /** FXTRACT: ST(0) becomes its exponent, and its significand is pushed. APM5. */
  static void fxtract(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!roomForTwo(f)) {
      return;
    }
    int signExponent = f.stSignExponent(0);
    long significand = f.stSignificand(0);
    SoftFloat s = f.soft.extended();
    s.a80(signExponent, significand);
    Extended.extractExponent(s);
    if (X87.store(f, 0)) {
      Extended.extractSignificand(s);
      s.result80();
      f.top = f.top - 1 & 7;
      f.setSt(0, s.signExponent(), s.significand());
    }
  }

  /**
   * Whether ST(0) is there and the place above it free; if not, the masked response makes both the
   * default NaN.
   */
  private static boolean roomForTwo(Fpu f) {
    boolean missing = f.empty(0);
    if (!missing && f.empty(-1)) {
      return true;
    }
    if (missing ? X87.underflow(f) : X87.overflow(f)) {
      X87.setNan(f, 0);
      f.top = f.top - 1 & 7;
      X87.setNan(f, 0);
    }
    return false;
  }

  /** FSIN: sine; C2 if the angle is out of range. APM5. */
  static void fsin(Cpu c, Insn in) {
    trigonometric(c, in, Transcendental::sine);
  }

  /** FCOS: cosine; C2 if the angle is out of range. APM5. */
  static void fcos(Cpu c, Insn in) {
    trigonometric(c, in, Transcendental::cosine);
  }

  private static void trigonometric(Cpu c, Insn in, Consumer<SoftFloat> function) {
    Fpu f = X87.compute(c, in);
    f.status &= ~Fpu.C2;
    if (X87.missing(f)) {
      return;
    }
    X87.a(f, 0);
    if (Transcendental.outOfTrigonometricRange(f.soft)) {
      f.status |= Fpu.C2;
      return;
    }
    function.accept(f.soft.extended());
    X87.store(f, 0);
  }

  /** FSINCOS: ST(0) becomes the sine, and the cosine is pushed. APM5. */
  static void fsincos(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!inRange(f)) {
      return;
    }
    SoftFloat s = f.soft.extended();
    Transcendental.cosine(s);
    s.result80();
    int signExponent = s.signExponent();
    long significand = s.significand();
    Transcendental.sine(s);
    if (X87.store(f, 0)) {
      f.top = f.top - 1 & 7;
      f.setSt(0, signExponent, significand);
    }
  }

  /** FPTAN: ST(0) becomes the tangent, and one is pushed. APM5. */
  static void fptan(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (!inRange(f)) {
      return;
    }
    Transcendental.tangent(f.soft.extended());
    if (X87.store(f, 0)) {
      boolean nan = (f.stSignExponent(0) & 0x7fff) == 0x7fff;
      int signExponent = nan ? f.stSignExponent(0) : ONE;
      long significand = nan ? f.stSignificand(0) : Fpu.INTEGER_BIT;
      f.top = f.top - 1 & 7;
      f.setSt(0, signExponent, significand);
    }
  }

  private static boolean inRange(Fpu f) {
    f.status &= ~Fpu.C2;
    if (!roomForTwo(f)) {
      return false;
    }
    X87.a(f, 0);
    if (Transcendental.outOfTrigonometricRange(f.soft)) {
      f.status |= Fpu.C2;
      return false;
    }
    assert f.soft.a().kind() != Num.FINITE || f.soft.a().exponent() < 63;
    return true;
  }
}
