package org.redoubt.encryption.aes;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.AddressTweak;
import org.redoubt.crypto.memory.AddressTweakedAes;

/**
 * {@code aes-128-xex}, the default: C = AES(P ^ T) ^ T, with T the 128-bit {@link
 * AddressTweak#wide()} of the block's system-physical address.
 */
@Component(
    property = {
      MemoryEncryptionEngineFactory.ENGINE_NAME + "=" + Aes128Xex.NAME,
      "service.ranking:Integer=100"
    })
public final class Aes128Xex implements MemoryEncryptionEngineFactory {
  static final String NAME = "aes-128-xex";

  private final boolean hostCode;

  public Aes128Xex() {
    this(AesEngine.hostCode());
  }

  /** For tests: with or without code emitted for the host. */
  Aes128Xex(boolean hostCode) {
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
    return new AesEngine(new AddressTweakedAes(aesKey, AddressTweakedAes.Mode.XEX, hostCode));
  }
}
