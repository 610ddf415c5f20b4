package org.redoubt.encryption.aes;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.JceAes;
import org.redoubt.crypto.memory.TweakedCipher;
import org.redoubt.crypto.memory.XtsTweak;

/**
 * {@code aes-256-xts}, what bit 22 of an SNP guest's policy asks for: XTS-AES-256 of IEEE 1619. A
 * data unit is a page; its number is the page's. The key is 64 bytes: first the data's, then the
 * tweak's.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + Aes256Xts.NAME,
      "service.ranking:Integer=50"
    })
public final class Aes256Xts implements MemoryEncryptionEngineFactory {
  static final String NAME = "aes-256-xts";
  private static final int AES_KEY_BYTES = 32;

  @Override
  public int keyBytes() {
    return 2 * AES_KEY_BYTES;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(NAME, key, keyBytes());
    byte[] both = key.toArray(ValueLayout.JAVA_BYTE);
    byte[] first = Arrays.copyOfRange(both, 0, AES_KEY_BYTES);
    byte[] second = Arrays.copyOfRange(both, AES_KEY_BYTES, 2 * AES_KEY_BYTES);
    Arrays.fill(both, (byte) 0);
    TweakedCipher cipher =
        new TweakedCipher(() -> new JceAes(first), () -> new XtsTweak(new JceAes(second)), true);
    return new AesEngine(cipher, first, second);
  }
}
