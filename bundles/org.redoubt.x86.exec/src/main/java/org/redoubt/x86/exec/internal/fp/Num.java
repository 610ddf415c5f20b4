package org.redoubt.x86.exec.internal.fp;

/**
 * A floating-point value taken apart: sign, exponent and a significand with its leading one in bit
 * 63.
 *
 * <p>A finite value is {@code significand * 2^(exponent - 63)}; denormals are normalised, and
 * {@link #denormal} remembers that they were. NaNs keep their payload left-aligned under the
 * integer bit, so that it survives a change of format.
 */
public final class Num {
  public static final int ZERO = 0;
  public static final int FINITE = 1;
  public static final int INFINITE = 2;
  public static final int QUIET_NAN = 3;
  public static final int SIGNALLING_NAN = 4;

  /**
   * An 80-bit pattern with no meaning since the 80387: unnormal, pseudo-infinity, pseudo-NaN. APM1
   * 6.2.5.
   */
  public static final int UNSUPPORTED = 5;

  private static final long INTEGER_BIT = 1L << 63;
  private static final long QUIET_BIT = 1L << 62;

  int kind;
  boolean negative;
  int exponent;
  long significand;

  /** Set when the pattern was a denormal, or an 80-bit pseudo-denormal. */
  boolean denormal;

  public int kind() {
    return kind;
  }

  public boolean negative() {
    return negative;
  }

  public int exponent() {
    return exponent;
  }

  public long significand() {
    return significand;
  }

  public boolean denormal() {
    return denormal;
  }

  public boolean nan() {
    return kind >= QUIET_NAN;
  }

  public boolean zero() {
    return kind == ZERO;
  }

  public boolean finite() {
    return kind <= FINITE;
  }

  void set(int newKind, boolean newNegative, int newExponent, long newSignificand) {
    kind = newKind;
    negative = newNegative;
    exponent = newExponent;
    significand = newSignificand;
    denormal = false;
  }

  void set(Num other) {
    set(other.kind, other.negative, other.exponent, other.significand);
    denormal = other.denormal;
  }

  void from16(int bits) {
    int e = bits >>> 10 & 0x1f;
    long m = bits & 0x3ff;
    boolean minus = (bits & 0x8000) != 0;
    if (e == 0) {
      small(minus, m, 10, -14, false);
    } else if (e == 0x1f) {
      special(minus, m << 53);
    } else {
      set(FINITE, minus, e - 15, INTEGER_BIT | m << 53);
    }
  }

  void from32(int bits, boolean denormalsAreZero) {
    int e = bits >>> 23 & 0xff;
    long m = bits & 0x7f_ffff;
    boolean minus = bits < 0;
    if (e == 0) {
      small(minus, m, 23, -126, denormalsAreZero);
    } else if (e == 0xff) {
      special(minus, m << 40);
    } else {
      set(FINITE, minus, e - 127, INTEGER_BIT | m << 40);
    }
  }

  void from64(long bits, boolean denormalsAreZero) {
    int e = (int) (bits >>> 52) & 0x7ff;
    long m = bits & 0xf_ffff_ffff_ffffL;
    boolean minus = bits < 0;
    if (e == 0) {
      small(minus, m, 52, -1022, denormalsAreZero);
    } else if (e == 0x7ff) {
      special(minus, m << 11);
    } else {
      set(FINITE, minus, e - 1023, INTEGER_BIT | m << 11);
    }
  }

  /** From a sign-and-exponent word (bits 15:0) and a significand with an explicit integer bit. */
  void from80(int signExponent, long bits) {
    int e = signExponent & 0x7fff;
    boolean minus = (signExponent & 0x8000) != 0;
    if (e == 0) {
      small(minus, bits, 63, -16382, false);
    } else if (bits >= 0) {
      set(UNSUPPORTED, minus, 0, bits);
    } else if (e == 0x7fff) {
      special(minus, bits & ~INTEGER_BIT);
    } else {
      set(FINITE, minus, e - 16383, bits);
    }
  }

  void fromInteger(long value) {
    if (value == 0) {
      set(ZERO, false, 0, 0);
      return;
    }
    long magnitude = Math.abs(value);
    int shift = Long.numberOfLeadingZeros(magnitude);
    set(FINITE, value < 0, 63 - shift, magnitude << shift);
  }

  private void small(
      boolean minus, long m, int fractionBits, int minimum, boolean denormalsAreZero) {
    if (m == 0 || denormalsAreZero) {
      set(ZERO, minus, 0, 0);
      return;
    }
    int shift = Long.numberOfLeadingZeros(m);
    set(FINITE, minus, minimum - (shift - (63 - fractionBits)), m << shift);
    denormal = true;
  }

  private void special(boolean minus, long fraction) {
    if (fraction == 0) {
      set(INFINITE, minus, 0, INTEGER_BIT);
    } else {
      set(
          (fraction & QUIET_BIT) != 0 ? QUIET_NAN : SIGNALLING_NAN,
          minus,
          0,
          INTEGER_BIT | fraction);
    }
  }

  void quiet() {
    kind = QUIET_NAN;
    significand |= QUIET_BIT;
  }
}
