package org.redoubt.firmware.internal.keys;

import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import org.redoubt.crypto.SecretBytes;

/** The key of shared and host pages (SME, TSME): fresh at every power-on. APM Vol. 2, §7.10. */
public final class HostKey implements AutoCloseable {
  private final SecretBytes seed;

  /** A fresh key. */
  public HostKey(SecureRandom random) {
    seed = SecretBytes.random(32, random);
  }

  /** Writes the memory key for an engine. */
  public void memoryKey(String engineName, MemorySegment key) {
    GuestKeys.writeMemoryKey(seed, engineName, key);
  }

  @Override
  public void close() {
    seed.close();
  }
}
