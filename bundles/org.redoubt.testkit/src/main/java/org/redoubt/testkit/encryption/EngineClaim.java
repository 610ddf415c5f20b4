package org.redoubt.testkit.encryption;

/**
 * What an engine may leave out and still be a memory-encryption engine. Everything else in {@link
 * MemoryEncryptionEngineContract} holds for all of them.
 */
public enum EngineClaim {
  /**
   * Ciphertext tells nothing about the plaintext without the key: another key gives unrelated
   * bytes, and a closed engine has forgotten its own. Without it: {@code none}.
   */
  CONFIDENTIAL,

  /** The same bytes at another address become unrelated bytes. */
  ADDRESS_BOUND,

  /**
   * One changed bit of ciphertext changes about half of its block's plaintext. Without it: stream
   * ciphers, where it changes that one bit.
   */
  DIFFUSING,

  /** No call leaves an object behind for the garbage collector. */
  ALLOCATION_FREE
}
