package org.redoubt.encryption.none;

import java.lang.foreign.MemorySegment;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * {@code none}: DRAM holds plaintext. To measure against, and to look at memory while learning.
 *
 * <p>Ranked below every other engine, and below 0.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + NoEncryption.NAME,
      "service.ranking:Integer=-1000"
    })
public final class NoEncryption implements MemoryEncryptionEngineFactory {
  static final String NAME = "none";

  @Override
  public int keyBytes() {
    return 0;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(NAME, key, keyBytes());
    return new Copy();
  }

  private static final class Copy implements MemoryEncryptionEngine {
    @Override
    public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
      MemoryEncryptionEngine.checkRange(spa, plain, cipher);
      MemorySegment.copy(plain, 0, cipher, 0, plain.byteSize());
    }

    @Override
    public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
      MemoryEncryptionEngine.checkRange(spa, cipher, plain);
      MemorySegment.copy(cipher, 0, plain, 0, cipher.byteSize());
    }

    @Override
    public void close() {}
  }
}
