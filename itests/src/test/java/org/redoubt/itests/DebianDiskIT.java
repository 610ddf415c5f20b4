package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Debian itself, on a disk made with its own tools: from the login prompt to a clean end, over a
 * reboot. A long run: to make the disk takes root and a minute, to run it several. {@code
 * redoubt.disk} names an image, of which a copy is used; {@code redoubt.disk.kernel} the kernel.
 *
 * <pre>
 *   INCLUDE=openssl,python3 itests/src/bench/debian-disk /tmp/debian.img
 *   mvn verify -pl itests -am -Dredoubt.disk=/tmp/debian.img -Dit.test=DebianDiskIT \
 *     -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false
 * </pre>
 */
@EnabledIfSystemProperty(named = "redoubt.disk", matches = ".+")
class DebianDiskIT {
  private static final Duration BOOT = Duration.ofMinutes(30);
  private static final Duration COMMAND = Duration.ofMinutes(15);
  private static final int RESET = 4;
  private static final int SERVED_BYTES = 20 << 20;
  private static final String PROMPT = "root@redoubt:~#";
  private static final String LOGIN = "redoubt login:";

  @TempDir private Path folder;

  private int questions;

  /** Runs a command in the guest's shell and returns what it printed. */
  private String ask(Launched run, String command) throws Exception {
    String mark = "mark" + ++questions;
    // The sums are the guest's: what is typed, and echoed, is no answer.
    run.type("echo %s-b$((6*7)); %s; echo %s-e$((6*7))".formatted(mark, command, mark));
    run.expect(mark + "-e42", COMMAND);
    String all = run.out();
    int from = all.indexOf(mark + "-b42") + mark.length() + 4;
    String answer = all.substring(from, all.indexOf(mark + "-e42", from)).replace("\r", "").strip();
    System.out.printf("DebianDiskIT: %s%n%s%n", command, answer.indent(2));
    return answer;
  }

  private static void login(Launched run, int boots) throws Exception {
    run.expectTimes(LOGIN, boots, BOOT);
    int prompts = run.out().split(PROMPT, -1).length;
    run.type("root");
    run.expectTimes(PROMPT, prompts, COMMAND);
  }

  private Launched start(String protection, Path disk) throws Exception {
    return Launched.of(
        "run",
        "--reboot",
        "--kernel",
        System.getProperty("redoubt.disk.kernel", "debian-6.1"),
        "--protection",
        protection,
        "--memory",
        "1G",
        "--disk",
        disk.toString(),
        "--net",
        "user",
        "--append",
        "console=ttyS0 quiet redoubt.root=/dev/vda");
  }

  @Test
  void shouldLogInWorkRebootAndPowerOff() throws Exception {
    fromLoginToPowerOff("none");
  }

  @Test
  void shouldDoTheSameEncrypted() throws Exception {
    fromLoginToPowerOff("sev");
  }

  private void fromLoginToPowerOff(String protection) throws Exception {
    boolean encrypted = protection.equals("sev");
    Path disk = folder.resolve("disk.img");
    Files.copy(
        Path.of(System.getProperty("redoubt.disk")), disk, StandardCopyOption.REPLACE_EXISTING);
    byte[] served = new byte[SERVED_BYTES];
    new Random(1).nextBytes(served);
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/file",
        exchange -> {
          exchange.sendResponseHeaders(200, served.length);
          try (OutputStream body = exchange.getResponseBody()) {
            body.write(served);
          }
        });
    server.start();
    List<Launched> runs = new ArrayList<>();
    try {
      Launched run = start(protection, disk);
      runs.add(run);
      login(run, 1);
      String state = ask(run, "systemctl is-system-running --wait || systemctl --failed");
      assertEquals("running", state);
      assertTrue(ask(run, "systemd-analyze").contains("Startup finished in"));
      String memory = ask(run, "dmesg | grep -c 'Encryption Features active: AMD SEV' || true");
      assertEquals(encrypted ? "1" : "0", memory);
      assertTrue(
          ask(run, "openssl speed -seconds 1 -bytes 1024 sha256 2>&1").contains("sha256"),
          run::out);
      assertEquals("1267650600228229401496703205376", ask(run, "python3 -c 'print(2**100)'"));
      String fetch =
          "python3 -c \"import hashlib, urllib.request as u; print(hashlib.sha256(u.urlopen("
              + "'http://10.0.2.2:%d/file').read()).hexdigest())\""
                  .formatted(server.getAddress().getPort());
      assertEquals(sha256(served), ask(run, fetch));
      String big = ask(run, "head -c 200M /dev/urandom > big; sync; sha256sum big");
      ask(run, "ls -l big");
      run.type("reboot");
      if (encrypted) {
        assertEquals(RESET, run.exitCode(BOOT), run::err);
        assertTrue(run.err().contains("must be launched anew"), run::err);
        run = start(protection, disk);
        runs.add(run);
      }
      login(run, encrypted ? 1 : 2);
      assertEquals(big, ask(run, "sha256sum big"));
      run.type("poweroff");
      assertEquals(0, run.exitCode(BOOT), run::err);
      assertTrue(run.out().contains("Power down"), run::out);
    } finally {
      runs.forEach(Launched::close);
      server.stop(0);
    }
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
