package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Debian's own virtio drivers on our devices, in the clear and through SEV's bounce buffers. */
class VirtioIT {
  private static final Duration BOOT = Duration.ofMinutes(6);
  private static final int MIB = 1 << 20;

  @TempDir private Path folder;

  private Path image(String name, long seed) throws Exception {
    byte[] bytes = new byte[4 * MIB];
    new Random(seed).nextBytes(bytes);
    return Files.write(folder.resolve(name), bytes);
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static String run(String commands) {
    return "console=ttyS0 redoubt.run=\"%s\"".formatted(commands);
  }

  @ParameterizedTest
  @CsvSource({"none, 1", "sev, 2"})
  void shouldReadAndWriteDisksAndGiveRandomNumbers(String protection, String vcpus)
      throws Exception {
    Path first = image("first.img", 1);
    Path second = image("second.img", 2);
    byte[] before = Files.readAllBytes(first);
    try (Launched run =
        Launched.of(
            "run",
            "--protection",
            protection,
            "--smp",
            vcpus,
            "--memory",
            "256M",
            "--disk",
            first.toString(),
            "--disk",
            second + ",readonly",
            "--append",
            run(
                "sha256sum /dev/vda /dev/vdb; cat /sys/block/vdb/ro; (echo hello; cat /dev/zero) |"
                    + " dd of=/dev/vda bs=4096 seek=1 count=1 iflag=fullblock; sync; cat"
                    + " /sys/class/misc/hw_random/rng_current; echo entropy $(head -c 4096"
                    + " /dev/hwrng | sort -u | wc -c)"))) {
      assertEquals(0, run.exitCode(BOOT), () -> run.out() + run.err());
      String out = run.out();
      assertTrue(out.contains(sha256(before) + "  /dev/vda"), out);
      assertTrue(out.contains(sha256(Files.readAllBytes(second)) + "  /dev/vdb\r\n1\r\n"), out);
      assertTrue(out.contains("virtio_rng.0"), out);
      assertTrue(out.matches("(?s).*entropy [234][0-9]{3}\\b.*"), out);
      if (protection.equals("sev")) {
        assertTrue(out.contains("Memory Encryption Features active: AMD SEV"), out);
      } else {
        assertEquals("", run.err());
      }
    }
    byte[] expected = before.clone();
    Arrays.fill(expected, 4096, 8192, (byte) 0);
    byte[] hello = "hello\n".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(hello, 0, expected, 4096, hello.length);
    assertArrayEquals(expected, Files.readAllBytes(first));
  }

  @Test
  void shouldRefuseADiskThatAnotherVmHas() throws Exception {
    Path disk = image("disk.img", 3);
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.of("fa f4 ebfd"));
    String create =
        "vm:create --name %s --kernel %s --protection none --memory 64M --disk %s"
            .formatted("%s", kernel, disk);
    try (Launched run = Launched.of("-c", create.formatted("a") + "; " + create.formatted("b"))) {
      assertEquals(2, run.exitCode(Duration.ofMinutes(1)), run::err);
      assertEquals(1, run.err().lines().count(), run::err);
      assertTrue(run.err().contains("is locked"), run::err);
    }
  }
}
