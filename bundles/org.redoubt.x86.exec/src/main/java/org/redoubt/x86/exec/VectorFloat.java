package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.fp.SoftFloat;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * SSE floating-point arithmetic and comparison. APM Vol. 4; exceptions: APM Vol. 1, section 4.10.
 *
 * <p>A lane takes the host's arithmetic when the guest rounds to nearest and neither the operands
 * nor the result are special; whether the result is exact is then found by an exact residual, and
 * only if PE is not known already. All else goes to {@link SoftFloat}.
 */
final class VectorFloat {
  private static final int ADD = 0;
  private static final int SUBTRACT = 1;
  private static final int MULTIPLY = 2;
  private static final int DIVIDE = 3;
  private static final int ROOT = 4;
  private static final int MINIMUM = 5;
  private static final int MAXIMUM = 6;

  private VectorFloat() {}

  static void bind() {
    Meanings.bind(Op.ADDPS, VectorFloat::addps);
    Meanings.bind(Op.ADDPD, VectorFloat::addpd);
    Meanings.bind(Op.ADDSS, VectorFloat::addss);
    Meanings.bind(Op.ADDSD, VectorFloat::addsd);
    Meanings.bind(Op.SUBPS, VectorFloat::subps);
    Meanings.bind(Op.SUBPD, VectorFloat::subpd);
    Meanings.bind(Op.SUBSS, VectorFloat::subss);
    Meanings.bind(Op.SUBSD, VectorFloat::subsd);
    Meanings.bind(Op.MULPS, VectorFloat::mulps);
    Meanings.bind(Op.MULPD, VectorFloat::mulpd);
    Meanings.bind(Op.MULSS, VectorFloat::mulss);
    Meanings.bind(Op.MULSD, VectorFloat::mulsd);
    Meanings.bind(Op.DIVPS, VectorFloat::divps);
    Meanings.bind(Op.DIVPD, VectorFloat::divpd);
    Meanings.bind(Op.DIVSS, VectorFloat::divss);
    Meanings.bind(Op.DIVSD, VectorFloat::divsd);
    Meanings.bind(Op.SQRTPS, VectorFloat::sqrtps);
    Meanings.bind(Op.SQRTPD, VectorFloat::sqrtpd);
    Meanings.bind(Op.SQRTSS, VectorFloat::sqrtss);
    Meanings.bind(Op.SQRTSD, VectorFloat::sqrtsd);
    Meanings.bind(Op.MINPS, VectorFloat::minps);
    Meanings.bind(Op.MINPD, VectorFloat::minpd);
    Meanings.bind(Op.MINSS, VectorFloat::minss);
    Meanings.bind(Op.MINSD, VectorFloat::minsd);
    Meanings.bind(Op.MAXPS, VectorFloat::maxps);
    Meanings.bind(Op.MAXPD, VectorFloat::maxpd);
    Meanings.bind(Op.MAXSS, VectorFloat::maxss);
    Meanings.bind(Op.MAXSD, VectorFloat::maxsd);
    Meanings.bind(Op.CMPPS, VectorFloat::cmpps);
    Meanings.bind(Op.CMPPD, VectorFloat::cmppd);
    Meanings.bind(Op.CMPSS, VectorFloat::cmpss);
    Meanings.bind(Op.CMPSD, VectorFloat::cmpsd);
    Meanings.bind(Op.COMISS, VectorFloat::comiss);
    Meanings.bind(Op.COMISD, VectorFloat::comisd);
    Meanings.bind(Op.UCOMISS, VectorFloat::ucomiss);
    Meanings.bind(Op.UCOMISD, VectorFloat::ucomisd);
    Meanings.bind(Op.ADDSUBPS, VectorFloat::addsubps);
    Meanings.bind(Op.ADDSUBPD, VectorFloat::addsubpd);
    Meanings.bind(Op.HADDPS, VectorFloat::haddps);
    Meanings.bind(Op.HSUBPS, VectorFloat::hsubps);
    Meanings.bind(Op.HADDPD, VectorFloat::haddpd);
    Meanings.bind(Op.HSUBPD, VectorFloat::hsubpd);
    Meanings.bind(Op.DPPS, VectorFloat::dpps);
    Vex.bind(Op.DPPS, VectorFloat::vdpps);
    Meanings.bind(Op.DPPD, VectorFloat::dppd);
    Meanings.bind(Op.RCPPS, VectorFloat::rcpps);
    Meanings.bind(Op.RCPSS, VectorFloat::rcpss);
    Meanings.bind(Op.RSQRTPS, VectorFloat::rsqrtps);
    Meanings.bind(Op.RSQRTSS, VectorFloat::rsqrtss);
  }

  /** ADDPS: sums of four single-precision lanes. APM4. */
  static void addps(Cpu c, Insn in) {
    packed32(c, in, ADD);
  }

  /** ADDPD: sums of two double-precision lanes. APM4. */
  static void addpd(Cpu c, Insn in) {
    packed64(c, in, ADD);
  }

  /** ADDSS: sums in the low single-precision lane. APM4. */
  static void addss(Cpu c, Insn in) {
    scalar32(c, in, ADD);
  }

  /** ADDSD: sums in the low double-precision lane. APM4. */
  static void addsd(Cpu c, Insn in) {
    scalar64(c, in, ADD);
  }

  /** SUBPS: differences of four single-precision lanes. APM4. */
  static void subps(Cpu c, Insn in) {
    packed32(c, in, SUBTRACT);
  }

  /** SUBPD: differences of two double-precision lanes. APM4. */
  static void subpd(Cpu c, Insn in) {
    packed64(c, in, SUBTRACT);
  }

  /** SUBSS: differences in the low single-precision lane. APM4. */
  static void subss(Cpu c, Insn in) {
    scalar32(c, in, SUBTRACT);
  }

  /** SUBSD: differences in the low double-precision lane. APM4. */
  static void subsd(Cpu c, Insn in) {
    scalar64(c, in, SUBTRACT);
  }

  /** MULPS: products of four single-precision lanes. APM4. */
  static void mulps(Cpu c, Insn in) {
    packed32(c, in, MULTIPLY);
  }

  /** MULPD: products of two double-precision lanes. APM4. */
  static void mulpd(Cpu c, Insn in) {
    packed64(c, in, MULTIPLY);
  }

  /** MULSS: products in the low single-precision lane. APM4. */
  static void mulss(Cpu c, Insn in) {
    scalar32(c, in, MULTIPLY);
  }

  /** MULSD: products in the low double-precision lane. APM4. */
  static void mulsd(Cpu c, Insn in) {
    scalar64(c, in, MULTIPLY);
  }

  /** DIVPS: quotients of four single-precision lanes. APM4. */
  static void divps(Cpu c, Insn in) {
    packed32(c, in, DIVIDE);
  }

  /** DIVPD: quotients of two double-precision lanes. APM4. */
  static void divpd(Cpu c, Insn in) {
    packed64(c, in, DIVIDE);
  }

  /** DIVSS: quotients in the low single-precision lane. APM4. */
  static void divss(Cpu c, Insn in) {
    scalar32(c, in, DIVIDE);
  }

  /** DIVSD: quotients in the low double-precision lane. APM4. */
  static void divsd(Cpu c, Insn in) {
    scalar64(c, in, DIVIDE);
  }

  /** SQRTPS: square roots of four single-precision lanes. APM4. */
  static void sqrtps(Cpu c, Insn in) {
    packed32(c, in, ROOT);
  }

  /** SQRTPD: square roots of two double-precision lanes. APM4. */
  static void sqrtpd(Cpu c, Insn in) {
    packed64(c, in, ROOT);
  }

  /** SQRTSS: square roots in the low single-precision lane. APM4. */
  static void sqrtss(Cpu c, Insn in) {
    scalar32(c, in, ROOT);
  }

  /** SQRTSD: square roots in the low double-precision lane. APM4. */
  static void sqrtsd(Cpu c, Insn in) {
    scalar64(c, in, ROOT);
  }

  /** MINPS: lesser numbers of four single-precision lanes; of NaNs and zeros the source. APM4. */
  static void minps(Cpu c, Insn in) {
    packed32(c, in, MINIMUM);
  }

  /** MINPD: lesser numbers of two double-precision lanes; of NaNs and zeros the source. APM4. */
  static void minpd(Cpu c, Insn in) {
    packed64(c, in, MINIMUM);
  }

  /** MINSS: lesser numbers in the low single-precision lane; of NaNs and zeros the source. APM4. */
  static void minss(Cpu c, Insn in) {
    scalar32(c, in, MINIMUM);
  }

  /** MINSD: lesser numbers in the low double-precision lane; of NaNs and zeros the source. APM4. */
  static void minsd(Cpu c, Insn in) {
    scalar64(c, in, MINIMUM);
  }

  /** MAXPS: greater numbers of four single-precision lanes; of NaNs and zeros the source. APM4. */
  static void maxps(Cpu c, Insn in) {
    packed32(c, in, MAXIMUM);
  }

  /** MAXPD: greater numbers of two double-precision lanes; of NaNs and zeros the source. APM4. */
  static void maxpd(Cpu c, Insn in) {
    packed64(c, in, MAXIMUM);
  }

  /**
   * MAXSS: greater numbers in the low single-precision lane; of NaNs and zeros the source. APM4.
   */
  static void maxss(Cpu c, Insn in) {
    scalar32(c, in, MAXIMUM);
  }

  /**
   * MAXSD: greater numbers in the low double-precision lane; of NaNs and zeros the source. APM4.
   */
  static void maxsd(Cpu c, Insn in) {
    scalar64(c, in, MAXIMUM);
  }

  // --- lanes
  // -------------------------------------------------------------------------------------------------------

  private static void packed64(Cpu c, Insn in, int op) {
    Fpu f = Simd.floatBinary(c, in);
    long low = lane64(f, op, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, lane64(f, op, f.d1, f.s1));
  }

  private static void packed32(Cpu c, Insn in, int op) {
    Fpu f = Simd.floatBinary(c, in);
    long low = pair32(f, op, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, pair32(f, op, f.d1, f.s1));
  }

  private static void scalar64(Cpu c, Insn in, int op) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, lane64(f, op, f.d0, f.s0), f.d1);
  }

  private static void scalar32(Cpu c, Insn in, int op) {
    Fpu f = Simd.floatBinary(c, in);
    int low = lane32(f, op, (int) f.d0, (int) f.s0);
    Simd.floatResult(c, f, in, withLow(f.d0, low), f.d1);
  }

  private static long withLow(long half, int low) {
    return half >>> 32 << 32 | (low & 0xffff_ffffL);
  }

  private static long pair32(Fpu f, int op, long a, long b) {
    int low = lane32(f, op, (int) a, (int) b);
    return Lanes.doubles(low, lane32(f, op, (int) (a >>> 32), (int) (b >>> 32)));
  }

  static long lane64(Fpu f, int op, long a, long b) {
    return switch (op) {
      case ADD -> add64(f, a, b);
      case SUBTRACT -> subtract64(f, a, b);
      case MULTIPLY -> multiply64(f, a, b);
      case DIVIDE -> divide64(f, a, b);
      case ROOT -> root64(f, b);
      case MINIMUM -> select64(f, a, b, SoftFloat.LESS);
      default -> select64(f, a, b, SoftFloat.GREATER);
    };
  }

  static int lane32(Fpu f, int op, int a, int b) {
    return switch (op) {
      case ADD -> add32(f, a, b);
      case SUBTRACT -> subtract32(f, a, b);
      case MULTIPLY -> multiply32(f, a, b);
      case DIVIDE -> divide32(f, a, b);
      case ROOT -> root32(f, b);
      case MINIMUM -> select32(f, a, b, SoftFloat.LESS);
      default -> select32(f, a, b, SoftFloat.GREATER);
    };
  }

  /** A normal number or zero. */
  static boolean plain64(long bits) {
    int exponent = (int) (bits >>> 52) & 0x7ff;
    return exponent != 0x7ff && (exponent != 0 || bits << 1 == 0);
  }

  static boolean plain32(int bits) {
    int exponent = bits >>> 23 & 0xff;
    return exponent != 0xff && (exponent != 0 || bits << 1 == 0);
  }

  /** Far enough from overflow and underflow that residuals of products are exact too. */
  static boolean middle64(long bits) {
    int exponent = (int) (bits >>> 52) & 0x7ff;
    return exponent > 120 && exponent < 0x7fe;
  }

  static boolean middle32(int bits) {
    int exponent = bits >>> 23 & 0xff;
    return exponent > 1 && exponent < 0xfe;
  }

  static void inexact(Fpu f) {
    f.raised |= SoftFloat.PE;
  }

  private static long add64(Fpu f, long a, long b) {
    if (f.nearest && plain64(a) && plain64(b)) {
      double x = Double.longBitsToDouble(a);
      double y = Double.longBitsToDouble(b);
      double sum = x + y;
      long r = Double.doubleToRawLongBits(sum);
      if (plain64(r)) {
        if (!f.inexactKnown) {
          double yPart = sum - x;
          double rest = x - (sum - yPart) + (y - yPart);
          f.raised |= rest != 0 ? SoftFloat.PE : 0;
        }
        return r;
      }
    }
    return soft64(f, ADD, a, b);
  }

  private static long subtract64(Fpu f, long a, long b) {
    if (f.nearest && plain64(a) && plain64(b)) {
      return add64(f, a, b ^ 1L << 63);
    }
    return soft64(f, SUBTRACT, a, b);
  }

  private static long multiply64(Fpu f, long a, long b) {
    if (f.nearest && plain64(a) && plain64(b)) {
      double x = Double.longBitsToDouble(a);
      double y = Double.longBitsToDouble(b);
      double product = x * y;
      long r = Double.doubleToRawLongBits(product);
      if (middle64(r)) {
        if (!f.inexactKnown && Math.fma(x, y, -product) != 0) {
          inexact(f);
        }
        return r;
      }
    }
    return soft64(f, MULTIPLY, a, b);
  }

  private static long divide64(Fpu f, long a, long b) {
    if (f.nearest && middle64(a) && plain64(b)) {
      double x = Double.longBitsToDouble(a);
      double y = Double.longBitsToDouble(b);
      double quotient = x / y;
      long r = Double.doubleToRawLongBits(quotient);
      if (middle64(r)) {
        if (!f.inexactKnown && Math.fma(quotient, y, -x) != 0) {
          inexact(f);
        }
        return r;
      }
    }
    return soft64(f, DIVIDE, a, b);
  }

  private static long root64(Fpu f, long a) {
    if (f.nearest && a > 0 && middle64(a)) {
      double x = Double.longBitsToDouble(a);
      double root = Math.sqrt(x);
      if (!f.inexactKnown && Math.fma(root, root, -x) != 0) {
        inexact(f);
      }
      return Double.doubleToRawLongBits(root);
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a64(a);
    long r = s.squareRoot().result64();
    f.raised |= s.flags();
    return r;
  }

  private static int add32(Fpu f, int a, int b) {
    if (f.nearest && plain32(a) && plain32(b)) {
      double x = Float.intBitsToFloat(a);
      double y = Float.intBitsToFloat(b);
      double sum = x + y;
      float rounded = (float) sum;
      int r = Float.floatToRawIntBits(rounded);
      if (plain32(r)) {
        if (!f.inexactKnown && (rounded != sum || sum - x != y || sum - y != x)) {
          inexact(f);
        }
        return r;
      }
    }
    return soft32(f, ADD, a, b);
  }

  private static int subtract32(Fpu f, int a, int b) {
    if (f.nearest && plain32(a) && plain32(b)) {
      return add32(f, a, b ^ 1 << 31);
    }
    return soft32(f, SUBTRACT, a, b);
  }

  private static int multiply32(Fpu f, int a, int b) {
    if (f.nearest && plain32(a) && plain32(b)) {
      double product = (double) Float.intBitsToFloat(a) * Float.intBitsToFloat(b);
      float rounded = (float) product;
      int r = Float.floatToRawIntBits(rounded);
      if (middle32(r)) {
        if (rounded != product) {
          inexact(f);
        }
        return r;
      }
    }
    return soft32(f, MULTIPLY, a, b);
  }

  private static int divide32(Fpu f, int a, int b) {
    if (f.nearest && plain32(a) && plain32(b)) {
      float x = Float.intBitsToFloat(a);
      float y = Float.intBitsToFloat(b);
      float quotient = x / y;
      int r = Float.floatToRawIntBits(quotient);
      if (middle32(r)) {
        if ((double) quotient * y != x) {
          inexact(f);
        }
        return r;
      }
    }
    return soft32(f, DIVIDE, a, b);
  }

  private static int root32(Fpu f, int a) {
    if (f.nearest && a > 0 && middle32(a)) {
      float x = Float.intBitsToFloat(a);
      float root = (float) Math.sqrt(x);
      if ((double) root * root != x) {
        inexact(f);
      }
      return Float.floatToRawIntBits(root);
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a32(a);
    int r = s.squareRoot().result32();
    f.raised |= s.flags();
    return r;
  }

  private static long soft64(Fpu f, int op, long a, long b) {
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a64(a);
    s.b64(b);
    long r = compute(s, op).result64();
    f.raised |= s.flags();
    return r;
  }

  private static int soft32(Fpu f, int op, int a, int b) {
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a32(a);
    s.b32(b);
    int r = compute(s, op).result32();
    f.raised |= s.flags();
    return r;
  }

  private static SoftFloat compute(SoftFloat s, int op) {
    return switch (op) {
      case ADD -> s.add();
      case SUBTRACT -> s.subtract();
      case MULTIPLY -> s.multiply();
      default -> s.divide();
    };
  }

  /**
   * MIN and MAX: the first operand only if it is strictly {@code wanted}; so of NaNs and zeros the
   * second.
   */
  private static long select64(Fpu f, long a, long b, int wanted) {
    long chosen = order64(f, a, b, true) == wanted ? a : b;
    return plain64(chosen) ? chosen : Simd.denormalAsZero(f, chosen);
  }

  private static int select32(Fpu f, int a, int b, int wanted) {
    int chosen = order32(f, a, b, true) == wanted ? a : b;
    return plain32(chosen) ? chosen : Simd.denormalAsZero(f, chosen);
  }

  /** The order of two numbers, as {@link SoftFloat#compare} has it. */
  private static int order64(Fpu f, long a, long b, boolean signalling) {
    if (plain64(a) && plain64(b)) {
      double x = Double.longBitsToDouble(a);
      double y = Double.longBitsToDouble(b);
      return x < y ? SoftFloat.LESS : x > y ? SoftFloat.GREATER : SoftFloat.EQUAL;
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a64(a);
    s.b64(b);
    int order = s.compare(signalling);
    f.raised |= s.flags();
    return order;
  }

  private static int order32(Fpu f, int a, int b, boolean signalling) {
    if (plain32(a) && plain32(b)) {
      float x = Float.intBitsToFloat(a);
      float y = Float.intBitsToFloat(b);
      return x < y ? SoftFloat.LESS : x > y ? SoftFloat.GREATER : SoftFloat.EQUAL;
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a32(a);
    s.b32(b);
    int order = s.compare(signalling);
    f.raised |= s.flags();
    return order;
  }

  // --- comparison
  // --------------------------------------------------------------------------------------------------

  /** CMPPS: all ones where the predicate holds. APM4. */
  static void cmpps(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = compare32(f, in, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, compare32(f, in, f.d1, f.s1));
  }

  /** CMPPD: all ones where the predicate holds. APM4. */
  static void cmppd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = compare64(f, in, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, compare64(f, in, f.d1, f.s1));
  }

  /** CMPSS: all ones if the predicate holds. APM4. */
  static void cmpss(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, withLow(f.d0, compareLane32(f, in, (int) f.d0, (int) f.s0)), f.d1);
  }

  /** CMPSD: all ones if the predicate holds. APM4. */
  static void cmpsd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Simd.floatResult(c, f, in, compare64(f, in, f.d0, f.s0), f.d1);
  }

  private static long compare64(Fpu f, Insn in, long a, long b) {
    return holds(in, order64(f, a, b, signalling(in))) ? -1 : 0;
  }

  private static long compare32(Fpu f, Insn in, long a, long b) {
    int low = compareLane32(f, in, (int) a, (int) b);
    return Lanes.doubles(low, compareLane32(f, in, (int) (a >>> 32), (int) (b >>> 32)));
  }

  private static int compareLane32(Fpu f, Insn in, int a, int b) {
    return holds(in, order32(f, a, b, signalling(in))) ? -1 : 0;
  }

  /**
   * For each predicate of VCMPPS without its bit 4, the orders that it holds for: bit 0 less, 1
   * equal, 2 greater, 3 unordered. The first eight are those of CMPPS. APM4, VCMPPS.
   */
  private static final int[] PREDICATES = {
    0b0010, 0b0001, 0b0011, 0b1000, 0b1101, 0b1110, 0b1100, 0b0111,
    0b1010, 0b1001, 0b1011, 0b0000, 0b0101, 0b0110, 0b0100, 0b1111
  };

  /**
   * The ordering predicates signal for quiet NaNs too; bit 4 makes the others do so instead. APM4,
   * VCMPPS.
   */
  private static boolean signalling(Insn in) {
    int predicate = (int) in.imm & 3;
    boolean ordering = predicate == 1 || predicate == 2;
    return ordering != (in.vector != 0 && (in.imm & 16) != 0);
  }

  private static boolean holds(Insn in, int order) {
    int predicate = (int) in.imm & (in.vector != 0 ? 15 : 7);
    return (PREDICATES[predicate] >> (order - SoftFloat.LESS) & 1) != 0;
  }

  /** COMISS: ordered by ZF, PF, CF; any NaN signals. APM4. */
  static void comiss(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    setOrder(c, f, order32(f, (int) f.d0, (int) f.s0, true));
  }

  /** COMISD: ordered by ZF, PF, CF; any NaN signals. APM4. */
  static void comisd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    setOrder(c, f, order64(f, f.d0, f.s0, true));
  }

  /** UCOMISS: ordered by ZF, PF, CF; a signalling NaN signals. APM4. */
  static void ucomiss(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    setOrder(c, f, order32(f, (int) f.d0, (int) f.s0, false));
  }

  /** UCOMISD: ordered by ZF, PF, CF; a signalling NaN signals. APM4. */
  static void ucomisd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    setOrder(c, f, order64(f, f.d0, f.s0, false));
  }

  private static void setOrder(Cpu c, Fpu f, int order) {
    Simd.commitExceptions(c, f);
    Simd.statusFlags(c, orderFlags(order));
  }

  /** ZF, PF and CF for an order, as FCOMI and COMISS set them. */
  static int orderFlags(int order) {
    return switch (order) {
      case SoftFloat.LESS -> Rflags.CF;
      case SoftFloat.EQUAL -> Rflags.ZF;
      case SoftFloat.GREATER -> 0;
      default -> Rflags.ZF | Rflags.PF | Rflags.CF;
    };
  }

  // --- across lanes
  // --------------------------------------------------------------------------------------------------

  /** ADDSUBPS: differences in even lanes, sums in odd ones. APM4. */
  static void addsubps(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = addSubtract(f, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, addSubtract(f, f.d1, f.s1));
  }

  private static long addSubtract(Fpu f, long a, long b) {
    int low = subtract32(f, (int) a, (int) b);
    return Lanes.doubles(low, add32(f, (int) (a >>> 32), (int) (b >>> 32)));
  }

  /** ADDSUBPD: the difference low, the sum high. APM4. */
  static void addsubpd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = subtract64(f, f.d0, f.s0);
    Simd.floatResult(c, f, in, low, add64(f, f.d1, f.s1));
  }

  /** HADDPS: sums of adjacent numbers. APM4. */
  static void haddps(Cpu c, Insn in) {
    horizontal32(c, in, ADD);
  }

  /** HSUBPS: differences of adjacent numbers. APM4. */
  static void hsubps(Cpu c, Insn in) {
    horizontal32(c, in, SUBTRACT);
  }

  private static void horizontal32(Cpu c, Insn in, int op) {
    Fpu f = Simd.floatBinary(c, in);
    int a = lane32(f, op, (int) f.d0, (int) (f.d0 >>> 32));
    int b = lane32(f, op, (int) f.d1, (int) (f.d1 >>> 32));
    int d = lane32(f, op, (int) f.s0, (int) (f.s0 >>> 32));
    int e = lane32(f, op, (int) f.s1, (int) (f.s1 >>> 32));
    Simd.floatResult(c, f, in, Lanes.doubles(a, b), Lanes.doubles(d, e));
  }

  /** HADDPD: sums of the two numbers of each operand. APM4. */
  static void haddpd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = add64(f, f.d0, f.d1);
    Simd.floatResult(c, f, in, low, add64(f, f.s0, f.s1));
  }

  /** HSUBPD: differences of the two numbers of each operand. APM4. */
  static void hsubpd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    long low = subtract64(f, f.d0, f.d1);
    Simd.floatResult(c, f, in, low, subtract64(f, f.s0, f.s1));
  }

  /** DPPS: the dot product of chosen numbers, to chosen lanes. APM4. */
  static void dpps(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    int chosen = (int) in.imm;
    int p0 = (chosen & 0x10) != 0 ? multiply32(f, (int) f.d0, (int) f.s0) : 0;
    int p1 = (chosen & 0x20) != 0 ? multiply32(f, (int) (f.d0 >>> 32), (int) (f.s0 >>> 32)) : 0;
    int p2 = (chosen & 0x40) != 0 ? multiply32(f, (int) f.d1, (int) f.s1) : 0;
    int p3 = (chosen & 0x80) != 0 ? multiply32(f, (int) (f.d1 >>> 32), (int) (f.s1 >>> 32)) : 0;
    Simd.commitExceptions(c, f);
    int low = add32(f, p0, p1);
    int high = add32(f, p2, p3);
    Simd.commitExceptions(c, f);
    int sum = add32(f, low, high);
    long r0 = Lanes.doubles((chosen & 1) != 0 ? sum : 0, (chosen & 2) != 0 ? sum : 0);
    long r1 = Lanes.doubles((chosen & 4) != 0 ? sum : 0, (chosen & 8) != 0 ? sum : 0);
    Simd.floatResult(c, f, in, r0, r1);
  }

  /**
   * VDPPS: as DPPS in either lane; the exceptions of one step are reported before the next begins.
   */
  private static void vdpps(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] w = Avx.load(c, in, 2, f.w);
    long[] v = Avx.load(c, in, 1, f.v);
    int chosen = (int) in.imm;
    int longs = in.vector / 64;
    f.raised = 0;
    for (int i = 0; i < longs; i++) {
      int k = chosen >> 4 + 2 * (i & 1);
      int low = (k & 1) != 0 ? multiply32(f, (int) v[i], (int) w[i]) : 0;
      int high = (k & 2) != 0 ? multiply32(f, (int) (v[i] >>> 32), (int) (w[i] >>> 32)) : 0;
      v[i] = Lanes.doubles(low, high);
    }
    Simd.commitExceptions(c, f);
    for (int i = 0; i < longs; i++) {
      v[i] = add32(f, (int) v[i], (int) (v[i] >>> 32));
    }
    Simd.commitExceptions(c, f);
    for (int i = 0; i < longs; i += 2) {
      int sum = add32(f, (int) v[i], (int) v[i + 1]);
      f.result[i] = Lanes.doubles((chosen & 1) != 0 ? sum : 0, (chosen & 2) != 0 ? sum : 0);
      f.result[i + 1] = Lanes.doubles((chosen & 4) != 0 ? sum : 0, (chosen & 8) != 0 ? sum : 0);
    }
    Simd.commitExceptions(c, f);
    Avx.store(f, in.operand(0).reg, f.result, in.vector);
  }

  /** DPPD: the dot product of chosen numbers, to chosen lanes. APM4. */
  static void dppd(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    int chosen = (int) in.imm;
    long p0 = (chosen & 0x10) != 0 ? multiply64(f, f.d0, f.s0) : 0;
    long p1 = (chosen & 0x20) != 0 ? multiply64(f, f.d1, f.s1) : 0;
    Simd.commitExceptions(c, f);
    long sum = add64(f, p0, p1);
    Simd.floatResult(c, f, in, (chosen & 1) != 0 ? sum : 0, (chosen & 2) != 0 ? sum : 0);
  }

  // --- approximations
  // ------------------------------------------------------------------------------------------------

  /**
   * RCPPS: reciprocals. The manual allows an error of 1.5 * 2^-12; ours are correctly rounded. No
   * exceptions; denormals are zero. APM4.
   */
  static void rcpps(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, pairReciprocal(f.s0), pairReciprocal(f.s1));
  }

  /** RCPSS: as RCPPS, of the low number. APM4. */
  static void rcpss(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, withLow(f.d0, reciprocal((int) f.s0)), f.d1);
  }

  /** RSQRTPS: reciprocals of square roots, with the tolerance of RCPPS. APM4. */
  static void rsqrtps(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, pairReciprocalRoot(f.s0), pairReciprocalRoot(f.s1));
  }

  /** RSQRTSS: as RSQRTPS, of the low number. APM4. */
  static void rsqrtss(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, withLow(f.d0, reciprocalRoot((int) f.s0)), f.d1);
  }

  private static long pairReciprocal(long half) {
    return Lanes.doubles(reciprocal((int) half), reciprocal((int) (half >>> 32)));
  }

  private static long pairReciprocalRoot(long half) {
    return Lanes.doubles(reciprocalRoot((int) half), reciprocalRoot((int) (half >>> 32)));
  }

  private static int reciprocal(int bits) {
    if (quiet(bits)) {
      return bits | 0x40_0000;
    }
    return noDenormal(
        Float.floatToRawIntBits((float) (1.0 / Float.intBitsToFloat(noDenormal(bits)))));
  }

  private static int reciprocalRoot(int bits) {
    if (quiet(bits)) {
      return bits | 0x40_0000;
    }
    int x = noDenormal(bits);
    if (x < 0 && x << 1 != 0) {
      return 0xffc0_0000;
    }
    double root = Math.sqrt(Float.intBitsToFloat(x));
    return Float.floatToRawIntBits((float) (1.0 / root));
  }

  private static boolean quiet(int bits) {
    return (bits & 0x7fff_ffff) > 0x7f80_0000;
  }

  private static int noDenormal(int bits) {
    return (bits & 0x7f80_0000) == 0 ? bits & 1 << 31 : bits;
  }
}
