package org.redoubt.encryption.aes;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.crypto.memory.TweakedCipher;

/** A tweaked cipher with the keys that its lanes are made from. */
final class AesEngine implements MemoryEncryptionEngine {
  private final TweakedCipher cipher;
  private final byte[][] keys;

  /**
   * @param cipher owned from now on
   * @param keys owned from now on, cleared at the end
   */
  AesEngine(TweakedCipher cipher, byte[]... keys) {
    this.cipher = cipher;
    this.keys = keys;
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
