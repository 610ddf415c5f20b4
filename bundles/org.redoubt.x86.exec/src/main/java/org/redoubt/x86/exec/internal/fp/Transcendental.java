package org.redoubt.x86.exec.internal.fp;

import java.math.BigInteger;

/**
 * The x87 transcendental functions, to the last bit or one off it, by series over wide fixed-point
 * integers.
 *
 * <p>Rare enough in guests that clarity wins over speed (some ten microseconds each). Fixed-point
 * numbers carry {@code scale} fraction bits, chosen so that even a small result has well over 64
 * significant ones.
 */
public final class Transcendental {
  /** Fraction bits of an argument near one. */
  private static final int WIDE = 160;

  /** Below 2^-SMALL a function is its linear term, to more than 64 bits. */
  private static final int SMALL = 72;

  private static final int CONSTANT_BITS = 640;
  private static final BigInteger PI = pi(CONSTANT_BITS);

  /**
   * The pi that the hardware reduces angles by: 64 fraction bits, truncated. So the sine of a large
   * angle is that of a slightly different one, on silicon and here.
   */
  private static final BigInteger REDUCTION_PI = PI.shiftRight(CONSTANT_BITS - 64);

  private static final BigInteger LN2 = ln2(CONSTANT_BITS);

  private Transcendental() {}

  // --- 2^x - 1
  // ---------------------------------------------------------------------------------------------------

  /** F2XM1: {@code 2^a - 1} for -1 to 1; outside, the manual leaves the result undefined. APM5. */
  public static void exponential(SoftFloat f) {
    Num a = f.a();
    if (f.invalidOperand(a)) {
      return;
    }
    f.noteDenormal(a);
    if (a.zero()) {
      f.zeroResult(a.negative);
    } else if (a.kind == Num.INFINITE) {
      if (a.negative) {
        f.finiteResult(true, 0, 1L << 63, 0);
      } else {
        f.infiniteResult(false);
      }
    } else if (a.exponent >= 1 || (a.exponent == 0 && a.significand != 1L << 63)) {
      outOfRange(f);
    } else if (a.exponent < -SMALL) {
      linear(f, a, a.negative, LN2, CONSTANT_BITS);
    } else {
      int scale = WIDE - a.exponent;
      BigInteger x = fixed(a, scale).multiply(LN2).shiftRight(CONSTANT_BITS);
      result(f, expMinusOne(x, scale), -scale);
    }
  }

  private static void outOfRange(SoftFloat f) {
    Num a = f.a();
    f.finiteResult(a.negative, a.exponent, a.significand, 0);
  }

  private static BigInteger expMinusOne(BigInteger x, int scale) {
    BigInteger sum = x;
    BigInteger term = x;
    for (int k = 2; term.bitLength() > 1; k++) {
      term = term.multiply(x).shiftRight(scale).divide(BigInteger.valueOf(k));
      sum = sum.add(term);
    }
    return sum;
  }

  // --- logarithms
  // ------------------------------------------------------------------------------------------------

  /** FYL2X: {@code b * log2(a)}. APM5. */
  public static void logarithm(SoftFloat f) {
    Num a = f.a();
    Num b = f.b();
    if (f.invalidOperand()) {
      return;
    }
    boolean one =
        a.kind == Num.FINITE && a.exponent == 0 && a.significand == 1L << 63 && !a.negative;
    boolean invalid =
        (a.negative && !a.zero())
            || (a.zero() && b.zero())
            || (one && b.kind == Num.INFINITE)
            || (a.kind == Num.INFINITE && b.zero());
    if (invalid) {
      f.invalid();
      return;
    }
    if (a.zero() && b.kind != Num.INFINITE) {
      f.raise(SoftFloat.ZE);
      f.infiniteResult(!b.negative);
      return;
    }
    f.noteDenormals();
    if (a.zero()) {
      f.infiniteResult(!b.negative);
    } else if (a.kind == Num.INFINITE) {
      f.infiniteResult(b.negative);
    } else {
      boolean minus = b.negative != a.exponent < 0;
      if (b.kind == Num.INFINITE) {
        f.infiniteResult(minus);
      } else if (b.zero() || one) {
        f.zeroResult(minus);
      } else {
        int scale = 256;
        BigInteger m = unsigned(a.significand).shiftLeft(scale - 63);
        int e = a.exponent;
        if (a.significand << 1 < 0) {
          e++;
          m = m.shiftRight(1);
        }
        BigInteger unit = BigInteger.ONE.shiftLeft(scale);
        BigInteger s = m.subtract(unit).shiftLeft(scale).divide(m.add(unit));
        BigInteger log = log2(s, scale).add(BigInteger.valueOf(e).shiftLeft(scale));
        times(f, log, scale, b);
      }
    }
  }

  /**
   * FYL2XP1: {@code b * log2(a + 1)} for small {@code a}; outside the range the result is
   * undefined. APM5.
   */
  public static void logarithmPlusOne(SoftFloat f) {
    Num a = f.a();
    Num b = f.b();
    if (f.invalidOperand()) {
      return;
    }
    boolean invalid =
        (a.zero() && b.kind == Num.INFINITE)
            || (a.kind == Num.INFINITE && (b.zero() || a.negative));
    if (invalid) {
      f.invalid();
      return;
    }
    f.noteDenormals();
    boolean minus = a.negative != b.negative;
    if (a.kind == Num.INFINITE || b.kind == Num.INFINITE) {
      f.infiniteResult(minus);
    } else if (a.zero() || b.zero()) {
      f.zeroResult(minus);
    } else if (a.negative && a.exponent >= 0) {
      outOfRange(f);
    } else if (a.exponent < -SMALL) {
      BigInteger inverse = BigInteger.ONE.shiftLeft(CONSTANT_BITS + WIDE).divide(LN2);
      BigInteger product =
          inverse.multiply(unsigned(a.significand)).multiply(unsigned(b.significand));
      result(f, minus ? product.negate() : product, a.exponent + b.exponent - 126 - WIDE);
    } else {
      int scale = 256 + Math.max(0, -a.exponent);
      BigInteger x = fixed(a, scale);
      BigInteger s = x.shiftLeft(scale).divide(x.add(BigInteger.TWO.shiftLeft(scale)));
      times(f, log2(s, scale), scale, b);
    }
  }

  /** {@code log2((1 + s) / (1 - s))}, by the series of the inverse hyperbolic tangent. */
  private static BigInteger log2(BigInteger s, int scale) {
    BigInteger square = s.multiply(s).shiftRight(scale);
    BigInteger power = s;
    BigInteger sum = s;
    for (int k = 3; power.bitLength() > 1; k += 2) {
      power = power.multiply(square).shiftRight(scale);
      sum = sum.add(power.divide(BigInteger.valueOf(k)));
    }
    return sum.shiftLeft(1 + CONSTANT_BITS).divide(LN2);
  }

  private static void times(SoftFloat f, BigInteger factor, int scale, Num b) {
    BigInteger product = factor.multiply(unsigned(b.significand));
    result(f, b.negative ? product.negate() : product, b.exponent - 63 - scale);
  }

  // --- sine, cosine, tangent
  // -------------------------------------------------------------------------------------

  /** Whether {@code a} is out of FSIN's range: C2 set, nothing else happens. APM5. */
  public static boolean outOfTrigonometricRange(SoftFloat f) {
    return f.a().kind == Num.FINITE && f.a().exponent >= 63;
  }

  public static void sine(SoftFloat f) {
    trigonometric(f, 0);
  }

  public static void cosine(SoftFloat f) {
    trigonometric(f, 1);
  }

  public static void tangent(SoftFloat f) {
    trigonometric(f, 2);
  }

  private static void trigonometric(SoftFloat f, int function) {
    Num a = f.a();
    if (f.invalidOperand(a)) {
      return;
    }
    if (a.kind == Num.INFINITE) {
      f.invalid();
      return;
    }
    f.noteDenormal(a);
    if (a.zero()) {
      if (function == 1) {
        f.finiteResult(false, 0, 1L << 63, 0);
      } else {
        f.zeroResult(a.negative);
      }
      return;
    }
    if (a.exponent < -SMALL) {
      if (function == 1) {
        // Just under one.
        f.finiteResult(false, -1, -1L, -1L);
      } else {
        nearly(f, a, function == 0);
      }
      return;
    }
    int scale = 2 * WIDE + 64 + Math.max(0, -a.exponent);
    BigInteger x = fixed(a, scale).abs();
    BigInteger halfPi = REDUCTION_PI.shiftLeft(scale - 65);
    BigInteger[] parts = x.divideAndRemainder(halfPi);
    BigInteger reduced = parts[1];
    int quadrant = parts[0].intValue() & 3;
    if (reduced.shiftLeft(1).compareTo(halfPi) > 0) {
      reduced = reduced.subtract(halfPi);
      quadrant = quadrant + 1 & 3;
    }
    BigInteger sin = sinSeries(reduced, scale);
    BigInteger cos = cosSeries(reduced, scale);
    BigInteger wantedSin = rotate(sin, cos, quadrant);
    BigInteger wantedCos = rotate(cos, sin.negate(), quadrant);
    if (a.negative) {
      wantedSin = wantedSin.negate();
    }
    switch (function) {
      case 0 -> result(f, wantedSin, -scale);
      case 1 -> result(f, wantedCos, -scale);
      default -> result(f, wantedSin.shiftLeft(scale).divide(wantedCos), -scale);
    }
  }

  /** {@code value} after {@code quadrant} quarter turns, {@code next} being its derivative. */
  private static BigInteger rotate(BigInteger value, BigInteger next, int quadrant) {
    return switch (quadrant) {
      case 0 -> value;
      case 1 -> next;
      case 2 -> value.negate();
      default -> next.negate();
    };
  }

  /**
   * {@code a} with its last bit shaded: towards zero for the sine, away from it for the tangent.
   */
  private static void nearly(SoftFloat f, Num a, boolean below) {
    if (!below) {
      f.finiteResult(a.negative, a.exponent, a.significand, 1);
    } else if (a.significand == 1L << 63) {
      f.finiteResult(a.negative, a.exponent - 1, -1L, -1L);
    } else {
      f.finiteResult(a.negative, a.exponent, a.significand - 1, -1L);
    }
  }

  private static BigInteger sinSeries(BigInteger x, int scale) {
    return alternating(x, x, 2, scale);
  }

  private static BigInteger cosSeries(BigInteger x, int scale) {
    return alternating(BigInteger.ONE.shiftLeft(scale), x, 1, scale);
  }

  private static BigInteger alternating(BigInteger first, BigInteger x, int from, int scale) {
    BigInteger square = x.multiply(x).shiftRight(scale);
    BigInteger term = first;
    BigInteger sum = first;
    for (int k = from; term.bitLength() > 1; k += 2) {
      term =
          term.multiply(square)
              .shiftRight(scale)
              .divide(BigInteger.valueOf((long) k * (k + 1)))
              .negate();
      sum = sum.add(term);
    }
    return sum;
  }

  // --- arc tangent
  // -----------------------------------------------------------------------------------------------

  /** FPATAN: the angle of the point ({@code a}, {@code b}). APM5. */
  public static void arcTangent(SoftFloat f) {
    Num x = f.a();
    Num y = f.b();
    if (f.invalidOperand()) {
      return;
    }
    f.noteDenormals();
    boolean minus = y.negative;
    if (y.kind == Num.INFINITE) {
      int eighths = x.kind != Num.INFINITE ? 4 : x.negative ? 6 : 2;
      angle(f, minus, PI.multiply(BigInteger.valueOf(eighths)).shiftRight(3), CONSTANT_BITS);
    } else if (x.kind == Num.INFINITE || y.zero()) {
      if (x.negative) {
        angle(f, minus, PI, CONSTANT_BITS);
      } else {
        f.zeroResult(minus);
      }
    } else if (x.zero()) {
      angle(f, minus, PI, CONSTANT_BITS + 1);
    } else {
      int distance = y.exponent - x.exponent;
      if (distance < -SMALL && !x.negative) {
        BigInteger quotient =
            unsigned(y.significand).shiftLeft(256).divide(unsigned(x.significand));
        // An angle is less than its tangent, which matters where the quotient comes out even.
        angle(f, minus, quotient.subtract(BigInteger.ONE), 256 - distance);
      } else {
        angle(f, minus, finiteAngle(x, y, distance), 256 + 128);
      }
    }
  }

  /** The angle of a point with y taken positive, with 384 fraction bits. */
  private static BigInteger finiteAngle(Num x, Num y, int distance) {
    int scale = 256 + 128;
    BigInteger pi = PI.shiftRight(CONSTANT_BITS - scale);
    BigInteger angle;
    boolean steep = distance > 0;
    Num over = steep ? x : y;
    Num under = steep ? y : x;
    int down = Math.abs(distance);
    BigInteger ratio =
        down > 2 * WIDE
            ? BigInteger.ZERO
            : unsigned(over.significand)
                .shiftLeft(scale - down)
                .divide(unsigned(under.significand));
    angle = atan(ratio, scale);
    if (steep) {
      angle = pi.shiftRight(1).subtract(angle);
    }
    return x.negative ? pi.subtract(angle) : angle;
  }

  private static BigInteger atan(BigInteger ratio, int scale) {
    BigInteger unit = BigInteger.ONE.shiftLeft(scale);
    BigInteger x = ratio;
    int halvings = 5;
    for (int i = 0; i < halvings; i++) {
      BigInteger root = unit.shiftLeft(scale).add(x.multiply(x)).sqrt();
      x = x.shiftLeft(scale).divide(unit.add(root));
    }
    BigInteger square = x.multiply(x).shiftRight(scale);
    BigInteger power = x;
    BigInteger sum = x;
    for (int k = 3; power.bitLength() > 1; k += 2) {
      power = power.multiply(square).shiftRight(scale).negate();
      sum = sum.add(power.divide(BigInteger.valueOf(k)));
    }
    return sum.shiftLeft(halvings);
  }

  private static void angle(SoftFloat f, boolean minus, BigInteger value, int scale) {
    result(f, minus ? value.negate() : value, -scale);
  }

  // --- fixed point
  // -----------------------------------------------------------------------------------------------

  private static void linear(SoftFloat f, Num a, boolean minus, BigInteger slope, int scale) {
    BigInteger product = slope.multiply(unsigned(a.significand));
    result(f, minus ? product.negate() : product, a.exponent - 63 - scale);
  }

  private static BigInteger unsigned(long bits) {
    BigInteger value = BigInteger.valueOf(bits & Long.MAX_VALUE);
    return bits < 0 ? value.setBit(63) : value;
  }

  private static BigInteger fixed(Num a, int scale) {
    int shift = a.exponent - 63 + scale;
    BigInteger value = unsigned(a.significand);
    value = shift >= 0 ? value.shiftLeft(shift) : value.shiftRight(-shift);
    return a.negative ? value.negate() : value;
  }

  /** {@code value * 2^exponent}, never exact: the sticky bit is always set. */
  private static void result(SoftFloat f, BigInteger value, int exponent) {
    if (value.signum() == 0) {
      f.zeroResult(false);
      return;
    }
    BigInteger magnitude = value.abs();
    int length = magnitude.bitLength();
    BigInteger top =
        length > 128 ? magnitude.shiftRight(length - 128) : magnitude.shiftLeft(128 - length);
    f.finiteResult(
        value.signum() < 0,
        exponent + length - 1,
        top.shiftRight(64).longValue(),
        top.longValue() | 1);
  }

  /** Machin: pi = 16 atan(1/5) - 4 atan(1/239). */
  private static BigInteger pi(int bits) {
    int scale = bits + 32;
    return atanInverse(5, scale)
        .shiftLeft(4)
        .subtract(atanInverse(239, scale).shiftLeft(2))
        .shiftRight(32);
  }

  private static BigInteger atanInverse(int n, int scale) {
    BigInteger power = BigInteger.ONE.shiftLeft(scale).divide(BigInteger.valueOf(n));
    BigInteger sum = power;
    for (int k = 3; power.signum() != 0; k += 2) {
      power = power.divide(BigInteger.valueOf(-(long) n * n));
      sum = sum.add(power.divide(BigInteger.valueOf(k)));
    }
    return sum;
  }

  /** ln 2 = 2 atanh(1/3). */
  private static BigInteger ln2(int bits) {
    int scale = bits + 32;
    BigInteger power = BigInteger.ONE.shiftLeft(scale).divide(BigInteger.valueOf(3));
    BigInteger sum = power;
    for (int k = 3; power.signum() != 0; k += 2) {
      power = power.divide(BigInteger.valueOf(9));
      sum = sum.add(power.divide(BigInteger.valueOf(k)));
    }
    return sum.shiftRight(31);
  }
}
