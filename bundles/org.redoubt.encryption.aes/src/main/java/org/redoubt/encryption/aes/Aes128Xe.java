package org.redoubt.encryption.aes;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.AddressTweak;
import org.redoubt.crypto.memory.AddressTweakedAes;

/**
 * {@code aes-128-xe}, for research: C = AES(P ^ T), with T the 32-bit {@link AddressTweak#narrow()}
 * of the block's system-physical address. Known to be weak; ranked below 0.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + Aes128Xe.NAME,
      "service.ranking:Integer=-100"
    })
public final class Aes128Xe implements MemoryEncryptionEngineFactory {
  static final String NAME = "aes-128-xe";

  private final boolean hostCode;

  public Aes128Xe() {
    this(AesEngine.hostCode());
  }

  /** For tests: with or without code emitted for the host. */
  Aes128Xe(boolean hostCode) {
    this.hostCode = hostCode;
  }

  @Override
  public int keyBytes() {
    return 16;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(NAME, key, keyBytes());
    byte[] aesKey = key.toArray(ValueLayout.JAVA_BYTE);
    return new AesEngine(new AddressTweakedAes(aesKey, AddressTweakedAes.Mode.XE, hostCode));
  }
}
