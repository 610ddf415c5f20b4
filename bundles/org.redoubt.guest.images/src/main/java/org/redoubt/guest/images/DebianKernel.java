package org.redoubt.guest.images;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A series of Debian's cloud kernel that can be asked for by name. */
public enum DebianKernel {
  /** Debian 12's own. */
  DEBIAN_6_1("6.1", "bookworm"),
  /** That of Debian 13, built for Debian 12. */
  DEBIAN_6_12("6.12", "bookworm-backports");

  private final String series;
  private final String suite;

  DebianKernel(String series, String suite) {
    this.series = series;
    this.suite = suite;
  }

  /** The name that users write, such as {@code debian-6.12}. */
  public String label() {
    return "debian-" + series;
  }

  /** The series, such as {@code 6.12}. */
  public String series() {
    return series;
  }

  /** The suite that has it, where the machine's own sources do not. */
  public String suite() {
    return suite;
  }

  /** The kernel of that name. */
  public static Optional<DebianKernel> of(String label) {
    return Stream.of(values())
        .filter(one -> one.label().equals(label.toLowerCase(Locale.ROOT)))
        .findFirst();
  }

  /** Whether a kernel package, by its name, is of this series. */
  boolean has(String packageName) {
    return packageName.startsWith("linux-image-" + series + ".");
  }
}
