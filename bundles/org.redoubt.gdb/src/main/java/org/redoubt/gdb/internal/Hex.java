package org.redoubt.gdb.internal;

import java.util.HexFormat;

/** Numbers and bytes as packets have them. */
final class Hex {
  private static final HexFormat FORMAT = HexFormat.of();

  private Hex() {}

  static String text(byte[] bytes) {
    return FORMAT.formatHex(bytes);
  }

  /**
   * The bytes of an even number of digits.
   *
   * @throws IllegalArgumentException for anything else
   */
  static byte[] bytes(String text) {
    return FORMAT.parseHex(text);
  }

  /**
   * A number of 1 to 16 digits.
   *
   * @throws IllegalArgumentException for anything else
   */
  static long number(String text) {
    if (text.isEmpty() || text.length() > 16) {
      throw new IllegalArgumentException("'%s' is no number".formatted(text));
    }
    return HexFormat.fromHexDigitsToLong(text);
  }

  /**
   * A number from 0 to a bound.
   *
   * @throws IllegalArgumentException for anything else
   */
  static int number(String text, int most) {
    long value = number(text);
    if (value < 0 || value > most) {
      throw new IllegalArgumentException("%s is above %x".formatted(text, most));
    }
    return (int) value;
  }
}
