package org.redoubt.x86.exec.internal.simd;

/**
 * The comparison at the heart of PCMPxSTRx: two strings of bytes or words of at most 16 bytes, a
 * mask of matches. APM4, section on packed string compares (1.5 in volume 1's terms: imm8 chooses
 * format, aggregation and polarity).
 */
public final class StringMatch {
  private StringMatch() {}

  /** Elements in a register by the control byte: 16 bytes or 8 words. */
  public static int elements(int control) {
    return (control & 1) != 0 ? 8 : 16;
  }

  /** Elements before the first zero one. */
  public static int implicitLength(long low, long high, int control) {
    int n = elements(control);
    for (int i = 0; i < n; i++) {
      if (element(low, high, i, control & 1) == 0) {
        return i;
      }
    }
    return n;
  }

  private static int element(long low, long high, int i, int format) {
    boolean words = (format & 1) != 0;
    boolean signed = (format & 2) != 0;
    int bit = words ? i * 16 : i * 8;
    long half = bit < 64 ? low : high;
    int raw = (int) (half >>> (bit & 63));
    if (words) {
      return signed ? (short) raw : raw & 0xffff;
    }
    return signed ? (byte) raw : raw & 0xff;
  }

  /**
   * The final mask ("IntRes2").
   *
   * @param aLength elements of the first operand that count, and so on
   */
  public static int mask(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int control) {
    int n = elements(control);
    int result =
        switch (control >> 2 & 3) {
          case 0 -> equalAny(aLow, aHigh, aLength, bLow, bHigh, bLength, control);
          case 1 -> ranges(aLow, aHigh, aLength, bLow, bHigh, bLength, control);
          case 2 -> equalEach(aLow, aHigh, aLength, bLow, bHigh, bLength, control);
          default -> equalOrdered(aLow, aHigh, aLength, bLow, bHigh, bLength, control);
        };
    int all = (1 << n) - 1;
    return switch (control >> 4 & 3) {
      case 1 -> ~result & all;
      case 3 -> result ^ (1 << bLength) - 1;
      default -> result;
    };
  }

  private static int equalAny(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int control) {
    int result = 0;
    for (int j = 0; j < bLength; j++) {
      int b = element(bLow, bHigh, j, control);
      for (int i = 0; i < aLength; i++) {
        if (element(aLow, aHigh, i, control) == b) {
          result |= 1 << j;
        }
      }
    }
    return result;
  }

  private static int ranges(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int control) {
    int result = 0;
    for (int j = 0; j < bLength; j++) {
      int b = element(bLow, bHigh, j, control);
      for (int i = 0; i + 1 < aLength; i += 2) {
        if (element(aLow, aHigh, i, control) <= b && b <= element(aLow, aHigh, i + 1, control)) {
          result |= 1 << j;
        }
      }
    }
    return result;
  }

  private static int equalEach(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int control) {
    int result = 0;
    for (int j = 0; j < elements(control); j++) {
      boolean match =
          (j < aLength && j < bLength)
              ? element(aLow, aHigh, j, control) == element(bLow, bHigh, j, control)
              : j >= aLength && j >= bLength;
      result |= match ? 1 << j : 0;
    }
    return result;
  }

  private static int equalOrdered(
      long aLow, long aHigh, int aLength, long bLow, long bHigh, int bLength, int control) {
    int n = elements(control);
    int result = 0;
    for (int j = 0; j < n; j++) {
      boolean match = true;
      for (int i = 0; i < aLength && i + j < n; i++) {
        match &=
            i + j < bLength
                && element(aLow, aHigh, i, control) == element(bLow, bHigh, i + j, control);
      }
      result |= match ? 1 << j : 0;
    }
    return result;
  }
}
