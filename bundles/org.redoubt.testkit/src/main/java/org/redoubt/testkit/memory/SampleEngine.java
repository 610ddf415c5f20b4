package org.redoubt.testkit.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicLong;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.AddressTweakedAes;

/** A sound engine by AES that can be told to lie after so many pages. Thread-safe. */
final class SampleEngine implements MemoryEncryptionEngineFactory {
  private final String name;
  private final AtomicLong honestCalls = new AtomicLong(Long.MAX_VALUE);

  SampleEngine(String name) {
    this.name = name;
  }

  /** From now on, encrypts this many pages rightly and all others wrongly. */
  void lieAfter(long calls) {
    honestCalls.set(calls);
  }

  @Override
  public int keyBytes() {
    return 16;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    MemoryEncryptionEngineFactory.checkKey(name, key, keyBytes());
    AddressTweakedAes cipher =
        new AddressTweakedAes(key.toArray(ValueLayout.JAVA_BYTE), AddressTweakedAes.Mode.XEX, true);
    return new MemoryEncryptionEngine() {
      @Override
      public void encrypt(long spa, MemorySegment plain, MemorySegment to) {
        MemoryEncryptionEngine.checkRange(spa, plain, to);
        cipher.encrypt(spa, plain, to);
        if (to.byteSize() > 0 && honestCalls.getAndDecrement() <= 0) {
          to.set(ValueLayout.JAVA_BYTE, 0, (byte) ~to.get(ValueLayout.JAVA_BYTE, 0));
        }
      }

      @Override
      public void decrypt(long spa, MemorySegment from, MemorySegment plain) {
        MemoryEncryptionEngine.checkRange(spa, from, plain);
        cipher.decrypt(spa, from, plain);
      }

      @Override
      public void close() {
        cipher.close();
      }
    };
  }
}
