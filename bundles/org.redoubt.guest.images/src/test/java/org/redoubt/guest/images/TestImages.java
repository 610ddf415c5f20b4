package org.redoubt.guest.images;

import org.junit.jupiter.api.Assumptions;

/**
 * Debian's kernel for tests: without a network they are skipped on a developer's machine, and fail
 * where CI is set.
 */
final class TestImages {
  private TestImages() {}

  static GuestImage debian() {
    try {
      return new GuestImages(GuestImages.defaultCache(), Progress.NONE).debian();
    } catch (ImageException e) {
      Assumptions.assumeTrue(System.getenv("CI") != null, e.getMessage());
      throw new AssertionError(e);
    }
  }
}
