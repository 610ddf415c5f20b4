package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.fp.SoftFloat;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * SSE conversions between integers and floating-point formats, and rounding to integers. APM Vol.
 * 4.
 */
final class VectorConvert {
  /** Rounding field value of the truncating conversions. */
  private static final int TRUNCATE = SoftFloat.TRUNCATE;

  private VectorConvert() {}

  static void bind() {
    Meanings.bind(Op.CVTSS2SI, VectorConvert::cvtss2si);
    Meanings.bind(Op.CVTTSS2SI, VectorConvert::cvttss2si);
    Meanings.bind(Op.CVTSD2SI, VectorConvert::cvtsd2si);
    Meanings.bind(Op.CVTTSD2SI, VectorConvert::cvttsd2si);
    Meanings.bind(Op.CVTPS2DQ, VectorConvert::cvtps2dq);
    Meanings.bind(Op.CVTTPS2DQ, VectorConvert::cvttps2dq);
    Meanings.bind(Op.CVTPS2PI, VectorConvert::cvtps2pi);
    Meanings.bind(Op.CVTTPS2PI, VectorConvert::cvttps2pi);
    Meanings.bind(Op.CVTPD2DQ, VectorConvert::cvtpd2dq);
    Meanings.bind(Op.CVTTPD2DQ, VectorConvert::cvttpd2dq);
    Meanings.bind(Op.CVTPD2PI, VectorConvert::cvtpd2pi);
    Meanings.bind(Op.CVTTPD2PI, VectorConvert::cvttpd2pi);
    Meanings.bind(Op.CVTSI2SS, VectorConvert::cvtsi2ss);
    Meanings.bind(Op.CVTSI2SD, VectorConvert::cvtsi2sd);
    Meanings.bind(Op.CVTDQ2PS, VectorConvert::cvtdq2ps);
    Meanings.bind(Op.CVTPI2PS, VectorConvert::cvtpi2ps);
    Meanings.bind(Op.CVTDQ2PD, VectorConvert::cvtdq2pd);
    Meanings.bind(Op.CVTPI2PD, VectorConvert::cvtpi2pd);
    Meanings.bind(Op.CVTSS2SD, VectorConvert::cvtss2sd);
    Meanings.bind(Op.CVTSD2SS, VectorConvert::cvtsd2ss);
    Meanings.bind(Op.CVTPS2PD, VectorConvert::cvtps2pd);
    Meanings.bind(Op.CVTPD2PS, VectorConvert::cvtpd2ps);
    Meanings.bind(Op.ROUNDPS, VectorConvert::roundps);
    Meanings.bind(Op.ROUNDPD, VectorConvert::roundpd);
    Meanings.bind(Op.ROUNDSS, VectorConvert::roundss);
    Meanings.bind(Op.ROUNDSD, VectorConvert::roundsd);
  }

  private static int rounding(Fpu f) {
    return f.mxcsr() >>> 13 & 3;
  }

  // --- to integers
  // -------------------------------------------------------------------------------------------------

  /**
   * {@code x} as an integer of {@code bits} bits; IE and the indefinite integer if it does not fit.
   */
  private static long toInteger(Fpu f, double x, int bits, int rounding) {
    double rounded =
        switch (rounding) {
          case SoftFloat.NEAREST -> Math.rint(x);
          case SoftFloat.DOWN -> Math.floor(x);
          case SoftFloat.UP -> Math.ceil(x);
          default -> x < 0 ? Math.ceil(x) : Math.floor(x);
        };
    double limit = bits == 32 ? 0x1p31 : 0x1p63;
    if (!(rounded >= -limit && rounded < limit)) {
      f.raised |= SoftFloat.IE;
      return -1L << (bits - 1);
    }
    if (rounded != x) {
      f.raised |= SoftFloat.PE;
    }
    return (long) rounded;
  }

  private static double value32(Fpu f, int bits) {
    return Float.intBitsToFloat(Simd.denormalAsZero(f, bits));
  }

  private static double value64(Fpu f, long bits) {
    return Double.longBitsToDouble(Simd.denormalAsZero(f, bits));
  }

  private static int int32(Fpu f, int bits, int rounding) {
    return (int) toInteger(f, value32(f, bits), 32, rounding);
  }

  private static int int64(Fpu f, long bits, int rounding) {
    return (int) toInteger(f, value64(f, bits), 32, rounding);
  }

  private static long pairToInt(Fpu f, long half, int rounding) {
    int low = int32(f, (int) half, rounding);
    return Lanes.doubles(low, int32(f, (int) (half >>> 32), rounding));
  }

  /** CVTSS2SI: to a general register, rounded by MXCSR. APM4. */
  static void cvtss2si(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    scalar(c, f, in, value32(f, (int) f.s0), rounding(f));
  }

  /** CVTTSS2SI: to a general register, truncated. APM4. */
  static void cvttss2si(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    scalar(c, f, in, value32(f, (int) f.s0), TRUNCATE);
  }

  /** CVTSD2SI: to a general register, rounded by MXCSR. APM4. */
  static void cvtsd2si(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    scalar(c, f, in, value64(f, f.s0), rounding(f));
  }

  /** CVTTSD2SI: to a general register, truncated. APM4. */
  static void cvttsd2si(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    scalar(c, f, in, value64(f, f.s0), TRUNCATE);
  }

  private static void scalar(Cpu c, Fpu f, Insn in, double x, int rounding) {
    long value = toInteger(f, x, in.operand(0).width, rounding);
    Simd.commitExceptions(c, f);
    Simd.store(c, in, value);
  }

  /** CVTPS2DQ: four doublewords, rounded by MXCSR. APM4. */
  static void cvtps2dq(Cpu c, Insn in) {
    packed32(c, in, false);
  }

  /** CVTTPS2DQ: four doublewords, truncated. APM4. */
  static void cvttps2dq(Cpu c, Insn in) {
    packed32(c, in, true);
  }

  /** CVTPS2PI: two doublewords to an MMX register, rounded by MXCSR. APM4. */
  static void cvtps2pi(Cpu c, Insn in) {
    packed32(c, in, false);
  }

  /** CVTTPS2PI: two doublewords to an MMX register, truncated. APM4. */
  static void cvttps2pi(Cpu c, Insn in) {
    packed32(c, in, true);
  }

  private static void packed32(Cpu c, Insn in, boolean truncate) {
    Fpu f = Simd.floatUnary(c, in);
    int rounding = truncate ? TRUNCATE : rounding(f);
    long low = pairToInt(f, f.s0, rounding);
    Simd.floatResult(c, f, in, low, Simd.mmx(in) ? 0 : pairToInt(f, f.s1, rounding));
  }

  /** CVTPD2DQ: two doublewords, rounded by MXCSR; the high half is cleared. APM4. */
  static void cvtpd2dq(Cpu c, Insn in) {
    packed64(c, in, false);
  }

  /** CVTTPD2DQ: two doublewords, truncated; the high half is cleared. APM4. */
  static void cvttpd2dq(Cpu c, Insn in) {
    packed64(c, in, true);
  }

  /** CVTPD2PI: two doublewords to an MMX register, rounded by MXCSR. APM4. */
  static void cvtpd2pi(Cpu c, Insn in) {
    packed64(c, in, false);
  }

  /** CVTTPD2PI: two doublewords to an MMX register, truncated. APM4. */
  static void cvttpd2pi(Cpu c, Insn in) {
    packed64(c, in, true);
  }

  private static void packed64(Cpu c, Insn in, boolean truncate) {
    Fpu f = Simd.floatUnary(c, in);
    int rounding = truncate ? TRUNCATE : rounding(f);
    int low = int64(f, f.s0, rounding);
    Simd.floatResult(c, f, in, Lanes.doubles(low, int64(f, f.s1, rounding)), 0);
  }

  // --- from integers
  // -----------------------------------------------------------------------------------------------

  /** CVTSI2SS: from a general register or memory. APM4. */
  static void cvtsi2ss(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    long value = signed(Simd.integer(c, in, in.source), in);
    f.raised = 0;
    Simd.destination(f, in);
    Simd.floatResult(c, f, in, f.d0 >>> 32 << 32 | (single(f, value) & 0xffff_ffffL), f.d1);
  }

  /** CVTSI2SD: from a general register or memory. APM4. */
  static void cvtsi2sd(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    long value = signed(Simd.integer(c, in, in.source), in);
    f.raised = 0;
    Simd.destination(f, in);
    Simd.floatResult(c, f, in, fromLong(f, value), f.d1);
  }

  private static long signed(long value, Insn in) {
    return in.operand(in.source).width == 64 ? value : (int) value;
  }

  private static long fromLong(Fpu f, long value) {
    if (value == (int) value) {
      return Double.doubleToRawLongBits((double) value);
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.aInteger(value);
    long r = s.convert().result64();
    f.raised |= s.flags();
    return r;
  }

  private static int single(Fpu f, long value) {
    if (f.nearest && value == (int) value) {
      float rounded = (float) (int) value;
      if ((double) rounded != (double) value) {
        VectorFloat.inexact(f);
      }
      return Float.floatToRawIntBits(rounded);
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.aInteger(value);
    int r = s.convert().result32();
    f.raised |= s.flags();
    return r;
  }

  private static long pairFromInt(Fpu f, long half) {
    int low = single(f, (int) half);
    return Lanes.doubles(low, single(f, (int) (half >>> 32)));
  }

  /** CVTDQ2PS: four doublewords. APM4. */
  static void cvtdq2ps(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    long low = pairFromInt(f, f.s0);
    Simd.floatResult(c, f, in, low, pairFromInt(f, f.s1));
  }

  /** CVTPI2PS: two doublewords of an MMX register or memory, to the low half. APM4. */
  static void cvtpi2ps(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, pairFromInt(f, f.s0), f.d1);
  }

  /** CVTDQ2PD: two doublewords; exact. APM4. */
  static void cvtdq2pd(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    Simd.result(f, in, fromLong(f, (int) f.s0), fromLong(f, (int) (f.s0 >>> 32)));
  }

  /** CVTPI2PD: two doublewords of an MMX register or memory; exact. APM4. */
  static void cvtpi2pd(Cpu c, Insn in) {
    cvtdq2pd(c, in);
  }

  // --- between formats
  // ---------------------------------------------------------------------------------------------

  /** CVTSS2SD: single to double precision; exact. APM4. */
  static void cvtss2sd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, widen(f, (int) f.s0), f.d1);
  }

  /** CVTSD2SS: double to single precision. APM4. */
  static void cvtsd2ss(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, f.d0 >>> 32 << 32 | (narrow(f, f.s0) & 0xffff_ffffL), f.d1);
  }

  /** CVTPS2PD: two numbers, single to double precision; exact. APM4. */
  static void cvtps2pd(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    long low = widen(f, (int) f.s0);
    Simd.floatResult(c, f, in, low, widen(f, (int) (f.s0 >>> 32)));
  }

  /** CVTPD2PS: two numbers, double to single precision; the high half is cleared. APM4. */
  static void cvtpd2ps(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    int low = narrow(f, f.s0);
    Simd.floatResult(c, f, in, Lanes.doubles(low, narrow(f, f.s1)), 0);
  }

  private static long widen(Fpu f, int bits) {
    if (VectorFloat.plain32(bits)) {
      return Double.doubleToRawLongBits(Float.intBitsToFloat(bits));
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a32(bits);
    long r = s.convert().result64();
    f.raised |= s.flags();
    return r;
  }

  private static int narrow(Fpu f, long bits) {
    if (f.nearest && VectorFloat.plain64(bits)) {
      double x = Double.longBitsToDouble(bits);
      float rounded = (float) x;
      int r = Float.floatToRawIntBits(rounded);
      if (VectorFloat.middle32(r)) {
        if (rounded != x) {
          VectorFloat.inexact(f);
        }
        return r;
      }
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a64(bits);
    int r = s.convert().result32();
    f.raised |= s.flags();
    return r;
  }

  // --- rounding to integers
  // ----------------------------------------------------------------------------------------

  /** ROUNDPS: to integers; the immediate chooses the mode, and whether PE is raised. APM4. */
  static void roundps(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    long low = roundPair(f, in, f.s0);
    Simd.floatResult(c, f, in, low, roundPair(f, in, f.s1));
  }

  /** ROUNDPD: to integers; the immediate chooses the mode, and whether PE is raised. APM4. */
  static void roundpd(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    long low = round64(f, in, f.s0);
    Simd.floatResult(c, f, in, low, round64(f, in, f.s1));
  }

  /** ROUNDSS: to an integer; the immediate chooses the mode, and whether PE is raised. APM4. */
  static void roundss(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(
        c, f, in, f.d0 >>> 32 << 32 | (round32(f, in, (int) f.s0) & 0xffff_ffffL), f.d1);
  }

  /** ROUNDSD: to an integer; the immediate chooses the mode, and whether PE is raised. APM4. */
  static void roundsd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, round64(f, in, f.s0), f.d1);
  }

  private static long roundPair(Fpu f, Insn in, long half) {
    int low = round32(f, in, (int) half);
    return Lanes.doubles(low, round32(f, in, (int) (half >>> 32)));
  }

  private static int round32(Fpu f, Insn in, int bits) {
    SoftFloat s = f.soft.sse(f.mxcsr());
    if (s.a32(bits).nan()) {
      int r = s.convert().result32();
      f.raised |= s.flags();
      return r;
    }
    double x = value32(f, bits);
    float r = (float) roundTo(f, in, x);
    return (Float.floatToRawIntBits(r) & 0x7fff_ffff) | (bits & 1 << 31);
  }

  private static long round64(Fpu f, Insn in, long bits) {
    SoftFloat s = f.soft.sse(f.mxcsr());
    if (s.a64(bits).nan()) {
      long r = s.convert().result64();
      f.raised |= s.flags();
      return r;
    }
    double r = roundTo(f, in, value64(f, bits));
    return (Double.doubleToRawLongBits(r) & Long.MAX_VALUE) | (bits & 1L << 63);
  }

  private static double roundTo(Fpu f, Insn in, double x) {
    int mode = (in.imm & 4) != 0 ? rounding(f) : (int) in.imm & 3;
    double rounded =
        switch (mode) {
          case SoftFloat.NEAREST -> Math.rint(x);
          case SoftFloat.DOWN -> Math.floor(x);
          case SoftFloat.UP -> Math.ceil(x);
          default -> x < 0 ? Math.ceil(x) : Math.floor(x);
        };
    if (rounded != x && (in.imm & 8) == 0) {
      f.raised |= SoftFloat.PE;
    }
    return rounded;
  }
}
