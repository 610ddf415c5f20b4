package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.testkit.tool.DebianTool;

/**
 * A guest owner and a host that know nothing of each other but files, as two people at two
 * terminals: {@code ./redoubt owner}, Debian's {@code virt-qemu-sev-validate}, {@code psp:} and
 * {@code ./redoubt run --session}.
 */
class OwnerIT {
  private static final Duration LIMIT = Duration.ofMinutes(5);

  /** Writes 64 bytes of the secret area to the serial line, then 7 to the debug-exit port. */
  private static final String SAY_SECRET =
      "be10300100 66baf803 b940000000 ac ee e2fc b007 e6f4 f4 ebfd";

  @TempDir private Path folder;

  private String file(String name) {
    return folder.resolve(name).toString();
  }

  private Processes.Outcome redoubt(String... arguments) throws Exception {
    return redoubt(Map.of(), arguments);
  }

  private Processes.Outcome redoubt(Map<String, String> environment, String... arguments)
      throws Exception {
    String[] command = new String[arguments.length + 1];
    command[0] = Path.of(System.getProperty("redoubt.home")).resolve("bin/redoubt").toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    return Processes.run(folder, environment, "", command);
  }

  private String good(String... arguments) throws Exception {
    Processes.Outcome outcome = redoubt(arguments);
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals("", outcome.err());
    return outcome.out();
  }

  private void bad(int status, String words, String... arguments) throws Exception {
    Processes.Outcome outcome = redoubt(arguments);
    assertEquals(status, outcome.status(), outcome::toString);
    String said = outcome.out() + outcome.err();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.contains(words), said);
  }

  private Launched host(String... more) throws Exception {
    List<String> command =
        new java.util.ArrayList<>(
            List.of(
                "run",
                "--memory",
                "64M",
                "--kernel",
                file("kernel"),
                "--session",
                file("vm_session.b64"),
                "--dh-cert",
                file("vm_godh.b64"),
                "--measurement",
                file("measurement"),
                "--launch-image",
                file("image"),
                "--launch-log",
                file("log"),
                "--secret-header",
                file("header"),
                "--secret-payload",
                file("payload")));
    command.addAll(List.of(more));
    return Launched.of(command.toArray(String[]::new));
  }

  private void awaitMeasurement(Launched host) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!Files.exists(folder.resolve("measurement"))) {
      assertTrue(System.nanoTime() < end, () -> host.out() + host.err());
      Thread.sleep(50);
    }
  }

  /** What the owner gets from the platform, and what comes of it. */
  private void begin() throws Exception {
    Files.write(folder.resolve("kernel"), HandMadeKernel.of(SAY_SECRET));
    good("-c", "psp:export --full %s --ark %s".formatted(file("chain"), file("ark")));
    good("owner", "session", "--name", "vm", "--ark", "ark", "chain", "0x1");
  }

  @Test
  void shouldLaunchForAnOwnerWithOurCommands() throws Exception {
    begin();
    String platform = good("owner", "verify-platform", "chain", "--ark", "ark");
    assertEquals(6, platform.lines().filter(l -> l.endsWith(" valid")).count(), platform);
    good("-c", "psp:export --full " + file("again"));
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("chain")),
        Files.readAllBytes(folder.resolve("again")),
        "another run, the same chip");
    Files.writeString(folder.resolve("secret"), "open sesame");
    String[] keys = {"--tik", "vm_tik.bin", "--tek", "vm_tek.bin", "--measurement", "measurement"};
    try (Launched host = host()) {
      awaitMeasurement(host);
      String predicted = good("owner", "measure", "--kernel", "kernel", "--memory", "64M");
      String digest = predicted.strip().substring(predicted.strip().lastIndexOf(' ') + 1);
      assertTrue(host.err().contains("digest " + digest), () -> host.err() + predicted);
      assertTrue(predicted.contains("kernel       0x1000000"), predicted);
      String[] verify = {"owner", "verify", "--policy", "0x1", "--kernel", "kernel", "--memory"};
      assertTrue(good(join(join(verify, "64M"), keys)).startsWith("VALID: "), host::err);
      bad(
          1,
          "NOT VALID: Region boot-params",
          join(join(verify, "128M", "--host-log", "log"), keys));
      good(join(join(new String[] {"owner", "secret"}, keys), "secret", "header", "payload"));
      assertEquals(7, host.exitCode(LIMIT), host::err);
      assertTrue(host.out().startsWith("open sesame\0"), host::out);
      assertTrue(host.err().contains("Secret       the owner's 16 bytes delivered"), host::err);
    }
    // The same packet, for a launch to come: it can only be an old one.
    try (Launched host = host()) {
      assertEquals(2, host.exitCode(LIMIT), host::err);
      assertEquals(1, host.err().lines().count(), host::err);
      assertTrue(host.err().contains("is there already"), host::err);
    }
  }

  private static String[] join(String[] first, String... second) {
    return java.util.stream.Stream.concat(
            java.util.Arrays.stream(first), java.util.Arrays.stream(second))
        .toArray(String[]::new);
  }

  @Test
  void shouldLaunchForAnOwnerWithDebiansTool() throws Exception {
    DebianTool tool = DebianTool.sevValidate();
    begin();
    Files.writeString(folder.resolve("secret"), "open sesame");
    try (Launched host = host()) {
      awaitMeasurement(host);
      String[] check = {
        "--measurement",
        Files.readString(folder.resolve("measurement")),
        "--api-major",
        "1",
        "--api-minor",
        "55",
        "--build-id",
        "1",
        "--policy",
        "1",
        "--firmware",
        file("image"),
        "--tik",
        file("vm_tik.bin"),
        "--tek",
        file("vm_tek.bin")
      };
      DebianTool.Result other = tool.run(join(check, "--policy", "3"));
      assertTrue(other.exit() != 0 && other.output().contains("does not match"), other::output);
      DebianTool.Result taken =
          tool.run(
              join(
                  check,
                  "--inject-secret",
                  "luks-key:" + file("secret"),
                  "--secret-header",
                  file("header"),
                  "--secret-payload",
                  file("payload")));
      assertEquals(0, taken.exit(), taken.output());
      assertTrue(taken.output().contains("OK: Looks good to me"), taken.output());
      assertEquals(7, host.exitCode(LIMIT), host::err);
      assertTrue(host.out().contains("open sesame"), host::out);
    }
  }

  @Test
  void shouldNotStartOnAChipThatWasTamperedWith() throws Exception {
    Files.write(folder.resolve("kernel"), HandMadeKernel.of(SAY_SECRET));
    Path chip = folder.resolve("data/redoubt/psp0");
    Map<String, String> own = Map.of(Processes.DATA_VARIABLE, file("data"));
    assertEquals(0, redoubt(own, "-c", "psp:status").status());
    byte[] sealed = Files.readAllBytes(chip.resolve("platform.sealed"));
    sealed[sealed.length / 2] ^= 1;
    Files.write(chip.resolve("platform.sealed"), sealed);
    String[] run = {"run", "--kernel", file("kernel"), "--memory", "64M"};
    Processes.Outcome refused = redoubt(own, run);
    assertRefused("refused INIT with SECURE_DATA_INVALID: Kept state: ", refused);
    assertRefused("; 'psp:factory-reset' erases it and makes a new platform", refused);
    Processes.Outcome status = redoubt(own, "-c", "psp:status; psp:history --refused 1");
    assertEquals(0, status.status(), status::toString);
    assertTrue(status.out().contains("State UNINIT"), status::toString);
    assertTrue(status.out().contains("SECURE_DATA_INVALID"), status::toString);
    assertEquals(0, redoubt(own, "-c", "psp:factory-reset").status());
    assertEquals(7, redoubt(own, run).status(), "a new platform launches");
    Files.write(chip.resolve("chip.secret"), new byte[31]);
    assertRefused("chip.secret has 31 bytes, not 32", redoubt(own, run));
    Map<String, String> nowhere = Map.of(Processes.DATA_VARIABLE, file("kernel"));
    assertRefused("cannot use its state folder ", redoubt(nowhere, run));
    Processes.Outcome plain =
        redoubt(
            nowhere, "run", "--kernel", file("kernel"), "--memory", "64M", "--protection", "none");
    assertEquals(7, plain.status(), () -> "a plain guest needs no chip: " + plain);
  }

  private static void assertRefused(String words, Processes.Outcome outcome) {
    assertEquals(2, outcome.status(), outcome::toString);
    assertEquals("", outcome.out());
    assertEquals(1, outcome.err().lines().count(), outcome::toString);
    assertTrue(outcome.err().contains(words), outcome::toString);
  }

  @Test
  void shouldNotStartWithAnotherLaunchsPacket() throws Exception {
    begin();
    try (Launched host = host()) {
      awaitMeasurement(host);
      Files.write(folder.resolve("payload"), new byte[16]);
      Files.write(folder.resolve("header"), new byte[52]);
      assertEquals(2, host.exitCode(LIMIT), host::err);
      assertEquals("", host.out());
      String last = host.err().lines().reduce((a, b) -> b).orElseThrow();
      assertTrue(
          last.contains("The secure processor refused LAUNCH_SECRET with BAD_MEASUREMENT"), last);
    }
  }
}
