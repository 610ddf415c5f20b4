package org.redoubt.x86.exec.internal.fp;

/**
 * The 80-bit operations that are exact or nearly so: remainder, scaling, taking apart, rounding to
 * an integer, BCD.
 *
 * <p>Each takes its operands from the workspace ({@code a} is ST(0), {@code b} is ST(1)) and leaves
 * its result there.
 */
public final class Extended {
  private static final long BCD_LIMIT = 999_999_999_999_999_999L;

  private Extended() {}

  /** FRNDINT. APM5. */
  public static void roundToInteger(SoftFloat f) {
    Num a = f.a();
    if (f.invalidOperand(a)) {
      return;
    }
    f.noteDenormal(a);
    if (a.kind == Num.FINITE && a.exponent < 63) {
      boolean minus = a.negative;
      long magnitude = f.toMagnitude();
      if (magnitude == 0) {
        f.zeroResult(minus);
      } else {
        int shift = Long.numberOfLeadingZeros(magnitude);
        f.finiteResult(minus, 63 - shift, magnitude << shift, 0);
      }
    } else {
      passOn(f, a);
    }
  }

  /** FSCALE: {@code a * 2^trunc(b)}. APM5. */
  public static void scale(SoftFloat f) {
    Num a = f.a();
    Num b = f.b();
    if (f.invalidOperand()) {
      return;
    }
    if (b.kind == Num.INFINITE) {
      boolean wrong = b.negative ? a.kind == Num.INFINITE : a.zero();
      if (wrong) {
        f.invalid();
      } else if (b.negative) {
        f.noteDenormals();
        f.zeroResult(a.negative);
      } else {
        f.noteDenormals();
        f.infiniteResult(a.negative);
      }
      return;
    }
    f.noteDenormals();
    if (a.kind != Num.FINITE || b.zero()) {
      passOn(f, a);
      return;
    }
    int by =
        b.exponent < 0
            ? 0
            : b.exponent > 16 ? 1 << 17 : (int) (b.significand >>> (63 - b.exponent));
    f.finiteResult(a.negative, a.exponent + (b.negative ? -by : by), a.significand, 0);
  }

  /** The exponent half of FXTRACT, as the workspace's result; ZE for zero. APM5. */
  public static void extractExponent(SoftFloat f) {
    Num a = f.a();
    if (f.invalidOperand(a)) {
      return;
    }
    f.noteDenormal(a);
    if (a.zero()) {
      f.raise(SoftFloat.ZE);
      f.infiniteResult(true);
    } else if (a.kind == Num.INFINITE) {
      f.infiniteResult(false);
    } else {
      integerResult(f, a.exponent);
    }
  }

  /** The significand half of FXTRACT. APM5. */
  public static void extractSignificand(SoftFloat f) {
    Num a = f.a();
    if (f.invalidOperand(a)) {
      return;
    }
    if (a.kind == Num.FINITE) {
      f.finiteResult(a.negative, 0, a.significand, 0);
    } else {
      passOn(f, a);
    }
  }

  private static void integerResult(SoftFloat f, int value) {
    if (value == 0) {
      f.zeroResult(false);
      return;
    }
    long magnitude = Math.abs((long) value);
    int shift = Long.numberOfLeadingZeros(magnitude);
    f.finiteResult(value < 0, 63 - shift, magnitude << shift, 0);
  }

  /** What {@link #remainder} answers when the reduction is not complete: C2. */
  public static final int PARTIAL = -1;

  /** What it answers when there is no quotient: an operand is a NaN, or the operation invalid. */
  public static final int NONE = -2;

  /**
   * FPREM (quotient truncated) and FPREM1 (quotient to nearest even). APM5.
   *
   * @return the quotient's low three bits, or {@link #PARTIAL}
   */
  public static int remainder(SoftFloat f, boolean nearest) {
    Num a = f.a();
    Num b = f.b();
    if (f.invalidOperand()) {
      return NONE;
    }
    if (a.kind == Num.INFINITE || b.zero()) {
      f.invalid();
      return NONE;
    }
    f.noteDenormals();
    if (a.zero() || b.kind == Num.INFINITE) {
      passOn(f, a);
      return 0;
    }
    int distance = a.exponent - b.exponent;
    if (distance < 0) {
      return nearest && distance == -1 && Long.compareUnsigned(a.significand, b.significand) > 0
          ? justAbove(f)
          : smaller(f);
    }
    if (distance >= 64) {
      int steps = (distance & 31) | 32;
      reduce(f, steps, a.exponent - steps, false);
      return PARTIAL;
    }
    return reduce(f, distance, b.exponent, nearest);
  }

  private static int smaller(SoftFloat f) {
    passOn(f, f.a());
    return 0;
  }

  /**
   * Half of {@code b} is less than {@code a}, and {@code a} less than {@code b}: the quotient
   * rounds to one.
   */
  private static int justAbove(SoftFloat f) {
    Num a = f.a();
    Num b = f.b();
    normalized(f, !a.negative, a.exponent, b.significand - (a.significand - b.significand));
    return 1;
  }

  private static int reduce(SoftFloat f, int steps, int exponent, boolean nearest) {
    Num a = f.a();
    long divisor = f.b().significand;
    long rest = a.significand;
    long quotient = 0;
    boolean carry = false;
    for (int i = steps; ; i--) {
      boolean fits = carry || Long.compareUnsigned(rest, divisor) >= 0;
      rest = fits ? rest - divisor : rest;
      quotient = quotient << 1 | (fits ? 1 : 0);
      if (i == 0) {
        break;
      }
      carry = rest < 0;
      rest <<= 1;
    }
    boolean minus = a.negative;
    if (nearest) {
      int order = Long.compareUnsigned(rest, divisor - rest);
      if (order > 0 || (order == 0 && (quotient & 1) != 0)) {
        rest = divisor - rest;
        minus = !minus;
        quotient++;
      }
    }
    normalized(f, rest == 0 ? a.negative : minus, exponent, rest);
    return (int) quotient & 7;
  }

  private static void normalized(SoftFloat f, boolean minus, int exponent, long significand) {
    if (significand == 0) {
      f.zeroResult(minus);
      return;
    }
    int shift = Long.numberOfLeadingZeros(significand);
    f.finiteResult(minus, exponent - shift, significand << shift, 0);
  }

  private static void passOn(SoftFloat f, Num a) {
    switch (a.kind) {
      case Num.ZERO -> f.zeroResult(a.negative);
      case Num.INFINITE -> f.infiniteResult(a.negative);
      default -> f.finiteResult(a.negative, a.exponent, a.significand, 0);
    }
  }

  /** Whether {@code magnitude} fits eighteen decimal digits. */
  public static boolean fitsBcd(long magnitude) {
    return magnitude >= 0 && magnitude <= BCD_LIMIT;
  }

  /** Eighteen packed decimal digits of {@code magnitude}: bits 63:0 of the 72, sixteen digits. */
  public static long bcdLow(long magnitude) {
    return pack(magnitude % 10_000_000_000_000_000L);
  }

  /** The two digits above {@link #bcdLow}. */
  public static int bcdHigh(long magnitude) {
    return (int) pack(magnitude / 10_000_000_000_000_000L);
  }

  private static long pack(long decimal) {
    long rest = decimal;
    long packed = 0;
    for (int shift = 0; rest != 0; shift += 4) {
      packed |= rest % 10 << shift;
      rest /= 10;
    }
    return packed;
  }

  /** The value of packed digits; a nibble above 9 counts as its value, as the hardware has it. */
  public static long unpackBcd(long low, int high) {
    long value = 0;
    for (int shift = 4; shift >= 0; shift -= 4) {
      value = value * 10 + (high >> shift & 15);
    }
    for (int shift = 60; shift >= 0; shift -= 4) {
      value = value * 10 + (low >>> shift & 15);
    }
    return value;
  }
}
