package org.redoubt.testkit.encryption;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.crypto.memory.AddressTweak;
import org.redoubt.crypto.memory.JceAes;
import org.redoubt.crypto.memory.TweakedCipher;

/**
 * A sound engine and what can be wrong with one, each under the exam. Run by {@link
 * MemoryEncryptionEngineContractTest}; its name keeps the build from running it.
 */
final class BrokenEngines {
  private static final int BLOCK = MemoryEncryptionEngine.BLOCK_BYTES;

  private BrokenEngines() {}

  /** An engine that does as it should; the broken ones change one thing. */
  static class Sound implements MemoryEncryptionEngine {
    final TweakedCipher cipher;

    Sound(MemorySegment key) {
      byte[] bytes = key.toArray(ValueLayout.JAVA_BYTE);
      cipher = new TweakedCipher(() -> new JceAes(bytes), AddressTweak::wide, true);
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
    }
  }

  /** A factory of 16-byte keys whose engines are made by a function. */
  record Factory(Function<MemorySegment, MemoryEncryptionEngine> engines)
      implements MemoryEncryptionEngineFactory {
    @Override
    public int keyBytes() {
      return 16;
    }

    @Override
    public MemoryEncryptionEngine create(MemorySegment key) {
      MemoryEncryptionEngineFactory.checkKey("sample", key, 16);
      return engines.apply(key);
    }
  }

  /** The exam of engines that a function makes. */
  abstract static class Exam extends MemoryEncryptionEngineContract {
    private final MemoryEncryptionEngineFactory factory;

    Exam(Function<MemorySegment, MemoryEncryptionEngine> engines) {
      this(new Factory(engines));
    }

    Exam(MemoryEncryptionEngineFactory factory) {
      this.factory = factory;
    }

    @Override
    protected MemoryEncryptionEngineFactory factory() {
      return factory;
    }

    @Override
    long patienceNs() {
      return 50_000_000L;
    }
  }

  static class SoundOne extends Exam {
    SoundOne() {
      super(Sound::new);
    }

    @Override
    protected List<KnownAnswer> knownAnswers() {
      return KnownAnswer.of("aes-128-xex");
    }
  }

  static class WrongAnswers extends SoundOne {
    @Override
    protected List<KnownAnswer> knownAnswers() {
      return KnownAnswer.of("aes-128-xe");
    }
  }

  /** Leaves the last block of long ranges alone. */
  static class LiesAboutSizes extends Exam {
    LiesAboutSizes() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              long bytes = plain.byteSize() - (plain.byteSize() > 4096 ? BLOCK : 0);
              this.cipher.encrypt(spa, plain.asSlice(0, bytes), cipher.asSlice(0, bytes));
            }
          });
    }
  }

  /** Its key length is another after the first engine. */
  static class ChangesItsKeyLength extends Exam {
    ChangesItsKeyLength() {
      super(
          new MemoryEncryptionEngineFactory() {
            private int keyBytes = 16;

            @Override
            public int keyBytes() {
              return keyBytes;
            }

            @Override
            public MemoryEncryptionEngine create(MemorySegment key) {
              MemoryEncryptionEngineFactory.checkKey("sample", key, keyBytes);
              keyBytes = 32;
              return new Sound(key.asSlice(0, 16));
            }
          });
    }
  }

  static class TakesAnyKey extends Exam {
    TakesAnyKey() {
      super(
          new MemoryEncryptionEngineFactory() {
            @Override
            public int keyBytes() {
              return 16;
            }

            @Override
            public MemoryEncryptionEngine create(MemorySegment key) {
              return new Sound(
                  MemorySegment.ofArray(Arrays.copyOf(key.toArray(ValueLayout.JAVA_BYTE), 16)));
            }
          });
    }
  }

  /** Refuses keys without saying what it needs. */
  static class RefusesKeysWithoutFigures extends Exam {
    RefusesKeysWithoutFigures() {
      super(
          new MemoryEncryptionEngineFactory() {
            @Override
            public int keyBytes() {
              return 16;
            }

            @Override
            public MemoryEncryptionEngine create(MemorySegment key) {
              if (key.byteSize() != 16) {
                throw new IllegalArgumentException("Bad key");
              }
              return new Sound(key);
            }
          });
    }
  }

  /** Reads the caller's segment at every call. */
  static class KeepsTheCallersKey extends Exam {
    KeepsTheCallersKey() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              try (Sound now = new Sound(key)) {
                now.encrypt(spa, plain, cipher);
              }
            }
          });
    }
  }

  static class IgnoresTheLastKeyByte extends Exam {
    IgnoresTheLastKeyByte() {
      super(key -> {
        byte[] bytes = key.toArray(ValueLayout.JAVA_BYTE);
        bytes[15] = 0;
        return new Sound(MemorySegment.ofArray(bytes));
      });
    }
  }

  static class ForgetsNothing extends Exam {
    ForgetsNothing() {
      super(key ->
          new Sound(key) {
            @Override
            public void close() {}
          });
    }
  }

  /** Closing one engine closes all of them. */
  static class ClosesItsSiblings extends Exam {
    private static final java.util.Map<String, Sound> SHARED = new java.util.HashMap<>();

    ClosesItsSiblings() {
      super(key ->
          SHARED.compute(
              Arrays.toString(key.toArray(ValueLayout.JAVA_BYTE)),
              (name, old) -> old == null ? new Sound(key) : old));
      SHARED.clear();
    }
  }

  static class IgnoresTheAddress extends Exam {
    IgnoresTheAddress() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              super.encrypt(spa & 0xFFF, plain, cipher);
            }

            @Override
            public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
              MemoryEncryptionEngine.checkRange(spa, cipher, plain);
              super.decrypt(spa & 0xFFF, cipher, plain);
            }
          });
    }
  }

  /** A stream cipher: flipped ciphertext bits come out as flipped plaintext bits. */
  static class StreamCipher extends Exam {
    StreamCipher() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              byte[] data = plain.toArray(ValueLayout.JAVA_BYTE);
              MemorySegment stream = MemorySegment.ofArray(new byte[data.length]);
              super.encrypt(spa, MemorySegment.ofArray(new byte[data.length]), stream);
              for (int i = 0; i < data.length; i++) {
                byte mask = stream.get(ValueLayout.JAVA_BYTE, i);
                cipher.set(ValueLayout.JAVA_BYTE, i, (byte) (data[i] ^ mask));
              }
            }

            @Override
            public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
              encrypt(spa, cipher, plain);
            }
          });
    }

    @Override
    protected Set<EngineClaim> claims() {
      return Set.of(EngineClaim.CONFIDENTIAL, EngineClaim.ADDRESS_BOUND, EngineClaim.DIFFUSING);
    }
  }

  /** The same stream cipher, saying what it is. */
  static class HonestStreamCipher extends StreamCipher {
    @Override
    protected Set<EngineClaim> claims() {
      return Set.of(EngineClaim.CONFIDENTIAL, EngineClaim.ADDRESS_BOUND);
    }
  }

  /** Chains each block to the one before in the same call. */
  static class ChainsBlocks extends Exam {
    ChainsBlocks() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              byte[] data = plain.toArray(ValueLayout.JAVA_BYTE);
              for (int i = data.length - 1; i >= BLOCK; i--) {
                data[i] ^= data[i - BLOCK];
              }
              super.encrypt(spa, MemorySegment.ofArray(data), cipher);
            }

            @Override
            public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
              super.decrypt(spa, cipher, plain);
              for (long i = BLOCK; i < plain.byteSize(); i++) {
                byte before = plain.get(ValueLayout.JAVA_BYTE, i - BLOCK);
                byte now = plain.get(ValueLayout.JAVA_BYTE, i);
                plain.set(ValueLayout.JAVA_BYTE, i, (byte) (now ^ before));
              }
            }
          });
    }

    @Override
    protected Set<EngineClaim> claims() {
      return Set.of(EngineClaim.CONFIDENTIAL, EngineClaim.ADDRESS_BOUND, EngineClaim.DIFFUSING);
    }
  }

  /** Every tenth call of encrypt is at a wrong address. */
  static class KeepsState extends Exam {
    KeepsState() {
      super(key ->
          new Sound(key) {
            private int calls;

            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              long shift = ++calls % 100 == 99 ? BLOCK : 0;
              this.cipher.encrypt(spa ^ shift, plain, cipher);
            }
          });
    }
  }

  /** Where the first caller from another thread than its maker's waits for a second one. */
  private static final class Meeting {
    private final Thread maker = Thread.currentThread();
    private final AtomicInteger callers = new AtomicInteger();

    void meet() {
      if (Thread.currentThread() == maker || callers.incrementAndGet() != 1) {
        return;
      }
      long end = System.nanoTime() + 60_000_000_000L;
      while (callers.get() == 1 && System.nanoTime() - end < 0) {
        Thread.yield();
      }
    }
  }

  /** One buffer for all threads. */
  static class SharesABuffer extends Exam {
    SharesABuffer() {
      super(key ->
          new Sound(key) {
            private final byte[] buffer = new byte[1 << 16];
            private final Meeting meeting = new Meeting();

            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemoryEncryptionEngine.checkRange(spa, plain, cipher);
              int bytes = (int) plain.byteSize();
              MemorySegment.copy(plain, ValueLayout.JAVA_BYTE, 0, buffer, 0, bytes);
              meeting.meet();
              super.encrypt(spa, MemorySegment.ofArray(buffer).asSlice(0, bytes), cipher);
            }
          });
    }
  }

  /** Throws when two calls meet. */
  static class ThrowsUnderConcurrency extends Exam {
    ThrowsUnderConcurrency() {
      super(key ->
          new Sound(key) {
            private final AtomicInteger inside = new AtomicInteger();
            private final Meeting meeting = new Meeting();

            @Override
            public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
              boolean free = inside.getAndIncrement() == 0;
              try {
                meeting.meet();
                if (!free) {
                  throw new IllegalStateException("busy");
                }
                super.decrypt(spa, cipher, plain);
              } finally {
                inside.getAndDecrement();
              }
            }
          });
    }
  }

  /** Takes the array behind a segment and clears a byte past its end. */
  static class WritesPastTheEnd extends Exam {
    WritesPastTheEnd() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              super.encrypt(spa, plain, cipher);
              if (cipher.heapBase().orElse(null) instanceof byte[] array) {
                MemorySegment whole = MemorySegment.ofArray(array);
                long end = cipher.address() - whole.address() + cipher.byteSize();
                if (end < array.length) {
                  array[(int) end] = 0;
                }
              }
            }
          });
    }
  }

  /** The same off the heap, before the start. */
  static class WritesBeforeTheStart extends Exam {
    WritesBeforeTheStart() {
      super(key ->
          new Sound(key) {
            @Override
            public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
              super.decrypt(spa, cipher, plain);
              if (plain.isNative() && plain.address() % 4096 != 0) {
                MemorySegment.ofAddress(plain.address() - 1)
                    .reinterpret(1)
                    .set(ValueLayout.JAVA_BYTE, 0, (byte) 0);
              }
            }
          });
    }
  }

  /** Uses the source as its scratch memory. */
  static class ChangesItsSource extends Exam {
    ChangesItsSource() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              super.encrypt(spa, plain, cipher);
              if (!plain.isReadOnly() && plain.byteSize() == 48) {
                plain.set(ValueLayout.JAVA_BYTE, 0, (byte) 0);
              }
            }
          });
    }
  }

  /** Works on arrays only. */
  static class KnowsOnlyArrays extends Exam {
    KnowsOnlyArrays() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              if (plain.isNative() && plain.byteSize() % BLOCK == 0) {
                throw new UnsupportedOperationException("arrays only");
              }
              super.encrypt(spa, plain, cipher);
            }
          });
    }
  }

  /** Rounds addresses down. */
  static class TakesAnyAddress extends Exam {
    TakesAnyAddress() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              super.encrypt(spa & -BLOCK, plain, cipher);
            }
          });
    }
  }

  /** Begins to write before it looks. */
  static class WritesBeforeItRefuses extends Exam {
    WritesBeforeItRefuses() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              if (cipher.byteSize() > 0) {
                cipher.set(ValueLayout.JAVA_BYTE, 0, (byte) 0x77);
              }
              super.encrypt(spa, plain, cipher);
            }
          });
    }
  }

  static class TakesOverlaps extends Exam {
    TakesOverlaps() {
      super(key ->
          new Sound(key) {
            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              MemorySegment copy = MemorySegment.ofArray(plain.toArray(ValueLayout.JAVA_BYTE));
              super.encrypt(spa, copy, cipher);
            }
          });
    }

    @Override
    protected Set<EngineClaim> claims() {
      return Set.of(EngineClaim.CONFIDENTIAL, EngineClaim.ADDRESS_BOUND, EngineClaim.DIFFUSING);
    }
  }

  static class Allocates extends Exam {
    Allocates() {
      super(key ->
          new Sound(key) {
            @SuppressWarnings("unused") // so that it is really made
            private volatile byte[] last = {};

            @Override
            public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
              last = new byte[64];
              super.encrypt(spa, plain, cipher);
            }
          });
    }
  }
}
