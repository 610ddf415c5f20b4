package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleException;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.itests.container.InsideRedoubt;

/** Memory as guests, the operator and other processes see it. */
@ExtendWith(InsideRedoubt.class)
class MemoryIT {
  private static final int PAGES = 512;

  /** Pages at the end that are written once and then only checked. */
  private static final int COLD_PAGES = PAGES / 4;

  private static final int ASID = 1;
  private static final int THREADS = 4;
  private static final Duration LIMIT = Duration.ofMinutes(5);

  @TempDir Path folder;

  private MemorySystem create(String engine, long cacheBytes, TestKeys keys)
      throws HypervisorException {
    return create(Optional.of(engine), cacheBytes, keys);
  }

  private MemorySystem create(Optional<String> engine, long cacheBytes, TestKeys keys)
      throws HypervisorException {
    MemoryConfig config =
        MemoryConfig.of("itest", (long) PAGES * Pages.BYTES)
            .withSocCacheBytes(cacheBytes)
            .withDramFile(folder.resolve("dram"));
    MemorySystem system =
        Services.get(MemorySystemFactory.class)
            .create(engine.map(config::withEngine).orElse(config));
    system.setKeyInstaller(Optional.of(keys));
    assertEquals(KeyStatus.INSTALLED, system.activate(ASID));
    return system;
  }

  @ParameterizedTest
  @CsvSource({
    "aes-128-xex,   8", "aes-128-xex,   65536",
    "aes-128-xe,    8", "aes-128-xe,    65536",
    "aes-256-xts,   8", "aes-256-xts,   65536",
    "bouncycastle,  8", "bouncycastle,  65536",
    "none,          8", "none,          65536"
  })
  void shouldKeepOnlyCiphertextWhereAnotherProcessLooks(String engine, long cachePages)
      throws Exception {
    TestKeys keys = new TestKeys();
    try (MemorySystem system = create(engine, cachePages * Pages.BYTES, keys)) {
      for (int page = 0; page < PAGES; page++) {
        Pages.write(system.view(ASID), page, 1);
      }
      system.flush();
      decrypt(engine, keys, new long[PAGES], 1);
      for (int page = PAGES - 1; page >= 0; page--) {
        Pages.check(system.view(ASID), page, 1);
      }
    }
  }

  /** Has another process decrypt the DRAM file and compare it. */
  private void decrypt(String engine, TestKeys keys, long[] versions, long offset)
      throws IOException, InterruptedException {
    Path expected = folder.resolve("expected");
    byte[] plain = new byte[PAGES * Pages.BYTES];
    for (int page = 0; page < PAGES; page++) {
      System.arraycopy(
          Pages.text(page, versions[page] + offset), 0, plain, page * Pages.BYTES, Pages.BYTES);
    }
    Files.write(expected, plain);
    Processes.Outcome outcome =
        Processes.run(
            folder,
            Map.of(),
            "",
            Processes.JAVA,
            Processes.ROOT.resolve("itests/src/test/scripts/DecryptDram.java").toString(),
            folder.resolve("dram").toString(),
            expected.toString(),
            engine,
            keys.exported(ASID, engine));
    assertEquals(0, outcome.status(), outcome::toString);
  }

  @ParameterizedTest
  @ValueSource(longs = {8, 65536})
  void shouldLoseNoPageWhileTheEngineChangesFiveTimes(long cachePages) throws Exception {
    TestKeys keys = new TestKeys();
    try (MemorySystem system = create("aes-128-xex", cachePages * Pages.BYTES, keys);
        Writers writers = new Writers(system.view(ASID))) {
      writers.awaitRounds(1);
      change(system, "aes-256-xts", EngineChange.State.DONE);
      writers.awaitRounds(1);

      Bundle provider = Services.bundle("org.redoubt.encryption.aes");
      stopActive(system, provider);
      writers.awaitRounds(1);
      provider.start();
      Services.await(
          "the engine that was asked for is back", () -> system.engine().equals("aes-256-xts"));
      writers.awaitRounds(1);

      failHalfWay(system);
      writers.awaitRounds(1);
      change(system, "bouncycastle", EngineChange.State.DONE);
      writers.awaitRounds(1);
      change(system, "aes-128-xex", EngineChange.State.DONE);
      writers.awaitRounds(1);

      long[] versions = writers.stop();
      for (int page = 0; page < PAGES; page++) {
        Pages.check(system.view(ASID), page, versions[page]);
      }
      system.flush();
      decrypt("aes-128-xex", keys, versions, 0);
    }
  }

  @Test
  void shouldCarryPagesOverWhenAnotherEngineIsConfigured() throws Exception {
    TestKeys keys = new TestKeys();
    Shell shell = new Shell();
    try (MemorySystem system = create(Optional.empty(), 64 * Pages.BYTES, keys)) {
      for (int page = 0; page < PAGES; page++) {
        Pages.write(system.view(ASID), page, 3);
      }
      String best = system.engine();
      try {
        configure(shell, system, "aes-256-xts", "aes-256-xts");
        check(system, keys, "aes-256-xts", 3);
        for (int page = 0; page < PAGES; page++) {
          Pages.write(system.view(ASID), page, 4);
        }
        shell.run("config:set org.redoubt.memory engine=nix socCacheBytes=65536");
        Services.await("the setting arrives", () -> system.stats().capacityPages() == 16);
        assertEquals("aes-256-xts", system.engine(), "an unknown name changes nothing");
        configure(shell, system, "bouncycastle", "bouncycastle");
        check(system, keys, "bouncycastle", 4);
      } finally {
        shell.run("config:set org.redoubt.memory socCacheBytes=");
        configure(shell, system, "", best);
      }
      check(system, keys, best, 4);
    }
  }

  /** As the operator does it: the change follows by itself. */
  private static void configure(Shell shell, MemorySystem system, String setting, String expected) {
    shell.run("config:set org.redoubt.memory engine=" + setting);
    Services.await("engine " + expected, () -> system.engine().equals(expected));
    Services.await("all pages have moved", () -> system.change().isEmpty());
    assertEquals(Optional.empty(), system.suspension(ASID));
  }

  /** Every page reads back right, and DRAM holds it under the engine of that name. */
  private void check(MemorySystem system, TestKeys keys, String engine, long version)
      throws IOException, InterruptedException {
    system.wbinvd();
    decrypt(engine, keys, new long[PAGES], version);
    for (int page = 0; page < PAGES; page++) {
      Pages.check(system.view(ASID), page, version);
    }
  }

  /** The pages that nobody writes are enough to have the engine fail before the change is over. */
  private static void failHalfWay(MemorySystem system) throws Exception {
    settle(system);
    system.flush();
    String before = system.engine();
    try (FailingEngine failing = FailingEngine.register(COLD_PAGES / 2)) {
      EngineChange change = system.changeEngine(FailingEngine.NAME);
      assertTrue(change.await(LIMIT), "the change does not end");
      assertTrue(failing.hasFailed(), failing::toString);
      assertTrue(
          change.failure().orElse("").contains(FailingEngine.NAME),
          () -> "the failure names nobody: " + change.failure());
      assertEquals(EngineChange.State.ROLLED_BACK, change.state(), change.failure()::toString);
      assertEquals(before, system.engine());
    }
  }

  private static EngineChange change(
      MemorySystem system, String engine, EngineChange.State expected)
      throws HypervisorException, InterruptedException {
    settle(system);
    EngineChange change = system.changeEngine(engine);
    assertTrue(change.await(LIMIT), () -> "the change to " + engine + " does not end");
    assertEquals(expected, change.state(), () -> engine + ": " + change.failure());
    if (expected == EngineChange.State.DONE) {
      assertEquals(engine, system.engine());
    }
    return change;
  }

  /**
   * Waits for a change that the system began by itself: one to the engine in use waits its turn.
   */
  private static void settle(MemorySystem system) {
    Services.await(
        "no change is under way",
        () -> {
          try {
            return system.changeEngine(system.engine()).await(LIMIT);
          } catch (HypervisorException e) {
            return false;
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
        });
  }

  private static void stopActive(MemorySystem system, Bundle provider) throws BundleException {
    String before = system.engine();
    assertTrue(before.startsWith("aes-"), () -> before + " is not from " + provider);
    provider.stop();
    Services.await("another engine carries on", () -> !system.engine().equals(before));
    Services.await("the change ends", () -> system.change().isEmpty());
    assertEquals(Optional.empty(), system.suspension(ASID));
  }

  @ParameterizedTest
  @CsvSource({
    "aes-128-xex, 8",
    "aes-128-xe, 8",
    "aes-256-xts, 8",
    "bouncycastle, 8",
    "none, 8",
    "aes-128-xex, 65536"
  })
  void shouldLoseNoCountUnderAtomicOperations(String engine, long cachePages) throws Exception {
    int counters = 64;
    int rounds = 20_000;
    try (MemorySystem system = create(engine, cachePages * Pages.BYTES, new TestKeys());
        ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      system.view(ASID).fill(0, (long) counters * Pages.BYTES, (byte) 0);
      List<Future<?>> counting = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        SplittableRandom random = new SplittableRandom(thread);
        counting.add(
            threads.submit(() -> {
              MemoryView view = system.view(ASID);
              for (int round = 0; round < rounds; round++) {
                // Runs of 16 on a page: else every count would cost a page's cipher twice.
                long page = (round / 16 * 7L + random.nextInt(2)) % counters;
                view.getAndAddLong(page * Pages.BYTES + 8L * (round % 512), 1);
              }
            }));
      }
      for (Future<?> one : counting) {
        one.get();
      }
      long sum = 0;
      for (long page = 0; page < counters; page++) {
        for (long at = 0; at < Pages.BYTES; at += 8) {
          sum += system.view(ASID).getLong(page * Pages.BYTES + at);
        }
      }
      assertEquals((long) THREADS * rounds, sum);
    }
  }

  /** Four threads, each writing and reading back pages of its own. */
  private static final class Writers implements AutoCloseable {
    private final long[] versions = new long[PAGES];
    private final AtomicLong rounds = new AtomicLong();
    private final AtomicBoolean stopping = new AtomicBoolean();
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    private final List<Future<?>> work = new ArrayList<>();

    Writers(MemoryView view) {
      for (int page = 0; page < PAGES; page++) {
        Pages.write(view, page, 0);
      }
      for (int thread = 0; thread < THREADS; thread++) {
        int first = thread;
        work.add(threads.submit(() -> write(view, first)));
      }
    }

    private void write(MemoryView view, int first) {
      SplittableRandom random = new SplittableRandom(first);
      while (!stopping.get()) {
        for (int i = 0; i < PAGES / THREADS / 4; i++) {
          int page = random.nextInt((PAGES - COLD_PAGES) / THREADS) * THREADS + first;
          patiently(() -> Pages.check(view, page, versions[page]));
          patiently(() -> Pages.write(view, page, versions[page] + 1));
          versions[page]++;
          patiently(() -> Pages.check(view, page, versions[page]));
        }
        rounds.incrementAndGet();
      }
    }

    /** Tries again while the guest is suspended, as a vCPU does: nothing has happened then. */
    private static void patiently(Runnable access) {
      Services.await(
          "the guest resumes",
          () -> {
            try {
              access.run();
              return true;
            } catch (MemorySuspendedException e) {
              return false;
            }
          });
    }

    /** Waits until the threads have done more rounds; fails if one of them has failed. */
    void awaitRounds(int more) throws InterruptedException, ExecutionException {
      long goal = rounds.get() + (long) more * THREADS;
      Services.await(
          "the writers go on",
          () -> rounds.get() >= goal || work.stream().anyMatch(Future::isDone));
      for (Future<?> one : work) {
        if (one.isDone()) {
          one.get();
        }
      }
    }

    /** Ends the threads and returns each page's last version. */
    long[] stop() throws InterruptedException, ExecutionException {
      stopping.set(true);
      for (Future<?> one : work) {
        one.get();
      }
      return versions.clone();
    }

    @Override
    public void close() {
      stopping.set(true);
      threads.close();
    }
  }
}
