package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
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

  /** Enough for the JIT's last tier, of pages that are cached and of those that are not. */
  private static final int ROUNDS = 80;

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
    Engines engines = new Engines();
    Candidate one = new Candidate("one", new Copying(), 0, 2, 1);
    Candidate other = new Candidate("other", new Copying(), 0, 1, 2);
    engines.add(one);
    engines.add(other);
    MemoryConfig config =
        MemoryConfig.of("rehearsal", (long) PAGES * Dram.PAGE_BYTES)
            .withSocCacheBytes((long) FRAMES * Dram.PAGE_BYTES);
    try (SocMemory system = SocMemory.create(config, one, new Alone(engines))) {
      system.setKeyInstaller(Optional.of((asid, engine, key) -> Optional.empty()));
      system.activate(1);
      SplittableRandom random = new SplittableRandom(1);
      for (int round = 0; round < ROUNDS; round++) {
        for (int page = 0; page < PAGES; page++) {
          system.view(1).putLong((long) page * Dram.PAGE_BYTES, round);
        }
        system.flush();
        EngineChange change = system.changeEngine(round % 2 == 0 ? "other" : "one");
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!change.await(Duration.ZERO)) {
          write(system.view(1), random);
          if (System.nanoTime() - end > 0) {
            return;
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What a guest does meanwhile: it reads and writes pages that are cached and others. */
  private static void write(MemoryView view, SplittableRandom random) {
    for (int i = 0; i < 64; i++) {
      long spa = (long) random.nextInt(PAGES) * Dram.PAGE_BYTES;
      if ((i & 1) == 0) {
        view.putLong(spa, i);
      } else {
        view.getLong(spa + Long.BYTES);
      }
    }
  }

  /** No cipher. */
  private static final class Copying
      implements MemoryEncryptionEngineFactory, MemoryEncryptionEngine {
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
    public void background(Runnable task) {}

    @Override
    public void forget(SocMemory system) {}
  }
}
