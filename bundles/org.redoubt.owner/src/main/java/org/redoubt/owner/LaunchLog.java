package org.redoubt.owner;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/**
 * What a host says it has launched: one line per region, {@code GPA BYTES RUNNING-SHA256 NAME},
 * numbers in hexadecimal; lines that start with {@code #} are comments. A claim, not evidence:
 * {@link LaunchCheck} believes its last digest only if the measurement confirms it, and the rest
 * only to name a region.
 */
public final class LaunchLog {
  private static final int MAX_LINES = 100_000;

  private LaunchLog() {}

  /**
   * Reads a log.
   *
   * @throws OwnerException names the first line that is wrong
   */
  public static List<LaunchPrediction.Step> parse(String text) throws OwnerException {
    List<LaunchPrediction.Step> out = new ArrayList<>();
    List<String> lines = text.lines().toList();
    if (lines.size() > MAX_LINES) {
      throw new OwnerException(
          "The log has %d lines; at most %d are read".formatted(lines.size(), MAX_LINES));
    }
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      String[] parts = line.split("\\s+", 4);
      try {
        byte[] digest = HexFormat.of().parseHex(parts[2].toLowerCase(Locale.ROOT));
        if (digest.length != 32) {
          throw new IllegalArgumentException();
        }
        out.add(
            new LaunchPrediction.Step(
                parts[3],
                Long.parseUnsignedLong(parts[0], 16),
                Long.parseUnsignedLong(parts[1], 16),
                digest));
      } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
        throw new OwnerException(
            "Line %d of the log is not 'GPA BYTES SHA256 NAME': %s".formatted(i + 1, line), e);
      }
    }
    return List.copyOf(out);
  }

  /** Writes a log. */
  public static String format(List<LaunchPrediction.Step> steps) {
    StringBuilder text = new StringBuilder("# GPA BYTES RUNNING-SHA256 NAME\n");
    for (LaunchPrediction.Step s : steps) {
      text.append(
          "%x %x %s %s%n"
              .formatted(s.gpa(), s.bytes(), HexFormat.of().formatHex(s.digest()), s.name()));
    }
    return text.toString();
  }
}
