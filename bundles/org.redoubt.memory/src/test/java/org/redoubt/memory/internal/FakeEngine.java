package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * An engine whose cipher is no cipher but as strict: every 16-byte block is mixed with key and
 * address, a changed bit garbles its block, and another address or key gives other bytes. It can be
 * told to misbehave.
 */
final class FakeEngine implements MemoryEncryptionEngineFactory {
  /** Ways to go wrong. */
  enum Trouble {
    NONE,
    THROW,
    GARBAGE_ENCRYPT,
    GARBAGE_DECRYPT,
    HANG,
    SPIN
  }

  private final long salt;
  private final int keyBytes;
  final AtomicInteger open = new AtomicInteger();
  final AtomicLong calls = new AtomicLong();
  final AtomicLong afterClose = new AtomicLong();
  volatile Trouble trouble = Trouble.NONE;
  volatile long troubleFrom;

  /** What every call takes at least. */
  volatile long nanosOfCall;

  volatile @Nullable CountDownLatch hanging;

  FakeEngine(long salt) {
    this(salt, 32);
  }

  FakeEngine(long salt, int keyBytes) {
    this.salt = salt;
    this.keyBytes = keyBytes;
  }

  /** Misbehaves from now on. */
  void breakNow(Trouble how) {
    breakAfter(0, how);
  }

  /** Misbehaves after that many more calls. */
  void breakAfter(long more, Trouble how) {
    troubleFrom = calls.get() + more;
    trouble = how;
  }

  void mend() {
    trouble = Trouble.NONE;
  }

  @Override
  public int keyBytes() {
    return keyBytes;
  }

  @Override
  public MemoryEncryptionEngine create(MemorySegment key) {
    if (key.byteSize() != keyBytes) {
      throw new IllegalArgumentException(
          "Key of %d bytes, not %d".formatted(key.byteSize(), keyBytes));
    }
    long mixed = salt;
    for (byte b : key.toArray(ValueLayout.JAVA_BYTE)) {
      mixed = mix(mixed ^ b);
    }
    open.incrementAndGet();
    return new Cipher(mixed);
  }

  private static long mix(long x) {
    long z = x + 0x9E3779B97F4A7C15L;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }

  private final class Cipher implements MemoryEncryptionEngine {
    private final long key;
    private volatile boolean closed;

    Cipher(long key) {
      this.key = key;
    }

    /** Two Feistel rounds over the two halves of a block. */
    @Override
    public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
      misbehave(Trouble.GARBAGE_ENCRYPT, cipher);
      for (long i = 0; i < plain.byteSize(); i += 16) {
        long tweak = key ^ spa + i;
        long left = plain.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
        long right = plain.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 8);
        left ^= mix(right ^ tweak);
        right ^= mix(left + tweak);
        left ^= mix(right - tweak);
        cipher.set(ValueLayout.JAVA_LONG_UNALIGNED, i, left);
        cipher.set(ValueLayout.JAVA_LONG_UNALIGNED, i + 8, right);
      }
      spoil(Trouble.GARBAGE_ENCRYPT, cipher);
    }

    @Override
    public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
      misbehave(Trouble.GARBAGE_DECRYPT, plain);
      for (long i = 0; i < cipher.byteSize(); i += 16) {
        long tweak = key ^ spa + i;
        long left = cipher.get(ValueLayout.JAVA_LONG_UNALIGNED, i);
        long right = cipher.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 8);
        left ^= mix(right - tweak);
        right ^= mix(left + tweak);
        left ^= mix(right ^ tweak);
        plain.set(ValueLayout.JAVA_LONG_UNALIGNED, i, left);
        plain.set(ValueLayout.JAVA_LONG_UNALIGNED, i + 8, right);
      }
      spoil(Trouble.GARBAGE_DECRYPT, plain);
    }

    private boolean inTrouble() {
      return trouble != Trouble.NONE && calls.get() > troubleFrom;
    }

    private void spoil(Trouble kind, MemorySegment out) {
      if (inTrouble() && trouble == kind) {
        out.fill((byte) 0x5A);
      }
    }

    private void misbehave(Trouble garbage, MemorySegment out) {
      if (closed) {
        afterClose.incrementAndGet();
      }
      calls.incrementAndGet();
      for (long end = System.nanoTime() + nanosOfCall; System.nanoTime() - end < 0; ) {
        Thread.onSpinWait();
      }
      if (!inTrouble()) {
        return;
      }
      switch (trouble) {
        case THROW -> throw new IllegalStateException("injected");
        case HANG -> {
          CountDownLatch latch = new CountDownLatch(1);
          hanging = latch;
          try {
            latch.await();
          } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
          }
        }
        case SPIN -> {
          while (trouble == Trouble.SPIN) {
            Thread.onSpinWait();
          }
        }
        default -> {}
      }
    }

    @Override
    public void close() {
      if (closed) {
        throw new AssertionError("closed twice");
      }
      closed = true;
      open.decrementAndGet();
    }
  }
}
