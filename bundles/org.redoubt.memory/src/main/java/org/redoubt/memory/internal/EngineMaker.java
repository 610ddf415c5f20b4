package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.redoubt.api.encryption.MemoryEncryptionEngine;

/** Makes an engine for a key and tries it on a page before anything depends on it. */
final class EngineMaker {
  private static final int MAX_KEY_BYTES = 64;

  private EngineMaker() {}

  /** Bytes of key that an engine takes, if it tells the truth. */
  static int keyBytes(Candidate candidate, Duration limit) throws Bounded.Failure {
    int bytes =
        Bounded.call(
            "keyBytes of engine " + candidate.name(), limit, () -> candidate.factory().keyBytes());
    if (bytes < 0 || bytes > MAX_KEY_BYTES) {
      throw new Bounded.Failure(
          "engine %s asks for a key of %d bytes: 0 to %d are possible"
              .formatted(candidate.name(), bytes, MAX_KEY_BYTES));
    }
    return bytes;
  }

  /**
   * Makes and tries an engine.
   *
   * @throws Bounded.Failure if it throws, hangs, or does not give back what went in
   */
  static MemoryEncryptionEngine make(Candidate candidate, KeyMaterial key, Duration limit)
      throws Bounded.Failure {
    return Bounded.call(
        "engine " + candidate.name(),
        limit,
        () -> {
          MemoryEncryptionEngine engine = candidate.factory().create(key.bytes());
          tryOut(candidate.name(), engine);
          return engine;
        });
  }

  private static void tryOut(String name, MemoryEncryptionEngine engine) throws Bounded.Failure {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment plain = arena.allocate(Dram.PAGE_BYTES, 64);
      MemorySegment cipher = arena.allocate(Dram.PAGE_BYTES, 64);
      MemorySegment back = arena.allocate(Dram.PAGE_BYTES, 64);
      for (int i = 0; i < Dram.PAGE_BYTES; i++) {
        plain.set(java.lang.foreign.ValueLayout.JAVA_BYTE, i, (byte) (i * 31 + (i >>> 8)));
      }
      engine.encrypt(0, plain.asReadOnly(), cipher);
      engine.decrypt(0, cipher.asReadOnly(), back);
      if (plain.mismatch(back) != -1) {
        throw new Bounded.Failure("engine %s does not decrypt what it encrypted".formatted(name));
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
