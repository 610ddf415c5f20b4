package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;

/** The folders to copy, as somebody outside of this repository uses them. */
final class Examples {
  private Examples() {}

  /**
   * Copies an example out, and builds it with nothing but Maven.
   *
   * @param folder where the copy goes
   * @return the jar
   */
  static Path build(String name, Path folder) throws IOException, InterruptedException {
    Path home = Path.of(System.getProperty("redoubt.home"));
    Path source = home.resolve("examples").resolve(name);
    Path copy = folder.resolve(name);
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(source.relativize(file).toString()));
      }
    }
    Processes.Outcome outcome =
        Processes.run(
            copy,
            Map.of(),
            "",
            System.getProperty("redoubt.maven"),
            "-B",
            "-ntp",
            "-Dmaven.repo.local=" + System.getProperty("redoubt.repository"),
            "-Dredoubt.home=" + home.toRealPath(),
            "verify");
    assertEquals(0, outcome.status(), outcome::toString);
    // The contract kit ran, and all of it passed.
    assertTrue(
        outcome
            .out()
            .lines()
            .anyMatch(line -> line.matches(".*Tests run: [1-9]\\d+, Failures: 0, Errors: 0, .*")),
        outcome::toString);
    return copy.resolve("target").resolve(name + ".jar");
  }
}
