package org.redoubt.crypto.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Supplier;
import org.redoubt.crypto.Leftovers;

/**
 * A block cipher with a tweak before it (XE: C = E(P ^ T)), or before and after it (XEX: C = E(P ^
 * T) ^ T), over any run of blocks.
 *
 * <p>Thread-safe without a lock: each call takes a <i>lane</i>, which is a cipher with its buffers,
 * and puts it back. There are as many lanes as callers were ever at work at once; only a new lane
 * allocates. What the cipher left on the calling thread goes before a call returns, see {@link
 * Leftovers}.
 */
public final class TweakedCipher implements PageCipher {
  private static final int PAGE_BYTES = Tweak.PAGE_BYTES;

  /** Lanes kept between calls; a power of two. */
  private static final int KEPT = 64;

  private final Supplier<? extends EcbCipher> ciphers;
  private final Supplier<? extends Tweak> tweaks;
  private final boolean tweakAfter;
  private final AtomicReferenceArray<Lane> idle = new AtomicReferenceArray<>(KEPT);
  private volatile boolean closed;

  /** One thread's tools, with plaintext in the buffers between calls. */
  private static final class Lane {
    final EcbCipher cipher;
    final Tweak tweak;
    final byte[] in = new byte[PAGE_BYTES];
    final byte[] out = new byte[PAGE_BYTES];

    Lane(EcbCipher cipher, Tweak tweak) {
      this.cipher = cipher;
      this.tweak = tweak;
    }

    void clear() {
      cipher.clear();
      tweak.clear();
      Arrays.fill(in, (byte) 0);
      Arrays.fill(out, (byte) 0);
    }
  }

  /**
   * @param ciphers makes a cipher under the key, once per lane
   * @param tweaks makes a tweak function, once per lane
   * @param tweakAfter whether the tweak is also applied after the cipher (XEX, XTS)
   */
  public TweakedCipher(
      Supplier<? extends EcbCipher> ciphers, Supplier<? extends Tweak> tweaks, boolean tweakAfter) {
    this.ciphers = ciphers;
    this.tweaks = tweaks;
    this.tweakAfter = tweakAfter;
    giveBack(new Lane(ciphers.get(), tweaks.get()));
    Leftovers.clear(Leftovers.OF_A_CIPHER);
  }

  @Override
  public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
    Lane lane = take();
    try {
      long total = plain.byteSize();
      for (long done = 0; done < total; ) {
        int bytes = runBytes(spa + done, total - done);
        lane.tweak.at(spa + done, bytes);
        lane.tweak.load(plain, done, lane.in);
        lane.cipher.encrypt(lane.in, bytes, lane.out);
        if (tweakAfter) {
          lane.tweak.store(lane.out, cipher, done);
        } else {
          MemorySegment.copy(lane.out, 0, cipher, ValueLayout.JAVA_BYTE, done, bytes);
        }
        done += bytes;
      }
    } finally {
      giveBack(lane);
      Leftovers.clear(Leftovers.OF_A_CIPHER);
    }
  }

  @Override
  public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
    Lane lane = take();
    try {
      long total = cipher.byteSize();
      for (long done = 0; done < total; ) {
        int bytes = runBytes(spa + done, total - done);
        lane.tweak.at(spa + done, bytes);
        if (tweakAfter) {
          lane.tweak.load(cipher, done, lane.in);
        } else {
          MemorySegment.copy(cipher, ValueLayout.JAVA_BYTE, done, lane.in, 0, bytes);
        }
        lane.cipher.decrypt(lane.in, bytes, lane.out);
        lane.tweak.store(lane.out, plain, done);
        done += bytes;
      }
    } finally {
      giveBack(lane);
      Leftovers.clear(Leftovers.OF_A_CIPHER);
    }
  }

  /** Up to the end of the page or of the range. */
  private static int runBytes(long spa, long left) {
    return (int) Math.min(left, PAGE_BYTES - (spa & (PAGE_BYTES - 1)));
  }

  private Lane take() {
    int start = (int) Thread.currentThread().threadId();
    for (int i = 0; i < KEPT; i++) {
      int slot = (start + i) & (KEPT - 1);
      if (idle.getPlain(slot) != null) {
        Lane lane = idle.getAndSet(slot, null);
        if (lane != null) {
          return lane;
        }
      }
    }
    if (closed) {
      throw new IllegalStateException("This memory encryption engine is closed");
    }
    return new Lane(ciphers.get(), tweaks.get());
  }

  private void giveBack(Lane lane) {
    int start = (int) Thread.currentThread().threadId();
    for (int i = 0; i < KEPT; i++) {
      int slot = (start + i) & (KEPT - 1);
      if (idle.getPlain(slot) == null && idle.compareAndSet(slot, null, lane)) {
        return;
      }
    }
    lane.clear();
  }

  @Override
  public void close() {
    closed = true;
    for (int slot = 0; slot < KEPT; slot++) {
      Lane lane = idle.getAndSet(slot, null);
      if (lane != null) {
        lane.clear();
      }
    }
    Leftovers.clear(Leftovers.OF_A_CIPHER);
  }
}
