package org.redoubt.shell.internal.memory;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/** Bytes as addresses, hex digits and text; at most 80 columns wide. */
final class HexDump {
  private static final int PER_LINE = 16;
  private static final int PER_HALF_LINE = 8;
  private static final HexFormat SPACED = HexFormat.ofDelimiter(" ");

  private HexDump() {}

  /** One view, 16 bytes a line. */
  static String single(long address, byte[] bytes) {
    StringBuilder out = new StringBuilder();
    for (int from = 0; from < bytes.length; from += PER_LINE) {
      byte[] line = Arrays.copyOfRange(bytes, from, Math.min(from + PER_LINE, bytes.length));
      out.append(
          "%012x  %-47s  |%s|%n".formatted(address + from, SPACED.formatHex(line), text(line)));
    }
    return out.toString();
  }

  /** The same bytes as the guest and as the host have them, 8 a line. */
  static String pair(long address, byte[] guest, byte[] host) {
    StringBuilder out = new StringBuilder();
    out.append("%-10s  %-32s   %s%n".formatted("", "as the guest", "as the host"));
    for (int from = 0; from < guest.length; from += PER_HALF_LINE) {
      int end = Math.min(from + PER_HALF_LINE, guest.length);
      String line =
          "%010x  %s   %s"
              .formatted(
                  address + from,
                  half(Arrays.copyOfRange(guest, from, end)),
                  half(Arrays.copyOfRange(host, from, end)));
      out.append(line.stripTrailing()).append(System.lineSeparator());
    }
    return out.toString();
  }

  private static String half(byte[] bytes) {
    return "%-23s %-8s".formatted(SPACED.formatHex(bytes), text(bytes));
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", ".");
  }
}
