package org.redoubt.api.encryption;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A cipher under one key, between a page's plaintext in the SoC cache and its ciphertext in DRAM.
 *
 * <p><b>Calls.</b> Only the memory system calls it, from any thread and from several at once;
 * results depend on nothing but the key, the address and the bytes. It must not block, keep the
 * segments, or write outside them, and should not allocate.
 *
 * <p><b>Arguments.</b> {@code spa} is the system-physical address of the first byte and a multiple
 * of {@link #BLOCK_BYTES}, as are both lengths, which are equal. The segments never overlap, belong
 * to the caller, and may be on or off the heap. Usually one call is one page of 4,096 bytes. Block
 * <i>i</i> is a function of the key, {@code spa + 16 i} and that block's bytes alone, so that any
 * range of whole blocks can be given in one call or in many.
 *
 * <p><b>Failure.</b> Arguments other than these are refused with {@link IllegalArgumentException}
 * before anything is written; {@link #checkRange} does that. Else none is expected. An engine that
 * throws, or whose ciphertext does not decrypt to what went in, is named to the operator and the
 * guests under it are suspended with their ciphertext kept.
 */
@ConsumerType
public interface MemoryEncryptionEngine extends AutoCloseable {
  /** The granule of encryption in bytes: AES's block. */
  int BLOCK_BYTES = 16;

  /** The first address that no system has: 2^52, the architecture's limit. APM Vol. 2, §5.1. */
  long SPA_LIMIT = 1L << 52;

  /**
   * Encrypts whole blocks.
   *
   * @param spa system-physical address of the first byte, a multiple of 16
   * @param plain the plaintext, read only
   * @param cipher receives the ciphertext, as long as {@code plain}
   */
  void encrypt(long spa, MemorySegment plain, MemorySegment cipher);

  /**
   * Decrypts whole blocks: the inverse of {@link #encrypt} at the same address.
   *
   * @param spa system-physical address of the first byte, a multiple of 16
   * @param cipher the ciphertext, read only
   * @param plain receives the plaintext, as long as {@code cipher}
   */
  void decrypt(long spa, MemorySegment cipher, MemorySegment plain);

  /**
   * Clears the key and everything derived from it. Called once, after the last other call has
   * returned.
   */
  @Override
  void close();

  /**
   * Refuses what {@link #encrypt} and {@link #decrypt} must not be given. Engines call it first; it
   * does not allocate.
   *
   * @param spa system-physical address of the first byte
   * @param from what will be read
   * @param to what will be written
   * @throws IllegalArgumentException if the address or a length is no multiple of 16, the lengths
   *     differ, the range ends past {@link #SPA_LIMIT}, or the segments overlap; the message has
   *     the figures
   */
  static void checkRange(long spa, MemorySegment from, MemorySegment to) {
    long bytes = from.byteSize();
    if (((spa | bytes) & (BLOCK_BYTES - 1)) != 0
        || bytes != to.byteSize()
        || spa < 0
        || bytes > SPA_LIMIT - spa) {
      throw new IllegalArgumentException(
          "From %d bytes to %d bytes at spa %xh: the address and both lengths must be multiples of 16, the lengths equal, the end at most 2^52"
              .formatted(bytes, to.byteSize(), spa));
    }
    long distance = from.address() - to.address();
    if (distance < bytes && distance > -bytes && from.isNative() == to.isNative()) {
      // Addresses of heap segments are offsets: they compare within one array only.
      if (from.isNative() || from.heapBase().equals(to.heapBase())) {
        throw new IllegalArgumentException(
            "From %d bytes at spa %xh to segments that overlap by %d bytes"
                .formatted(bytes, spa, bytes - Math.abs(distance)));
      }
    }
  }
}
