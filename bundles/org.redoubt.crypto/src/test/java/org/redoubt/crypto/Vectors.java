package org.redoubt.crypto;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/**
 * AMD-made blobs, which lie in {@code shared/vectors} beside the project and are never committed to
 * it. In CI they must be there.
 */
final class Vectors {
  private Vectors() {}

  static byte[] read(String name) {
    for (Path dir = Path.of("").toAbsolutePath(); dir != null; dir = dir.getParent()) {
      Path file = dir.resolve("shared/vectors").resolve(name);
      if (Files.exists(file)) {
        try {
          return Files.readAllBytes(file);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
    if (System.getenv("CI") != null) {
      throw new AssertionError(
          "shared/vectors/" + name + " is in no folder above " + Path.of("").toAbsolutePath());
    }
    Assumptions.abort("shared/vectors/" + name + " is not here");
    throw new AssertionError();
  }
}
