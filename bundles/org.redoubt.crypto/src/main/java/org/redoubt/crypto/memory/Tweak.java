package org.redoubt.crypto.memory;

/**
 * A function from the system-physical address of a block to 16 bytes. Used by one thread at a time.
 * Does not allocate.
 */
public interface Tweak {
  /** Bytes of a page, the longest run that is asked for at once. */
  int PAGE_BYTES = 4096;

  /**
   * Writes the tweaks of consecutive blocks.
   *
   * @param spa system-physical address of the first block, a multiple of 16
   * @param bytes length of the run, a multiple of 16, all within one page of 4,096 bytes
   * @param tweaks receives {@code bytes} bytes from index 0; the rest may change too
   */
  void fill(long spa, int bytes, byte[] tweaks);

  /** Overwrites what was derived from a key. The tweak is of no use afterwards. */
  default void clear() {}
}
