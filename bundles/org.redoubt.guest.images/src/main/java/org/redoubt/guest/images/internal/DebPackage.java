package org.redoubt.guest.images.internal;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A package as a repository's index describes it. Debian Policy, chapter 5: paragraphs of {@code
 * Field: value} lines.
 *
 * @param name of the package
 * @param version of the package
 * @param filename path below the repository's root
 * @param size bytes
 * @param sha256 lower-case hex
 * @param depends names of the packages it depends on, first alternatives only
 */
public record DebPackage(
    String name, String version, String filename, long size, String sha256, List<String> depends) {
  /** Reads one paragraph. Empty if a field is missing or malformed. */
  public static Optional<DebPackage> parse(String paragraph) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String line : paragraph.split("\n")) {
      int colon = line.indexOf(':');
      if (colon > 0 && !line.startsWith(" ")) {
        fields.putIfAbsent(line.substring(0, colon), line.substring(colon + 1).trim());
      }
    }
    String name = fields.getOrDefault("Package", "");
    String version = fields.getOrDefault("Version", "");
    String sha256 = fields.getOrDefault("SHA256", "");
    String size = fields.getOrDefault("Size", "");
    if (!name.matches("[a-z0-9][a-z0-9.+-]*")
        || !version.matches("[A-Za-z0-9.+:~-]+")
        || !sha256.matches("[0-9a-f]{64}")
        || !size.matches("[0-9]{1,12}")) {
      return Optional.empty();
    }
    List<String> depends =
        Stream.of(fields.getOrDefault("Depends", "").split(","))
            .map(one -> one.strip().split("[ (|:]", 2)[0])
            .filter(one -> !one.isEmpty())
            .toList();
    return Optional.of(
        new DebPackage(
            name,
            version,
            fields.getOrDefault("Filename", ""),
            Long.parseLong(size),
            sha256,
            depends));
  }

  /** A name for files: package and version, the epoch's colon replaced. */
  public String label() {
    return name + "_" + version.replace(":", "%3a");
  }
}
