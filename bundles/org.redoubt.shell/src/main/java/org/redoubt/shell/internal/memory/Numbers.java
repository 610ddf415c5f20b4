package org.redoubt.shell.internal.memory;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Addresses and sizes as people type them, and as tables show them. */
public final class Numbers {
  private static final String UNITS = "KMGT";

  private Numbers() {}

  /** Reads {@code 4096}, {@code 0x1000}, {@code 64K}, {@code 512M}, {@code 2GiB}. */
  public static final class Converter implements ITypeConverter<Long> {
    @Override
    public Long convert(String text) {
      String word = text.strip().toUpperCase(Locale.ROOT).replaceFirst("(?<=[KMGT])(I?B)$", "");
      try {
        if (word.startsWith("0X")) {
          return Long.parseLong(word.substring(2).replace("_", ""), 16);
        }
        int unit = word.isEmpty() ? -1 : UNITS.indexOf(word.charAt(word.length() - 1));
        String digits = unit < 0 ? word : word.substring(0, word.length() - 1);
        long number = Long.parseLong(digits);
        if (number < 0) {
          throw new NumberFormatException("negative");
        }
        return Math.multiplyExact(number, 1L << (10 * (unit + 1)));
      } catch (NumberFormatException | ArithmeticException e) {
        throw new TypeConversionException(
            "'" + text + "' is no number such as 4096, 0x1000, 64K or 512M");
      }
    }
  }

  /** Bytes in that time as GB/s (10^9 bytes). */
  static String rate(long bytes, long ns) {
    return ns == 0 || bytes == 0 ? "-" : "%.2f".formatted((double) bytes / ns);
  }
}
