package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code ./redoubt} as a user types it, in a process of its own. */
class LauncherIT {
  @TempDir private Path folder;

  private Processes.Outcome redoubt(String input, String... arguments)
      throws IOException, InterruptedException {
    String[] command = new String[arguments.length + 1];
    command[0] = Processes.ROOT.resolve("redoubt").toString();
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    return Processes.run(
        folder, Map.of("XDG_STATE_HOME", folder.toString(), "TERM", "xterm"), input, command);
  }

  private static void assertOneLine(String text) {
    assertEquals(1, text.lines().count(), text);
    assertFalse(text.contains("Exception"), text);
  }

  @Test
  void shouldRunOneCommandLine() throws Exception {
    Processes.Outcome outcome = redoubt("", "-c", "engine:list");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals("", outcome.err());
    assertTrue(outcome.out().contains("aes-128-xex"), outcome::toString);
    assertFalse(outcome.out().contains("\u001b"), "colours without a terminal");
    System.out.println("./redoubt -c engine:list took " + outcome.took().toMillis() + " ms");
  }

  @ParameterizedTest
  @CsvSource({
    "2, --nix, Unknown option",
    "2, nix, No command 'nix'",
    "2, --feature, ",
    "1, -c nix, not found",
    "2, -c mem:create, NAME",
    "2, -c 'mem:create m --nix', --nix",
    "1, -c 'mem:create m --size 12', 4096",
    "1, -c 'mem:create m --soc-cache 4096', 32768",
    "1, -c 'mem:create m --engine nix', nix",
    "1, -c 'mem:create m --dram /nix/nix', /nix/nix",
    "1, -c 'mem:create m --size 1M; mem:read 0x100000 1', 0x100000",
    "1, -c 'mem:create m; mem:create m', m",
    "1, -c 'engine:use nix', nix",
    "1, -c 'engine:bench nix', nix",
    "2, -c 'help nix', nix",
    "2, --feature nix, base",
    "2, --bundle /nix/nix.jar, /nix/nix.jar"
  })
  void shouldSayInOneLineWhatIsWrong(int status, String arguments, String expected)
      throws Exception {
    String[] words =
        arguments.startsWith("-c ")
            ? new String[] {"-c", arguments.substring(3).replace("'", "")}
            : arguments.split(" ");
    Processes.Outcome outcome = redoubt("", words);
    assertEquals(status, outcome.status(), outcome::toString);
    assertOneLine(outcome.err());
    assertTrue(expected == null || outcome.err().contains(expected), outcome::toString);
  }

  /** A PATH on which there is what the launcher's shell script calls, and nothing else. */
  private String barePath() throws IOException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : List.of("dirname", "readlink", "sed", "cut", "mkdir", "rm", "uname")) {
      for (String place : List.of("/usr/bin", "/bin")) {
        Path there = Path.of(place, tool);
        if (Files.isExecutable(there) && !Files.exists(bin.resolve(tool))) {
          executable(bin.resolve(tool), "exec " + there + " \"$@\"");
        }
      }
    }
    return bin.toString();
  }

  private static void executable(Path file, String line) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + line + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void shouldSayInOneLineThatThereIsNoJdk25() throws Exception {
    Path old = Files.createDirectories(folder.resolve("jdks/17/bin"));
    executable(old.resolve("java"), "echo 'a JDK 17 was started' >&2");
    Files.writeString(folder.resolve("jdks/17/release"), "JAVA_VERSION=\"17.0.1\"\n");
    Map<String, String> environment =
        Map.of(
            "PATH",
            barePath(),
            "JAVA_HOME",
            folder.resolve("jdks/17").toString(),
            "REDOUBT_JDKS",
            folder.resolve("jdks").toString());
    for (String launcher : List.of("redoubt", "distribution/target/redoubt/bin/redoubt")) {
      Processes.Outcome outcome =
          Processes.run(
              folder, environment, "", Processes.ROOT.resolve(launcher).toString(), "--version");
      assertEquals(1, outcome.status(), outcome::toString);
      assertEquals("", outcome.out());
      assertOneLine(outcome.err());
      assertTrue(outcome.err().startsWith("redoubt: No JDK 25 found"), outcome::toString);
    }
  }

  @Test
  void shouldSayInOneLineThatThereIsNoMavenToBuildWith() throws Exception {
    Path bin = Files.createDirectories(folder.resolve("clone/distribution/src/main/bin"));
    Path launcher = folder.resolve("clone/redoubt");
    Files.copy(Processes.ROOT.resolve("redoubt"), launcher, StandardCopyOption.COPY_ATTRIBUTES);
    Files.copy(
        Processes.ROOT.resolve("distribution/src/main/bin/find-jdk.sh"),
        bin.resolve("find-jdk.sh"));
    Map<String, String> environment =
        Map.of("PATH", barePath(), "JAVA_HOME", System.getProperty("java.home"));
    Processes.Outcome outcome =
        Processes.run(folder, environment, "", launcher.toString(), "--version");
    assertEquals(1, outcome.status(), outcome::toString);
    assertEquals("", outcome.out());
    assertOneLine(outcome.err());
    assertTrue(outcome.err().contains("Maven (mvn) is not on the PATH"), outcome::toString);
  }

  @Test
  void shouldGoOnWithoutADamagedFeatureOrBundle() throws Exception {
    Path feature = Files.writeString(folder.resolve("f.json"), "{\"bundles\": [");
    Path bundle = Files.writeString(folder.resolve("b.jar"), "no jar");
    Processes.Outcome outcome =
        redoubt(
            "",
            "--feature",
            feature.toString(),
            "--bundle",
            bundle.toString(),
            "-c",
            "mem:create m; mem:write 0 hello; mem:flush; mem:read 0 5");
    assertEquals(0, outcome.status(), outcome::toString);
    assertTrue(outcome.out().contains("hello"), outcome::toString);
    assertEquals(2, outcome.err().lines().count(), outcome::toString);
    assertTrue(outcome.err().contains(feature.toString()), outcome::toString);
    assertTrue(outcome.err().contains(bundle.toString()), outcome::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "socCacheBytes, abc, takes a whole number",
    "socCacheBytes, 5, takes a multiple of 4096",
    "engineLimitMs, -1, must be positive",
    "engine, nix, named nix"
  })
  void shouldSayInOneLineWhichSettingIsIgnored(String key, String value, String expected)
      throws Exception {
    Path feature =
        Files.writeString(
            folder.resolve("f.json"),
            """
            {"feature-resource-version": "1.0", "id": "itest:f:1", "configurations":
              {"org.redoubt.memory": {"%s": "%s"}}}
            """
                .formatted(key, value));
    Processes.Outcome outcome =
        redoubt("", "--feature", feature.toString(), "-c", "mem:create m; mem:write 0 x");
    assertEquals(0, outcome.status(), outcome::toString);
    assertOneLine(outcome.err());
    assertTrue(outcome.err().startsWith("redoubt: org.redoubt.memory: "), outcome::toString);
    assertTrue(outcome.err().contains(key) && outcome.err().contains(expected), outcome::toString);
  }

  @Test
  void shouldRunAScriptFromStandardInputAndReportItsFailure() throws Exception {
    Processes.Outcome good = redoubt("mem:create m\nmem:stats\nexit\nnix\n");
    assertEquals(0, good.status(), good::toString);
    assertTrue(good.out().contains("Resident"), good::toString);
    Processes.Outcome bad = redoubt("nix\nengine:list\n");
    assertEquals(1, bad.status(), bad::toString);
    assertOneLine(bad.err());
    assertTrue(bad.out().contains("aes-128-xex"), bad::toString);
  }

  @Test
  void shouldNameEachBadFileInOneLineAndRunOn() throws Exception {
    Path little = Files.write(folder.resolve("short.img"), new byte[1000]);
    Path readOnly = Files.write(folder.resolve("readonly.img"), new byte[1 << 20]);
    Files.setPosixFilePermissions(readOnly, PosixFilePermissions.fromString("r--r--r--"));
    Path huge = folder.resolve("huge.img");
    Path damaged = Files.writeString(folder.resolve("damaged.jar"), "no jar");
    Path missing = folder.resolve("missing.jar");
    List<List<String>> cases =
        List.of(
            List.of("mem:create a --size 1M --dram " + little, little + " is too short"),
            List.of("mem:create a --size 1M --dram " + readOnly, readOnly + " is read-only"),
            List.of("mem:create a --size 7000G --dram " + huge, huge + " does not fit"),
            List.of("mem:create a --size 1M --dram " + folder, folder + " is not a plain file"),
            List.of("felix:install " + damaged.toUri(), "damaged.jar cannot be installed"),
            List.of("felix:install " + missing.toUri(), "missing.jar cannot be installed"),
            List.of("mem:create a --size 1M --soc-cache 5000", "5000 bytes"),
            List.of("engine:use nix", "'nix'"));
    String script =
        cases.stream().map(row -> row.get(0) + "\n").collect(Collectors.joining())
            + "mem:create ok --size 1M\nmem:write 0 hello\nmem:read 0 5\n";
    Processes.Outcome outcome = redoubt(script);
    assertEquals(1, outcome.status(), outcome::toString);
    List<String> lines = outcome.err().lines().toList();
    assertEquals(cases.size(), lines.size(), outcome::toString);
    for (int i = 0; i < lines.size(); i++) {
      assertTrue(lines.get(i).contains(cases.get(i).get(1)), lines.get(i));
    }
    assertTrue(outcome.out().endsWith("hello\n"), outcome::toString);
    assertEquals(1000, Files.size(little));
    assertFalse(Files.exists(huge), "nothing is left behind");
  }

  @Test
  void shouldShowCiphertextToTheHostAndCarryPagesOver() throws Exception {
    Processes.Outcome outcome =
        redoubt(
            "",
            "-c",
            "mem:create m --size 1M; mem:write 0x2000 'attack at dawn!!'; mem:dump 0x2000 16;"
                + " mem:dump 0x2000 16 --view host; engine:use bouncycastle;"
                + " mem:read 0x2000 16; engine:list");
    assertEquals(0, outcome.status(), outcome::toString);
    assertEquals(
        1, outcome.out().split("\\|attack at dawn!!\\|", -1).length - 1, outcome::toString);
    assertTrue(outcome.out().contains("\nattack at dawn!!\n"), outcome::toString);
    assertTrue(
        outcome.out().lines().anyMatch(line -> line.matches("bouncycastle .* in use")),
        outcome::toString);
  }

  /** Writes '>' to the serial port, and spins. */
  private static final String SPIN = "66baf803 b03e ee ebfe";

  @Test
  void shouldEndWithoutAWordWhenItIsTerminated() throws Exception {
    Path kernel = Files.write(folder.resolve("kernel"), HandMadeKernel.ofListing(SPIN));
    try (Launched run =
        Launched.of(
            "run", "--kernel", kernel.toString(), "--memory", "64M", "--protection", "none")) {
      run.expect(">", Duration.ofMinutes(5));
      run.terminate();
      assertEquals(128 + 15, run.exitCode(Duration.ofMinutes(5)), run::err);
      assertEquals("", run.err());
      assertEquals(">", run.out());
    }
  }

  @Test
  void shouldKeepHistoryAndLeaveWithCtrlDOnATerminal() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "no pseudo-terminal at hand");
    Path out = folder.resolve("out");
    ProcessBuilder builder =
        new ProcessBuilder(
                "/usr/bin/script",
                "-qec",
                Processes.ROOT.resolve("redoubt").toString(),
                "/dev/null")
            .redirectErrorStream(true)
            .redirectOutput(out.toFile());
    builder.environment().putAll(Map.of("XDG_STATE_HOME", folder.toString(), "TERM", "xterm"));
    Process process = builder.start();
    try (OutputStream keys = process.getOutputStream()) {
      Services.await("the prompt", () -> read(out).contains("g! "));
      keys.write("engine:li\t\r".getBytes(StandardCharsets.US_ASCII));
      keys.flush();
      Services.await(
          "the table and the next prompt", () -> read(out).matches("(?s).*Key bits.*g! .*"));
      keys.write('\u0004');
      keys.flush();
      assertTrue(
          process.waitFor(5, TimeUnit.MINUTES), () -> "Ctrl-D does not end it: " + read(out));
      assertEquals(0, process.exitValue(), () -> read(out));
    } finally {
      process.destroyForcibly();
    }
    assertTrue(
        Files.readString(folder.resolve("redoubt/history")).contains("engine:list"),
        () -> read(out));
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
