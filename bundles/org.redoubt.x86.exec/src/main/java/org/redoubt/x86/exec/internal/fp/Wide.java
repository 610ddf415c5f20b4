package org.redoubt.x86.exec.internal.fp;

/** Unsigned 128-bit helpers that the JDK does not have. */
public final class Wide {
  private Wide() {}

  /**
   * The quotient of {@code high:low} by {@code divisor}, whose bit 63 must be set; {@code high <
   * divisor}.
   *
   * <p>Schoolbook division by 32-bit digits: Knuth, The Art of Computer Programming, volume 2,
   * 4.3.1, algorithm D.
   */
  static long divideNormalized(long high, long low, long divisor) {
    long d1 = divisor >>> 32;
    long d0 = divisor & 0xffff_ffffL;
    long q1 = digit(high, low >>> 32, divisor, d1, d0);
    long rest = (high << 32 | low >>> 32) - q1 * divisor;
    long q0 = digit(rest, low & 0xffff_ffffL, divisor, d1, d0);
    return q1 << 32 | q0;
  }

  private static long digit(long high, long next, long divisor, long d1, long d0) {
    long q = Long.divideUnsigned(high, d1);
    long r = high - q * d1;
    while (q >>> 32 != 0 || Long.compareUnsigned(q * d0, r << 32 | next) > 0) {
      q--;
      r += d1;
      if (r >>> 32 != 0) {
        break;
      }
    }
    return q;
  }

  /** The floor of the square root of {@code high:low}; the root must have bit 63 set. */
  static long squareRoot(long high, long low) {
    double estimate = Math.sqrt(unsignedToDouble(high)) * 0x1p32;
    long root = estimate >= 0x1p64 ? -1L : doubleToUnsigned(estimate);
    if (Long.compareUnsigned(high, root) >= 0) {
      root = -1L;
    } else {
      long quotient = divideNormalized(high, low, root);
      root = (root & quotient) + ((root ^ quotient) >>> 1);
    }
    while (squareExceeds(root, high, low)) {
      root--;
    }
    while (root != -1L && !squareExceeds(root + 1, high, low)) {
      root++;
    }
    return root;
  }

  private static boolean squareExceeds(long root, long high, long low) {
    int order = Long.compareUnsigned(Math.unsignedMultiplyHigh(root, root), high);
    return order > 0 || (order == 0 && Long.compareUnsigned(root * root, low) > 0);
  }

  private static double unsignedToDouble(long value) {
    return value >= 0 ? (double) value : (double) (value >>> 1 | (value & 1)) * 2.0;
  }

  private static long doubleToUnsigned(double value) {
    return value < 0x1p63 ? (long) value : (long) (value - 0x1p63) + Long.MIN_VALUE;
  }
}
