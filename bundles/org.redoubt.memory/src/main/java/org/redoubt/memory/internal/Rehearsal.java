package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryView;

/**
 * Changes of engine in a small memory system that nobody else sees, once a process: so the JIT has
 * compiled the code before a guest waits for it. The engines in it copy; no other is called.
 */
final class Rehearsal {
  private static final int PAGES = 512;
  private static final int FRAMES = 256;

  /** Pages that no change concerns: shared, or never written. */
  private static final int OTHERS = 64;

  /** Changes altogether: enough for the JIT's last tier, of cached pages and of others. */
  private static final int SYSTEMS = 8;

  private static final int ROUNDS = 20;

  /**
   * Between accesses: the movers are to move most pages, not the evictions of who writes; but in
   * one round of so many it is the other way round.
   */
  private static final Duration PAUSE = Duration.ofNanos(20_000);

  private static final int FAST_ROUND = 4;

  private static final Duration LIMIT = Duration.ofSeconds(10);
  private static boolean done;

  private Rehearsal() {}

  /** Does it unless it was done; returns when it is. */
  static synchronized void once() throws HypervisorException {
    if (!done) {
      done = true;
      perform();
    }
  }

  private static void perform() throws HypervisorException {
    // Four classes, so that the JIT does not count on the next engine being one it knows.
    List<MemoryEncryptionEngineFactory> factories =
        List.of(new Copying(), new Copying() {}, new Copying() {}, new Copying() {});
    Engines engines = new Engines();
    for (int i = 0; i < factories.size(); i++) {
      engines.add(new Candidate(String.valueOf(i), factories.get(i), 0, -i, i));
    }
    SplittableRandom random = new SplittableRandom(1);
    try {
      for (int i = 0; i < SYSTEMS; i++) {
        perform(engines, random);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Some changes in a fresh system: what happens in a first one only is rehearsed as often. */
  private static void perform(Engines engines, SplittableRandom random)
      throws HypervisorException, InterruptedException {
    MemoryConfig config =
        MemoryConfig.of("rehearsal", (long) (PAGES + OTHERS) * Dram.PAGE_BYTES)
            .withSocCacheBytes((long) FRAMES * Dram.PAGE_BYTES);
    try (SocMemory system =
        SocMemory.create(config, engines.all().getFirst(), new Alone(engines))) {
      system.setKeyInstaller(Optional.of((asid, engine, key) -> Optional.empty()));
      system.activate(1);
      for (int round = 1; round <= ROUNDS; round++) {
        system.view(0).putLong((long) PAGES * Dram.PAGE_BYTES, round);
        for (int page = 0; page < PAGES; page++) {
          system.view(1).putLong((long) page * Dram.PAGE_BYTES, round);
        }
        system.flush();
        EngineChange change = system.changeEngine(String.valueOf(round % engines.all().size()));
        long end = System.nanoTime() + LIMIT.toNanos();
        Duration pause = round % FAST_ROUND == 0 ? Duration.ZERO : PAUSE;
        while (!change.await(pause)) {
          write(system.view(1), random);
          if (System.nanoTime() - end > 0) {
            return;
          }
        }
      }
    }
  }

  /** What a guest does meanwhile: it reads and writes pages that are cached and others. */
  private static void write(MemoryView view, SplittableRandom random) {
    for (int i = 0; i < 8; i++) {
      long spa = (long) random.nextInt(PAGES) * Dram.PAGE_BYTES;
      if ((i & 1) == 0) {
        view.putLong(spa, i);
      } else {
        view.getLong(spa + Long.BYTES);
      }
    }
  }

  /** No cipher. */
  private static class Copying implements MemoryEncryptionEngineFactory, MemoryEncryptionEngine {
    @Override
    public int keyBytes() {
      return 0;
    }

    @Override
    public MemoryEncryptionEngine create(MemorySegment key) {
      return this;
    }

    @Override
    public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
      cipher.copyFrom(plain);
    }

    @Override
    public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
      plain.copyFrom(cipher);
    }

    @Override
    public void close() {}
  }

  /** Nobody listens, and nothing changes by itself. */
  private record Alone(Engines engines) implements Surroundings {
    @Override
    public Supplier<Settings> settings() {
      return () -> Settings.DEFAULT;
    }

    @Override
    public int vcpus() {
      return 0;
    }

    @Override
    public void background(Runnable task) {}

    @Override
    public void forget(SocMemory system) {}
  }
}
