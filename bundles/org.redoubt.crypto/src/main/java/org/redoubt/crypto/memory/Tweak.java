package org.redoubt.crypto.memory;

import java.lang.foreign.MemorySegment;

/**
 * A function from the system-physical address of a block to 16 bytes, and the xor with it on the
 * way to and from the cipher. Used by one thread at a time. Does not allocate.
 */
public interface Tweak {
  /** Bytes of a page, the longest run. */
  int PAGE_BYTES = 4096;

  /**
   * Sets the run of blocks that {@link #load} and {@link #store} work on.
   *
   * @param spa system-physical address of the first block, a multiple of 16
   * @param bytes length, a multiple of 16, all within one page of 4,096 bytes
   */
  void at(long spa, int bytes);

  /**
   * Copies the run from memory, xor its tweaks.
   *
   * @param from read from {@code offset} on
   * @param offset index of the run's first byte in {@code from}
   * @param to receives the run from index 0
   */
  void load(MemorySegment from, long offset, byte[] to);

  /**
   * Copies the run to memory, xor its tweaks.
   *
   * @param from holds the run from index 0; its bytes may change
   * @param to written from {@code offset} on
   * @param offset index of the run's first byte in {@code to}
   */
  void store(byte[] from, MemorySegment to, long offset);

  /** Overwrites what was derived from a key. The tweak is of no use afterwards. */
  void clear();
}
