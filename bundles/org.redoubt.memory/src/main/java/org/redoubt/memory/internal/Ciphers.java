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

  /** Encrypts {@link Lane#plain} into {@link Lane#cipher}. */
  static @Nullable String encrypt(Lane lane, KeySlot slot, long spa) {
    long start = begin(lane, slot);
    String failure = null;
    try {
      slot.engine().encrypt(spa, lane.plainIn, lane.cipher);
    } catch (Throwable e) {
      failure = threw("encrypt", e);
    }
    slot.use().encryptedBytes.add(Dram.PAGE_BYTES);
    return end(lane, slot, start) ? failure : ABANDONED;
  }

  /** Decrypts {@link Lane#cipher} into {@link Lane#plain}. */
  static @Nullable String decrypt(Lane lane, KeySlot slot, long spa) {
    return decrypt(lane, slot, spa, lane.plain);
  }

  private static @Nullable String decrypt(Lane lane, KeySlot slot, long spa, MemorySegment target) {
    long start = begin(lane, slot);
    String failure = null;
    try {
      slot.engine().decrypt(spa, lane.cipherIn, target);
    } catch (Throwable e) {
      failure = threw("decrypt", e);
    }
    slot.use().decryptedBytes.add(Dram.PAGE_BYTES);
    return end(lane, slot, start) ? failure : ABANDONED;
  }

  /**
   * Encrypts {@link Lane#plain} into {@link Lane#cipher} and proves that the ciphertext decrypts to
   * what went in.
   */
  static @Nullable String encryptProven(Lane lane, KeySlot slot, long spa) {
    String failure = encrypt(lane, slot, spa);
    if (failure == null) {
      failure = decrypt(lane, slot, spa, lane.check);
    }
    if (failure == null && lane.plain.mismatch(lane.check) != -1) {
      failure = "what it encrypted does not decrypt to the same bytes";
    }
    return failure;
  }

  /**
   * Proves that {@link Lane#plain} is what {@link Lane#cipher} stands for: encrypted again, it
   * gives the ciphertext.
   */
  static @Nullable String prove(Lane lane, KeySlot slot, long spa) {
    long start = begin(lane, slot);
    String failure = null;
    try {
      slot.engine().encrypt(spa, lane.plainIn, lane.check);
    } catch (Throwable e) {
      failure = threw("encrypt", e);
    }
    slot.use().encryptedBytes.add(Dram.PAGE_BYTES);
    if (!end(lane, slot, start)) {
      return ABANDONED;
    }
    if (failure == null && lane.cipher.mismatch(lane.check) != -1) {
      failure = "what it decrypted does not encrypt to the same bytes";
    }
    return failure;
  }

  private static long begin(Lane lane, KeySlot slot) {
    lane.beginCall(slot);
    return System.nanoTime();
  }

  private static boolean end(Lane lane, KeySlot slot, long start) {
    slot.use().cipherNs.add(System.nanoTime() - start);
    return lane.endCall();
  }

  private static String threw(String what, Throwable e) {
    String text = e.getMessage();
    return "%s threw %s%s"
        .formatted(what, e.getClass().getSimpleName(), text == null ? "" : ": " + text);
  }
}
