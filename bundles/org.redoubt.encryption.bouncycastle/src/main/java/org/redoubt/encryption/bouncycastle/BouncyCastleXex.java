package org.redoubt.encryption.bouncycastle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.AddressTweak;
import org.redoubt.crypto.memory.TweakedCipher;

/**
 * {@code bouncycastle}: byte for byte the ciphertext of {@code aes-128-xex}, from other code. For
 * comparison, and to carry guests on when the JDK's AES is not wanted.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + BouncyCastleXex.NAME,
      "service.ranking:Integer=10"
    })
public final class BouncyCastleXex implements MemoryEncryptionEngineFactory {
  static final String NAME = "bouncycastle";

  @Override
  public int keyBytes() {
    return 16;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(NAME, key, keyBytes());
    return new Engine(key.toArray(ValueLayout.JAVA_BYTE));
  }

  private static final class Engine implements MemoryEncryptionEngine {
    private final byte[] key;
    private final TweakedCipher cipher;

    /**
     * @param key owned from now on, cleared at the end
     */
    Engine(byte[] key) {
      this.key = key;
      cipher = new TweakedCipher(() -> new BouncyCastleAes(key), AddressTweak::wide, true);
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
      Arrays.fill(key, (byte) 0);
    }
  }
}
