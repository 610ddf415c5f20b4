package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The calls of engines: timed for the statistics, watched for hanging, and checked. A failure is a
 * sentence about the engine, returned, never thrown.
 */
final class Ciphers {
  /** The watchdog has taken the call's work over: touch nothing of it any more. */
  static final String ABANDONED = "abandoned";

  private Ciphers() {}

  /** Encrypts a page. */
  static @Nullable String encrypt(
      Lane lane, KeySlot slot, long spa, MemorySegment plain, MemorySegment cipher) {
    lane.count(slot.use().cell() + EngineUse.ENCRYPTED_BYTES, Dram.PAGE_BYTES);
    boolean timed = lane.beginCall(slot);
    long start = timed ? System.nanoTime() : 0;
    String failure = null;
    try {
      slot.engine().encrypt(spa, plain, cipher);
    } catch (Throwable e) {
      failure = threw("encrypt", e);
    }
    if (timed) {
      lane.count(
          slot.use().cell() + EngineUse.CIPHER_NS, (System.nanoTime() - start) * Lane.SAMPLE);
    }
    return lane.endCall() ? failure : ABANDONED;
  }

  /** Decrypts a page. */
  static @Nullable String decrypt(
      Lane lane, KeySlot slot, long spa, MemorySegment cipher, MemorySegment plain) {
    lane.count(slot.use().cell() + EngineUse.DECRYPTED_BYTES, Dram.PAGE_BYTES);
    boolean timed = lane.beginCall(slot);
    long start = timed ? System.nanoTime() : 0;
    String failure = null;
    try {
      slot.engine().decrypt(spa, cipher, plain);
    } catch (Throwable e) {
      failure = threw("decrypt", e);
    }
    if (timed) {
      lane.count(
          slot.use().cell() + EngineUse.CIPHER_NS, (System.nanoTime() - start) * Lane.SAMPLE);
    }
    return lane.endCall() ? failure : ABANDONED;
  }

  /**
   * Encrypts a page into {@link Lane#cipher} and proves that the ciphertext decrypts to what went
   * in.
   */
  static @Nullable String encryptProven(Lane lane, KeySlot slot, long spa, MemorySegment plain) {
    String failure = encrypt(lane, slot, spa, plain, lane.cipher);
    if (failure == null) {
      failure = decrypt(lane, slot, spa, lane.cipherIn, lane.check);
    }
    if (failure == null && !HostMemory.same(plain, lane.check)) {
      failure = "what it encrypted does not decrypt to the same bytes";
    }
    return failure;
  }

  /**
   * Decrypts a page into {@link Lane#plain} and proves that it is what the ciphertext stands for:
   * encrypted again, it gives the ciphertext.
   */
  static @Nullable String decryptProven(Lane lane, KeySlot slot, long spa, MemorySegment cipher) {
    String failure = decrypt(lane, slot, spa, cipher, lane.plain);
    return failure == null ? prove(lane, slot, spa, lane.plainIn, cipher) : failure;
  }

  /** Proves that a plaintext is what a ciphertext stands for. */
  static @Nullable String prove(
      Lane lane, KeySlot slot, long spa, MemorySegment plain, MemorySegment cipher) {
    String failure = encrypt(lane, slot, spa, plain, lane.check);
    if (failure == null && !HostMemory.same(cipher, lane.check)) {
      failure = "what it decrypted does not encrypt to the same bytes";
    }
    return failure;
  }

  private static String threw(String what, Throwable e) {
    String text = e.getMessage();
    return "%s threw %s%s"
        .formatted(what, e.getClass().getSimpleName(), text == null ? "" : ": " + text);
  }
}
