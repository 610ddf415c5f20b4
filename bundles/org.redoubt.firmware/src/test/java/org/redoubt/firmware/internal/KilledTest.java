package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.Primitives;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;

/**
 * Restarts after a process that really was killed (SIGKILL) in the middle of its non-volatile
 * writes: by itself at a byte or a step drawn by lot ({@link CutFiles}), or from outside at a
 * moment drawn by lot. The chip that the next process finds is the one that was last told of or the
 * one that was about to be. The long run: {@code -Dnv.kills=1000}; another seed: {@code
 * -Dnv.seed=N}.
 */
final class KilledTest {
  private static final int KILLS = Integer.getInteger("nv.kills", 6);
  private static final long SEED = Long.getLong("nv.seed", 1);

  /** Bytes that one PDH_GEN writes, about. */
  private static final int BYTES = 6500;

  /** Steps that one PDH_GEN makes besides: three files, each made, forced, renamed. */
  private static final int STEPS = 9;

  @TempDir Path folder;

  /** How a process came to its end. */
  private enum Way {
    AT_BYTE,
    AT_STEP,
    FROM_OUTSIDE
  }

  /** What a restart found. */
  private enum Found {
    FORMER,
    NEXT,
    FIRST
  }

  @Test
  void shouldHaveTheFormerOrTheNextStateAfterAKill() throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self")), "SIGKILL is sent as Linux takes it");
    Random random = new Random(SEED);
    Map<Way, Map<Found, Integer>> tally = new EnumMap<>(Way.class);
    Path chip = folder.resolve("chip");
    Set<String> told = new LinkedHashSet<>();
    for (int i = 0; i < KILLS; i++) {
      if (random.nextInt(10) == 0) { // a chip that is made, and cut while it is made
        chip = folder.resolve("chip" + i);
        told.clear();
      }
      Way way = Way.values()[i % Way.values().length];
      List<String> lines = killed(random, way, chip);
      if (!told.isEmpty() && !lines.isEmpty()) {
        assertEquals(newest(told), lines.getFirst(), "what the next process found");
      }
      String last = lines.isEmpty() ? newest(told) : lines.getLast();
      told.addAll(lines);
      Found found = check(chip, told, last);
      tally.computeIfAbsent(way, w -> new EnumMap<>(Found.class)).merge(found, 1, Integer::sum);
    }
    System.out.println("restarts after SIGKILL: " + tally);
    assertEquals(
        KILLS, tally.values().stream().flatMap(m -> m.values().stream()).mapToInt(n -> n).sum());
  }

  private static String newest(Set<String> told) {
    return told.isEmpty() ? "" : new ArrayList<>(told).getLast();
  }

  /** Powers the chip on: what it has, against what was told of it. */
  private static Found check(Path chip, Set<String> told, String last) {
    try (Host host = new Host(Optional.of(chip)).init()) {
      PlatformKeys keys = host.platform().keys();
      SevCertificate pdh = keys.pdhCertificate();
      assertEquals(Optional.empty(), ChainReport.checkPdh(pdh, keys.pekCertificate()));
      assertEquals(Optional.empty(), ChainReport.checkOca(keys.ocaCertificate()));
      assertEquals(
          Certificates.publicKey(pdh), keys.pdh().publicKey(), "certificate and key of a PDH");
      String now = name(pdh);
      boolean first = told.isEmpty();
      assertTrue(now.equals(last) || !told.contains(now), () -> "an older state came back: " + now);
      boolean former = now.equals(last);
      told.add(now);
      return first ? Found.FIRST : former ? Found.FORMER : Found.NEXT;
    }
  }

  private static String name(SevCertificate cert) {
    return HexFormat.of().formatHex(Primitives.sha256(cert.toBytes()));
  }

  /** Lets a process run until it is killed; what it told: the states it knew to be kept. */
  private static List<String> killed(Random random, Way way, Path chip) throws Exception {
    int bytes = random.nextInt(2 * BYTES);
    int steps = random.nextInt(2 * STEPS);
    int millis = random.nextInt(60);
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xshare:auto",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName(),
                chip.toString(),
                way.name(),
                String.valueOf(way == Way.AT_BYTE ? bytes : steps))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<String> lines = new ArrayList<>();
    try (BufferedReader out =
        new BufferedReader(
            new java.io.InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        if (line.length() == 64) { // whole
          lines.add(line);
        }
        if (way == Way.FROM_OUTSIDE && lines.size() == 1) {
          Thread.sleep(millis);
          process.toHandle().destroyForcibly(); // the pipe stays open
        }
      }
    } finally {
      process.destroyForcibly();
    }
    assertEquals(128 + 9, process.waitFor(), "killed, and nothing else");
    return lines;
  }

  /** The process that is killed: one PDH_GEN after the other. */
  static final class Child {
    private Child() {}

    public static void main(String[] arguments) throws IOException {
      CutFiles files = new CutFiles();
      Path chip = files.path(Path.of(arguments[0]));
      Way way = Way.valueOf(arguments[1]);
      long at = Long.parseLong(arguments[2]);
      if (!Files.exists(chip)) {
        arm(files, way, at);
      }
      try (Host host = new Host(Optional.of(chip)).init()) {
        tell(host);
        arm(files, way, at);
        while (true) {
          FirmwareStatus status = host.issue(SevCommand.PDH_GEN);
          if (status != FirmwareStatus.SUCCESS) {
            System.err.println(host.last());
            return;
          }
          tell(host);
        }
      }
    }

    private static void arm(CutFiles files, Way way, long at) {
      switch (way) {
        case AT_BYTE -> files.killAfterBytes(at);
        case AT_STEP -> files.killAfterSteps(at);
        case FROM_OUTSIDE -> {}
      }
    }

    private static void tell(Host host) {
      System.out.println(name(host.platform().keys().pdhCertificate()));
      System.out.flush();
    }
  }
}
