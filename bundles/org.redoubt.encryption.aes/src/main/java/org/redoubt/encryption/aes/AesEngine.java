package org.redoubt.encryption.aes;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.crypto.memory.PageCipher;

/** A page cipher behind the contract of an engine. */
final class AesEngine implements MemoryEncryptionEngine {
  /** System property: {@code jce} to do without code emitted for the host. */
  private static final String AES_PROPERTY = "redoubt.aes";

  private final PageCipher cipher;
  private final byte[][] keys;

  /**
   * @param cipher owned from now on
   * @param keys what the cipher is made from, owned from now on, cleared at the end
   */
  AesEngine(PageCipher cipher, byte[]... keys) {
    this.cipher = cipher;
    this.keys = keys;
  }

  /** Whether code emitted for the host may be used. */
  static boolean hostCode() {
    return !"jce".equals(System.getProperty(AES_PROPERTY));
  }

  @Override
  public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
    MemoryEncryptionEngine.checkRange(spa, plain, cipher);
    this.cipher.encrypt(spa, plain, cipher);
  }

  @Override
  public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
    MemoryEncryptionEngine.checkRange(spa, cipher, plain);
    this.cipher.decrypt(spa, cipher, plain);
  }

  @Override
  public void close() {
    cipher.close();
    for (byte[] key : keys) {
      Arrays.fill(key, (byte) 0);
    }
  }
}
