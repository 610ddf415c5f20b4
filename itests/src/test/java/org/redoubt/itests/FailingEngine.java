package org.redoubt.itests;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Hashtable;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.osgi.framework.ServiceRegistration;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/** An engine, offered from the test's own bundle, that works for a while and then throws. */
final class FailingEngine implements MemoryEncryptionEngineFactory, AutoCloseable {
  static final String NAME = "failing";

  private final AtomicLong left;
  private final ServiceRegistration<MemoryEncryptionEngineFactory> registration;

  private FailingEngine(int pages) {
    left = new AtomicLong((long) pages * Pages.BYTES);
    registration =
        Services.context()
            .registerService(
                MemoryEncryptionEngineFactory.class,
                this,
                new Hashtable<>(
                    Map.of(
                        MemoryEncryptionEngineFactory.ENGINE_NAME,
                        NAME,
                        "service.ranking",
                        -5000)));
  }

  /** Offers one that encrypts that many pages. */
  static FailingEngine register(int pages) {
    return new FailingEngine(pages);
  }

  boolean hasFailed() {
    return left.get() < 0;
  }

  @Override
  public String toString() {
    return NAME + " with " + left.get() / Pages.BYTES + " pages to go";
  }

  @Override
  public int keyBytes() {
    return 1;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    byte pad = key.get(ValueLayout.JAVA_BYTE, 0);
    return new MemoryEncryptionEngine() {
      @Override
      public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
        if (left.addAndGet(-plain.byteSize()) < 0) {
          throw new IllegalStateException("out of order, as ordered");
        }
        xor(plain, cipher);
      }

      @Override
      public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
        xor(cipher, plain);
      }

      private void xor(MemorySegment from, MemorySegment to) {
        for (long i = 0; i < from.byteSize(); i++) {
          byte value = from.get(ValueLayout.JAVA_BYTE, i);
          to.set(ValueLayout.JAVA_BYTE, i, (byte) (value ^ pad ^ 0x5A));
        }
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void close() {
    registration.unregister();
  }
}
