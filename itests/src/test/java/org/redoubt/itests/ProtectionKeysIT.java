package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** PKRU, protection keys in page tables, and PKRU in XSAVE areas, on the model that has them. */
class ProtectionKeysIT {
  /** What keys.s exits with when all is as the manual says. */
  private static final int ALL_WELL = 42;

  @TempDir private Path folder;

  private static String program() throws Exception {
    try (InputStream in =
        Objects.requireNonNull(ProtectionKeysIT.class.getResourceAsStream("keys.hex"))) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .collect(Collectors.joining());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "sev"})
  void shouldForbidWhatPkruForbids(String protection) throws Exception {
    Path kernel = Files.write(folder.resolve("keys"), HandMadeKernel.of(program()));
    try (Launched run =
        Launched.of(
            "run",
            "--kernel",
            kernel.toString(),
            "--memory",
            "64M",
            "--cpu",
            "EPYC-Milan",
            "--protection",
            protection)) {
      assertEquals(
          ALL_WELL, run.exitCode(Duration.ofMinutes(5)), () -> "a number of keys.s\n" + run.err());
    }
  }
}
