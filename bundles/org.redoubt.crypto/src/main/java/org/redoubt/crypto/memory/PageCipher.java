package org.redoubt.crypto.memory;

import java.lang.foreign.MemorySegment;

/**
 * A cipher whose every block depends on its system-physical address. Thread-safe, and does not
 * allocate in the long run.
 *
 * <p>The arguments are the caller's to check: addresses that are multiples of 16, equal lengths
 * that are, and no overlap. After {@link #close} every call throws {@link IllegalStateException}.
 */
public interface PageCipher extends AutoCloseable {
  /** Encrypts whole blocks at a system-physical address. */
  void encrypt(long spa, MemorySegment plain, MemorySegment cipher);

  /** Decrypts whole blocks at a system-physical address. */
  void decrypt(long spa, MemorySegment cipher, MemorySegment plain);

  /** Clears all that was derived from keys. Called once, after the last other call has returned. */
  @Override
  void close();
}
