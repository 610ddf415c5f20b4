package org.redoubt.encryption.aes.bench;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.encryption.aes.Aes128Xe;
import org.redoubt.encryption.aes.Aes128Xex;
import org.redoubt.encryption.aes.Aes256Xts;

/** The engines of this bundle by name, under a fixed key. */
final class Engines {
  private Engines() {}

  static MemoryEncryptionEngine create(String name) {
    MemoryEncryptionEngineFactory factory =
        switch (name) {
          case "aes-128-xex" -> new Aes128Xex();
          case "aes-128-xe" -> new Aes128Xe();
          case "aes-256-xts" -> new Aes256Xts();
          default -> throw new IllegalArgumentException("No engine " + name);
        };
    byte[] key = new byte[factory.keyBytes()];
    new Random(1).nextBytes(key);
    return factory.create(MemorySegment.ofArray(key));
  }
}
