package org.redoubt.encryption.bouncycastle;

import java.util.Arrays;
import org.bouncycastle.crypto.MultiBlockCipher;
import org.bouncycastle.crypto.engines.AESEngine;
import org.bouncycastle.crypto.params.KeyParameter;
import org.redoubt.crypto.memory.EcbCipher;

/** AES by Bouncy Castle: table look-ups in plain Java, the same speed on every host. */
final class BouncyCastleAes implements EcbCipher {
  private static final int BLOCK_BYTES = 16;

  private final MultiBlockCipher encrypt = AESEngine.newInstance();
  private final MultiBlockCipher decrypt = AESEngine.newInstance();
  private final int keyBytes;

  /**
   * @param key 16, 24 or 32 bytes; read only, and not kept
   */
  BouncyCastleAes(byte[] key) {
    keyBytes = key.length;
    init(key);
  }

  private void init(byte[] key) {
    KeyParameter copy = new KeyParameter(key);
    encrypt.init(true, copy);
    decrypt.init(false, copy);
    Arrays.fill(copy.getKey(), (byte) 0); // its own array, which the ciphers no longer need
  }

  @Override
  public void encrypt(byte[] in, int bytes, byte[] out) {
    encrypt.processBlocks(in, 0, bytes / BLOCK_BYTES, out, 0);
  }

  @Override
  public void decrypt(byte[] in, int bytes, byte[] out) {
    decrypt.processBlocks(in, 0, bytes / BLOCK_BYTES, out, 0);
  }

  /** Drops both schedules for those of a key of zeros; see Quirks in the README. */
  @Override
  public void clear() {
    init(new byte[keyBytes]);
  }
}
