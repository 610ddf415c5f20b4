package org.redoubt.crypto.memory;

/**
 * A 16-byte block cipher under one key, applied to each block for itself. Used by one thread at a
 * time. Does not allocate.
 */
public interface EcbCipher {
  /**
   * Encrypts whole blocks.
   *
   * @param in plaintext, from index 0
   * @param bytes how many, a multiple of 16
   * @param out receives the ciphertext, from index 0; another array than {@code in}
   */
  void encrypt(byte[] in, int bytes, byte[] out);

  /**
   * Decrypts whole blocks.
   *
   * @param in ciphertext, from index 0
   * @param bytes how many, a multiple of 16
   * @param out receives the plaintext, from index 0; another array than {@code in}
   */
  void decrypt(byte[] in, int bytes, byte[] out);

  /** Overwrites the key and its schedules. The cipher is of no use afterwards. */
  void clear();
}
