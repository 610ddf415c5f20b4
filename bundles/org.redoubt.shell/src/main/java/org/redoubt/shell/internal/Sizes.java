package org.redoubt.shell.internal;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Sizes as QEMU's users write them: {@code 512M}, {@code 1G}, {@code 64K}; a bare number is MiB.
 */
public final class Sizes implements ITypeConverter<Long> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})([KMGT]?)(i?B)?");

  @Override
  public Long convert(String value) {
    Matcher size = SIZE.matcher(value.strip().toUpperCase(Locale.ROOT).replace("IB", "iB"));
    if (!size.matches()) {
      throw new TypeConversionException(
          "'%s' is not a size; write it as 512M or 1G".formatted(value));
    }
    int shift =
        switch (size.group(2)) {
          case "K" -> 10;
          case "G" -> 30;
          case "T" -> 40;
          default -> 20;
        };
    try {
      return Math.multiplyExact(Long.parseLong(size.group(1)), 1L << shift);
    } catch (ArithmeticException e) {
      throw new TypeConversionException("'%s' is more than any machine has".formatted(value));
    }
  }

  /** A number of bytes in the largest unit that divides it. */
  public static String text(long bytes) {
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    long left = bytes;
    while (left != 0 && left % 1024 == 0 && unit < units.length - 1) {
      left /= 1024;
      unit++;
    }
    return left + " " + units[unit];
  }
}
