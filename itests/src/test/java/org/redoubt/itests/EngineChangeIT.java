package org.redoubt.itests;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.guest.images.GuestImage;
import org.redoubt.guest.images.GuestImages;
import org.redoubt.guest.images.Initramfs;
import org.redoubt.guest.images.Progress;
import org.redoubt.itests.container.InsideRedoubt;

/**
 * A long run, with {@code -Dredoubt.long=true} only (in every build, {@link SevGuestsIT} does the
 * same with four small guests): an SEV guest of 1 GiB computes SHA-256 sums of chunks all over 640
 * MiB while its engine changes, and times each. Takes gcc. {@code redoubt.long.memory} and {@code
 * redoubt.long.seconds} change the size in MiB and the length of the control run.
 */
@ExtendWith(InsideRedoubt.class)
@EnabledIfSystemProperty(named = "redoubt.long", matches = "true")
class EngineChangeIT {
  private static final Duration LIMIT = Duration.ofMinutes(10);
  private static final double MOST_ADDED_MS = 10;
  private static final Pattern RESULT =
      Pattern.compile(
          "RESULT (\\w+) sums (\\d+) wrong (\\d+) p50 (\\d+) p99 (\\d+) p99.9 (\\d+) max (\\d+)");

  @TempDir Path folder;

  @Test
  @Timeout(3600)
  void shouldStallTheGuestBrieflyAndKeepEverySumRightWhileTheEngineChanges() throws Exception {
    int mebibytes = Integer.getInteger("redoubt.long.memory", 1024);
    int seconds = Integer.getInteger("redoubt.long.seconds", 60);
    GuestImage image = new GuestImages(GuestImages.defaultCache(), Progress.NONE).debian();
    Path program = folder.resolve("sumloop");
    Path source = Processes.ROOT.resolve("itests/src/bench/guest/sumloop.c");
    Processes.Outcome gcc =
        Processes.run(
            folder,
            Map.of(),
            "",
            "gcc",
            "-O2",
            "-static",
            "-o",
            program.toString(),
            source.toString());
    assertEquals(0, gcc.status(), gcc::toString);
    Path initrd =
        Files.write(
            folder.resolve("initrd"),
            Initramfs.of(image).executable("bench/sumloop", Files.readAllBytes(program)).build());
    Shell shell = new Shell();
    shell.run("config:set org.redoubt.memory carryLimitMs=600000");
    shell.run(
        "vm:create --name sums --memory %dM --protection sev --kernel %s --initrd %s --append 'console=ttyS0 quiet redoubt.run=\"/bench/sumloop %d %d\"'"
            .formatted(mebibytes, image.kernel(), initrd, mebibytes * 3 / 4 - 128, seconds));
    try (Vm vm = Services.get(Hypervisor.class).vm("sums").orElseThrow();
        GuestShell guest = new GuestShell(vm)) {
      vm.start();
      guest.expect("PHASE change");
      Matcher control = result(guest, "control");
      int changes = changeFor(Duration.ofSeconds(seconds), shell, vm.memory());
      guest.type("");
      guest.expect("RESULT change");
      guest.expect("redoubt: exit status 0");
      Matcher change = result(guest, "change");
      double added = (Long.parseLong(change.group(6)) - Long.parseLong(control.group(6))) / 1e3;
      System.out.print("EngineChangeIT: " + worst(guest) + System.lineSeparator());
      System.out.printf(
          "EngineChangeIT: %d MiB, %d changes, microseconds a sum of 16 KiB%n  %s%n  %s%n  99.9th"
              + " percentile above the control run: %.1f ms, longest stall %.1f ms (control %.1f"
              + " ms)%n",
          mebibytes,
          changes,
          control.group(),
          change.group(),
          added,
          Long.parseLong(change.group(7)) / 1e3,
          Long.parseLong(control.group(7)) / 1e3);
      assertEquals("0", control.group(3));
      assertEquals("0", change.group(3));
      assertTrue(added <= MOST_ADDED_MS, added + " ms above the control run");
    }
  }

  /**
   * By command, by stopping the bundle, and back by command, again and again for as long as the
   * control run took: fewer sums than in the control run would make of its 99.9th percentile a
   * maximum.
   *
   * @return the number of changes
   */
  private static int changeFor(Duration time, Shell shell, MemorySystem memory) throws Exception {
    long began = System.nanoTime();
    int changes = 0;
    while (System.nanoTime() - began < time.toNanos()) {
      say(began, lastLine(shell.run("engine:use aes-256-xts")));
      Bundle provider = Services.bundle("org.redoubt.encryption.aes");
      provider.stop();
      await(memory, "bouncycastle");
      say(began, "the bundle stopped, " + memory.engine() + " carries on");
      provider.start();
      await(memory, "aes-256-xts");
      say(began, "the bundle started, " + memory.engine() + " is back");
      say(began, lastLine(shell.run("engine:use aes-128-xex")));
      changes += 4;
    }
    return changes;
  }

  private static void await(MemorySystem memory, String engine) {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!memory.engine().equals(engine) || memory.change().isPresent()) {
      assertTrue(System.nanoTime() < end, () -> "not " + engine + " but " + memory.engine());
      LockSupport.parkNanos(20_000_000);
    }
  }

  private static String lastLine(String text) {
    String stripped = text.strip();
    return stripped.substring(stripped.lastIndexOf('\n') + 1);
  }

  private static void say(long began, String what) {
    System.out.printf("EngineChangeIT: %.2f s: %s%n", (System.nanoTime() - began) / 1e9, what);
  }

  /** The ten slowest sums of each phase, as microseconds@milliseconds since it began. */
  private static String worst(GuestShell guest) {
    return guest
        .text()
        .lines()
        .filter(l -> l.contains("WORST"))
        .map(String::strip)
        .collect(joining("; "));
  }

  private static Matcher result(GuestShell guest, String phase) {
    Matcher matcher = RESULT.matcher(guest.text());
    while (matcher.find()) {
      if (matcher.group(1).equals(phase)) {
        return matcher;
      }
    }
    throw new AssertionError("No result of " + phase + " in " + guest.text());
  }
}
