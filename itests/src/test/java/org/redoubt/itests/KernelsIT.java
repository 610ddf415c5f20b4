package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Debian's kernels as they are, plain and encrypted, on one, two and four vCPUs, once each. The
 * kinds that are missing here are what {@link RunIT} (6.1 on one vCPU) and {@link VirtioIT} boot;
 * {@code itests/src/bench/series} boots all of them again and again.
 */
class KernelsIT {
  private static final Duration LIMIT = Duration.ofMinutes(15);

  /** What the guest runs. */
  static final String COMMANDS =
      "echo kernel $(uname -r) online $(cat /sys/devices/system/cpu/online)";

  @ParameterizedTest
  @CsvSource({
    "debian-6.1, none, 2",
    "debian-6.1, none, 4",
    "debian-6.1, sev, 4",
    "debian-6.12, none, 2",
    "debian-6.12, sev, 2",
    "debian-6.12, sev, 4",
  })
  void shouldBootOnAllVcpusAndPowerOff(String kernel, String protection, int vcpus)
      throws Exception {
    try (Launched run =
        Launched.of(
            "run",
            "--kernel",
            kernel,
            "--protection",
            protection,
            "--smp",
            String.valueOf(vcpus),
            "--memory",
            "256M",
            "--append",
            "console=ttyS0 quiet redoubt.run=\""
                + COMMANDS
                + "; for i in 1 2 3 4; do sha256sum /bin/busybox >/dev/null & done; wait\"")) {
      assertEquals(0, run.exitCode(LIMIT), () -> run.out() + run.err());
      assertBooted(run, kernel, protection, vcpus);
    }
  }

  /** That a guest that ran {@link #COMMANDS} is of its kind, and has done what it should. */
  static void assertBooted(Launched run, String kernel, String protection, int vcpus) {
    String out = run.out();
    for (String words :
        List.of(
            "kernel %s.".formatted(kernel.substring("debian-".length())),
            "online %s\r\n".formatted(vcpus == 1 ? "0" : "0-" + (vcpus - 1)),
            "redoubt: exit status 0")) {
      assertTrue(out.contains(words), () -> words + " in " + out);
    }
    boolean encrypted = protection.equals("sev");
    assertEquals(encrypted, out.contains("Memory Encryption Features active: AMD SEV"), out);
    if (!encrypted) {
      assertEquals("", run.err());
    }
  }
}
