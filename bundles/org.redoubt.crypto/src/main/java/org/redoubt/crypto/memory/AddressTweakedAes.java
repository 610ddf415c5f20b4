package org.redoubt.crypto.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.Leftovers;

/**
 * AES-128 in XE or XEX mode with an {@link AddressTweak}: by emitted code where the host has VAES
 * and both sides are off the heap, else by the JDK's AES. The bytes are the same.
 */
public final class AddressTweakedAes implements PageCipher {
  private final byte[] key;
  private final TweakedCipher jdk;
  private final @Nullable VaesKernel kernel;

  /** The mode. */
  public enum Mode {
    /** Tweaked before the cipher, with the narrow constants. */
    XE,
    /** Tweaked before and after the cipher, with the wide constants. */
    XEX
  }

  /**
   * @param key 16 bytes, owned from now on, cleared at the end
   * @param mode the mode
   * @param hostCode whether emitted code may be used
   */
  public AddressTweakedAes(byte[] key, Mode mode, boolean hostCode) {
    this.key = key;
    boolean xex = mode == Mode.XEX;
    jdk =
        new TweakedCipher(
            () -> new JceAes(key), xex ? AddressTweak::wide : AddressTweak::narrow, xex);
    kernel =
        hostCode
            ? VaesKernel.create(key, xex ? AddressTweak.wide() : AddressTweak.narrow(), xex)
                .orElse(null)
            : null;
    Leftovers.clear(Leftovers.OF_A_CIPHER);
  }

  /** Whether emitted code is in use. */
  public boolean usesHostCode() {
    return kernel != null;
  }

  @Override
  public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {
    if (kernel == null || !fits(plain, cipher)) {
      jdk.encrypt(spa, plain, cipher);
      return;
    }
    long total = plain.byteSize();
    for (long done = 0; done < total; ) {
      long page = pageBytes(spa + done, total - done);
      long bytes = page & -VaesCode.STEP_BYTES;
      if (bytes == total) {
        kernel.encrypt(spa, plain, cipher);
      } else if (bytes > 0) {
        kernel.encrypt(spa + done, plain.asSlice(done, bytes), cipher.asSlice(done, bytes));
      }
      if (bytes < page) {
        long at = done + bytes;
        long rest = page - bytes;
        jdk.encrypt(spa + at, plain.asSlice(at, rest), cipher.asSlice(at, rest));
      }
      done += page;
    }
  }

  @Override
  public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {
    if (kernel == null || !fits(cipher, plain)) {
      jdk.decrypt(spa, cipher, plain);
      return;
    }
    long total = cipher.byteSize();
    for (long done = 0; done < total; ) {
      long page = pageBytes(spa + done, total - done);
      long bytes = page & -VaesCode.STEP_BYTES;
      if (bytes == total) {
        kernel.decrypt(spa, cipher, plain);
      } else if (bytes > 0) {
        kernel.decrypt(spa + done, cipher.asSlice(done, bytes), plain.asSlice(done, bytes));
      }
      if (bytes < page) {
        long at = done + bytes;
        long rest = page - bytes;
        jdk.decrypt(spa + at, cipher.asSlice(at, rest), plain.asSlice(at, rest));
      }
      done += page;
    }
  }

  private static boolean fits(MemorySegment from, MemorySegment to) {
    return from.isNative() && to.isNative() && !to.isReadOnly();
  }

  /** Up to the end of the page or of the range. */
  private static long pageBytes(long spa, long left) {
    return Math.min(left, Tweak.PAGE_BYTES - (spa & (Tweak.PAGE_BYTES - 1)));
  }

  @Override
  public void close() {
    jdk.close();
    if (kernel != null) {
      kernel.close();
    }
    Arrays.fill(key, (byte) 0);
    Leftovers.clear(Leftovers.OF_A_CIPHER);
  }
}
