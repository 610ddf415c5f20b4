package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.guest.images.DebianKernel;
import org.redoubt.guest.images.GuestImage;
import org.redoubt.guest.images.GuestImages;
import org.redoubt.guest.images.Initramfs;
import org.redoubt.guest.images.Progress;

/** Debian's own virtio drivers on our devices, in the clear and through SEV's bounce buffers. */
class VirtioIT {
  private static final Duration BOOT = Duration.ofMinutes(10);
  private static final int MIB = 1 << 20;
  private static final InetAddress LOOPBACK = InetAddress.getLoopbackAddress();

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
    return "console=ttyS0 quiet redoubt.run=\"%s\"".formatted(commands);
  }

  /**
   * Reads and writes disks; has random numbers and, plain, a balloon; fetches a file from the
   * host's loopback whole, and sends it back through a forwarded port.
   */
  @ParameterizedTest
  @CsvSource({"debian-6.1, sev, 2", "debian-6.12, none, 4", "debian-6.12, sev, 1"})
  void shouldWorkWithDisksNetworkAndRandomNumbers(String kernel, String protection, int vcpus)
      throws Exception {
    Path first = image("first.img", 1);
    Path second = image("second.img", 2);
    byte[] before = Files.readAllBytes(first);
    byte[] served = Files.readAllBytes(image("served", 4));
    int forwarded = freePort();
    HttpServer server = serve(served);
    String commands =
        String.join(
            "; ",
            KernelsIT.COMMANDS,
            "sha256sum /dev/vda /dev/vdb",
            "cat /sys/block/vdb/ro",
            "(echo hello; cat /dev/zero) | dd of=/dev/vda bs=4096 seek=1 count=1 iflag=fullblock",
            "sync",
            "echo balloon $(ls /sys/bus/virtio/drivers/virtio_balloon | grep -c virtio)",
            "cat /sys/class/misc/hw_random/rng_current",
            "echo entropy $(head -c 4096 /dev/hwrng | sort -u | wc -c)",
            "cat /etc/resolv.conf",
            "wget -q -O /f http://10.0.2.2:%d/file".formatted(server.getAddress().getPort()),
            "sha256sum /f",
            "echo go=$((6 * 7))",
            "nc -l -p 9000 -e cat /f",
            "echo sent");
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
            "--disk",
            first.toString(),
            "--disk",
            second + ",readonly",
            "--balloon",
            "--net",
            "user,hostfwd=tcp::%d-:9000".formatted(forwarded),
            "--append",
            run(commands))) {
      run.expect("go=42", BOOT);
      assertEquals(sha256(served), sha256(download(forwarded)));
      assertEquals(0, run.exitCode(BOOT), () -> run.out() + run.err());
      String out = run.out();
      KernelsIT.assertBooted(run, kernel, protection, vcpus);
      for (String words :
          List.of(
              sha256(before) + "  /dev/vda",
              sha256(Files.readAllBytes(second)) + "  /dev/vdb\r\n1\r\n",
              "virtio_rng.0",
              // Linux has this device go without bounce buffers, and its core refuses that.
              protection.equals("sev") ? "balloon 0\r\n" : "balloon 1\r\n",
              "nameserver 10.0.2.3",
              sha256(served) + "  /f")) {
        assertTrue(out.contains(words), () -> words + " in " + out);
      }
      assertTrue(out.matches("(?s).*entropy [234][0-9]{3}\\b.*"), out);
    } finally {
      server.stop(0);
    }
    byte[] expected = before.clone();
    Arrays.fill(expected, 4096, 8192, (byte) 0);
    byte[] hello = "hello\n".getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(hello, 0, expected, 4096, hello.length);
    assertArrayEquals(expected, Files.readAllBytes(first));
  }

  private static HttpServer serve(byte[] file) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(LOOPBACK, 0), 0);
    server.createContext(
        "/file",
        exchange -> {
          exchange.sendResponseHeaders(200, file.length);
          try (OutputStream body = exchange.getResponseBody()) {
            body.write(file);
          }
        });
    server.start();
    return server;
  }

  private static int freePort() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, LOOPBACK)) {
      return free.getLocalPort();
    }
  }

  /** Busybox listens a moment after it said so: until then the guest refuses. */
  private static byte[] download(int port) throws Exception {
    long end = System.nanoTime() + BOOT.toNanos();
    while (true) {
      try (Socket client = new Socket(LOOPBACK, port)) {
        byte[] got = client.getInputStream().readAllBytes();
        if (got.length > 0) {
          return got;
        }
      } catch (IOException e) {
        if (System.nanoTime() > end) {
          throw e;
        }
      }
      Thread.sleep(50);
    }
  }

  /** A guest that resets its machine starts again, and finds on its disk what it has written. */
  @Test
  void shouldHaveAConsoleByVirtioAndStartAgain() throws Exception {
    Path disk = image("disk.img", 5);
    try (Launched run =
        Launched.of(
            "run",
            "--reboot",
            "--kernel",
            "debian-6.12",
            "--protection",
            "none",
            "--memory",
            "256M",
            "--disk",
            disk.toString(),
            "--initrd",
            initrd().toString(),
            "--option",
            "console=console0",
            "--option",
            "console0.cols=132",
            "--append",
            run(
                "exec </dev/hvc0 >/dev/hvc0 2>&1; uname -r; echo ready $((6 * 7)); read line; head"
                    + " -c 20 /dev/vda; echo $line >/dev/vda; sync; [ $line = again ] ||"
                    + " reboot -f"))) {
      // With the end of its line: what is typed before it is echoed in its middle.
      run.expect("ready 42\r\n", BOOT);
      assertTrue(run.out().startsWith("6.12."), run::out);
      run.type("words");
      run.expectTimes("ready 42\r\n", 2, BOOT);
      run.type("again");
      assertEquals(0, run.exitCode(BOOT), () -> run.out() + run.err());
      assertTrue(run.out().contains("again\r\nwords\r\n"), run::out);
    }
    assertArrayEquals("again\n".getBytes(StandardCharsets.US_ASCII), start(disk, 6));
  }

  private static byte[] start(Path file, int bytes) throws IOException {
    return Arrays.copyOf(Files.readAllBytes(file), bytes);
  }

  private Path initrd() throws Exception {
    GuestImage debian =
        new GuestImages(GuestImages.defaultCache(), Progress.NONE).debian(DebianKernel.DEBIAN_6_12);
    return Files.write(
        folder.resolve("initrd"),
        Initramfs.of(debian)
            .modules(debian, List.of("virtio_pci", "virtio_blk", "virtio_console"))
            .build());
  }

  @Test
  void shouldRefuseADiskThatAnotherVmHas() throws Exception {
    Path disk = image("disk.img", 3);
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.of("fa f4 ebfd"));
    String create =
        "vm:create --name %s --kernel %s --protection none --memory 64M --disk %s"
            .formatted("%s", kernel, disk);
    try (Launched run = Launched.of("-c", create.formatted("a") + "; " + create.formatted("b"))) {
      assertEquals(2, run.exitCode(Duration.ofMinutes(5)), run::err);
      assertEquals(1, run.err().lines().count(), run::err);
      assertTrue(run.err().contains("is locked"), run::err);
    }
  }
}
