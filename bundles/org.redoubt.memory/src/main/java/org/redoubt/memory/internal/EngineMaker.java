package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/** Makes an engine for a key and tries it on a page before anything depends on it. */
final class EngineMaker {
  private static final int MAX_KEY_BYTES = 64;
  private static final int FINGERPRINT_BYTES = 64;

  /** Within that time the JIT has compiled what it is going to, even on a busy host. */
  private static final long PATIENCE_NS = 100_000_000;

  /** A page to and fro in so little is fast enough, whatever the JIT has done. */
  private static final long QUICK_NS = 4_000;

  private static final long WARM_UP_NS = 1_000_000_000;

  private EngineMaker() {}

  /**
   * An engine that passed its trial.
   *
   * @param fingerprint the first bytes of the ciphertext of a known page at address 0
   */
  record Made(MemoryEncryptionEngine engine, byte[] fingerprint) {}

  /** Bytes of key that an engine takes, or -1 if it does not tell, or nothing sensible. */
  static int keyBytes(String name, MemoryEncryptionEngineFactory factory, Duration limit) {
    try {
      int bytes = Bounded.call("keyBytes of engine " + name, limit, factory::keyBytes);
      return bytes >= 0 && bytes <= MAX_KEY_BYTES ? bytes : -1;
    } catch (Bounded.Failure e) {
      return -1;
    }
  }

  /**
   * Makes and tries an engine.
   *
   * @throws Bounded.Failure if it throws, hangs, or does not give back what went in
   */
  static Made make(Candidate candidate, KeyMaterial key, Duration limit) throws Bounded.Failure {
    return Bounded.call(
        "engine " + candidate.name(),
        limit,
        () -> {
          MemoryEncryptionEngine engine = candidate.factory().create(key.bytes().asReadOnly());
          boolean passed = false;
          try {
            byte[] fingerprint = tryOut(candidate.name(), engine);
            passed = true;
            return new Made(engine, fingerprint);
          } finally {
            if (!passed) {
              engine.close();
            }
          }
        });
  }

  private static byte[] tryOut(String name, MemoryEncryptionEngine engine) throws Bounded.Failure {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment plain = arena.allocate(Dram.PAGE_BYTES, 64);
      MemorySegment cipher = arena.allocate(Dram.PAGE_BYTES, 64);
      MemorySegment back = arena.allocate(Dram.PAGE_BYTES, 64);
      for (int i = 0; i < Dram.PAGE_BYTES; i++) {
        plain.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >>> 8)));
      }
      engine.encrypt(0, plain.asReadOnly(), cipher);
      engine.decrypt(0, cipher.asReadOnly(), back);
      if (plain.mismatch(back) != -1) {
        throw new Bounded.Failure("engine %s does not decrypt what it encrypted".formatted(name));
      }
      return cipher.asSlice(0, FINGERPRINT_BYTES).toArray(ValueLayout.JAVA_BYTE);
    }
  }

  /**
   * Calls a fresh slot's engine until its calls get no faster.
   *
   * @throws Bounded.Failure if it throws or hangs
   */
  static void warmUp(KeySlot slot, Duration limit) throws Bounded.Failure {
    long most = Math.min(WARM_UP_NS, limit.toNanos() / 2);
    Bounded.call(
        "engine " + slot.use().name(),
        limit,
        () -> {
          slot.enter();
          try {
            warmUp(slot.engine(), most);
          } finally {
            slot.exit();
          }
          return true;
        });
  }

  private static void warmUp(MemoryEncryptionEngine engine, long most) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment plain = arena.allocate(Dram.PAGE_BYTES, 64);
      MemorySegment cipher = arena.allocate(Dram.PAGE_BYTES, 64);
      long start = System.nanoTime();
      long now = start;
      long improved = start;
      long best = Long.MAX_VALUE;
      while (best > QUICK_NS && now - improved < PATIENCE_NS && now - start < most) {
        long before = now;
        engine.encrypt(0, plain.asReadOnly(), cipher);
        engine.decrypt(0, cipher.asReadOnly(), plain);
        now = System.nanoTime();
        if (now - before < best - best / 4) {
          best = now - before;
          improved = now;
        }
      }
    }
  }

  /** Closes an engine whose last call has returned; what it does then is its own affair. */
  static void close(MemoryEncryptionEngine engine, String name, Duration limit) {
    try {
      Bounded.call(
          "close of engine " + name,
          limit,
          () -> {
            engine.close();
            return true;
          });
    } catch (Bounded.Failure e) {
      // Nothing depends on it any more.
    }
  }
}
