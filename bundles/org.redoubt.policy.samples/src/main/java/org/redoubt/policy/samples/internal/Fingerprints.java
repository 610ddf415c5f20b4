package org.redoubt.policy.samples.internal;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * A list of SHA-256 values out of a configuration.
 *
 * @param values in lower-case hexadecimal
 * @param mistake what is wrong with the configuration: a policy with a mistake in it must refuse,
 *     rather than not be there
 */
record Fingerprints(Set<String> values, Optional<String> mistake) {
  /** Reads a list whose entries may have commas in them. */
  static Fingerprints parse(String... entries) {
    Set<String> out = new TreeSet<>();
    for (String word : String.join(",", entries).split(",", -1)) {
      String value = word.strip().toLowerCase(Locale.ROOT);
      if (value.isEmpty()) {
        continue;
      }
      if (!value.matches("[0-9a-f]{64}")) {
        return new Fingerprints(
            Set.of(),
            Optional.of("'%s' is no SHA-256 in hexadecimal (64 digits)".formatted(value)));
      }
      out.add(value);
    }
    return new Fingerprints(Set.copyOf(out), Optional.empty());
  }
}
