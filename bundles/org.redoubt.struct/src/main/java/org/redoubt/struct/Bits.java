package org.redoubt.struct;

/**
 * Bit fields, numbered as the manuals number them: bit 0 is the least significant, ranges are
 * {@code high:low}.
 */
public final class Bits {
  private Bits() {}

  /** Whether bit {@code n} (0 to 63) is one. */
  public static boolean bit(long bits, int n) {
    return (bits >>> n & 1) != 0;
  }

  /** Bits {@code high:low}, shifted down to bit 0. */
  public static long field(long bits, int high, int low) {
    return (bits & mask(high, low)) >>> low;
  }

  /** {@code bits} with {@code value} in bits {@code high:low}; {@code value} must fit. */
  public static long with(long bits, int high, int low, long value) {
    long mask = mask(high, low);
    if ((value << low & ~mask) != 0 || value << low >>> low != value) {
      throw new IllegalArgumentException("%Xh does not fit bits %d:%d".formatted(value, high, low));
    }
    return bits & ~mask | value << low;
  }

  /** Ones in bits {@code high:low}, zeros elsewhere. */
  public static long mask(int high, int low) {
    if (low < 0 || high > 63 || low > high) {
      throw new IllegalArgumentException("Bits " + high + ":" + low);
    }
    return -1L >>> 63 - (high - low) << low;
  }
}
