package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Several vCPUs: how they start, what they may see of each other, and that none holds up a pause.
 */
class SmpIT {
  private static final Duration LIMIT = Duration.ofMinutes(10);

  /** What litmus.s exits with when nothing happened that x86 forbids. */
  private static final int ALL_WELL = 42;

  /** Spins with interrupts off. */
  private static final String SPIN = "fa ebfe";

  @TempDir private Path folder;

  private static String litmus() throws IOException {
    try (InputStream in = Objects.requireNonNull(SmpIT.class.getResourceAsStream("litmus.hex"))) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .collect(Collectors.joining());
    }
  }

  /**
   * Memory order, LOCK, TLB shootdown by IPI, on vCPUs started by INIT and SIPI. For a long run the
   * property {@code redoubt.litmus} is how often.
   */
  @ParameterizedTest
  @CsvSource({"none, 2", "sev, 2", "none, 4", "sev, 4"})
  void shouldShowNothingThatX86Forbids(String protection, String vcpus) throws Exception {
    Path kernel = Files.write(folder.resolve("litmus"), HandMadeKernel.of(litmus()));
    for (int i = 0; i < Integer.getInteger("redoubt.litmus", 1); i++) {
      try (Launched run =
          Launched.of(
              "run",
              "--kernel",
              kernel.toString(),
              "--memory",
              "64M",
              "--protection",
              protection,
              "--smp",
              vcpus)) {
        assertEquals(ALL_WELL, run.exitCode(LIMIT), run::err);
      }
    }
  }

  @Test
  void shouldPauseWhileOneVcpuSpinsAndTheOthersWaitForSipi() throws Exception {
    Path kernel = Files.write(folder.resolve("spin"), HandMadeKernel.of(SPIN));
    String line =
        "vm:create --name stuck --kernel %s --memory 64M --smp 4 --protection none; vm:start"
                .formatted(kernel)
            + "; vm:pause; vm:regs; vm:resume; vm:pause; vm:resume; vm:stop; vm:list";
    try (Launched run = Launched.of("-c", line)) {
      assertEquals(0, run.exitCode(LIMIT), run::err);
      assertTrue(run.out().contains("RIP 000000000100020"), run::out);
      assertTrue(run.out().contains("The VM was stopped."), run::out);
    }
  }
}
