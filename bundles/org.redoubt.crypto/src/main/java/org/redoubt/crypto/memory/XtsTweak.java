package org.redoubt.crypto.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The tweak of XTS: for block <i>j</i> of data unit <i>n</i>, the second key's encryption of
 * <i>n</i> times the <i>j</i>th power of the primitive element of GF(2^128). IEEE 1619-2007, §5.2.
 *
 * <p>A data unit is a page of 4,096 bytes, and its number is the page's: the system-physical
 * address shifted right by 12.
 */
public final class XtsTweak implements Tweak {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong MEMORY_LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE_SHIFT = 12;

  /** x^128 modulo the field's polynomial x^128 + x^7 + x^2 + x + 1. */
  private static final long REDUCTION = 0x87;

  private final EcbCipher second;
  private final byte[] unit = new byte[16];
  private final byte[] start = new byte[16];
  private final byte[] tweaks = new byte[PAGE_BYTES];
  private int bytes;

  /**
   * @param second the cipher under the second key, owned from now on
   */
  public XtsTweak(EcbCipher second) {
    this.second = second;
  }

  @Override
  public void at(long spa, int bytes) {
    this.bytes = bytes;
    LONGS.set(unit, 0, spa >>> PAGE_SHIFT);
    second.encrypt(unit, 16, start);
    long low = (long) LONGS.get(start, 0);
    long high = (long) LONGS.get(start, 8);
    for (int j = ((int) spa & (PAGE_BYTES - 1)) / 16; j > 0; j--) {
      long carry = (high >> 63) & REDUCTION;
      high = high << 1 | low >>> 63;
      low = low << 1 ^ carry;
    }
    if (bytes == PAGE_BYTES) {
      fillPage(low, high);
    } else {
      fill(0, bytes, low, high);
    }
  }

  private void fill(int from, int to, long low, long high) {
    for (int i = from; i < to; i += 16) {
      LONGS.set(tweaks, i, low);
      LONGS.set(tweaks, i + 8, high);
      long carry = (high >> 63) & REDUCTION;
      high = high << 1 | low >>> 63;
      low = low << 1 ^ carry;
    }
  }

  /** Four chains of 64 blocks side by side, since each step of a chain waits for the one before. */
  private void fillPage(long low, long high) {
    long low0 = low;
    long high0 = high;
    long low1 = times64Low(high0);
    long high1 = times64High(low0, high0);
    long low2 = times64Low(high1);
    long high2 = times64High(low1, high1);
    long low3 = times64Low(high2);
    long high3 = times64High(low2, high2);
    byte[] out = tweaks;
    for (int i = 0; i < PAGE_BYTES / 4; i += 16) {
      LONGS.set(out, i, low0);
      LONGS.set(out, i + 8, high0);
      LONGS.set(out, i + 1024, low1);
      LONGS.set(out, i + 1032, high1);
      LONGS.set(out, i + 2048, low2);
      LONGS.set(out, i + 2056, high2);
      LONGS.set(out, i + 3072, low3);
      LONGS.set(out, i + 3080, high3);
      long carry0 = (high0 >> 63) & REDUCTION;
      long carry1 = (high1 >> 63) & REDUCTION;
      long carry2 = (high2 >> 63) & REDUCTION;
      long carry3 = (high3 >> 63) & REDUCTION;
      high0 = high0 << 1 | low0 >>> 63;
      high1 = high1 << 1 | low1 >>> 63;
      high2 = high2 << 1 | low2 >>> 63;
      high3 = high3 << 1 | low3 >>> 63;
      low0 = low0 << 1 ^ carry0;
      low1 = low1 << 1 ^ carry1;
      low2 = low2 << 1 ^ carry2;
      low3 = low3 << 1 ^ carry3;
    }
  }

  // Times x^64: the upper half h becomes h x^128 = h (x^7 + x^2 + x + 1), up to 7 bits of it above.

  private static long times64Low(long high) {
    return high ^ high << 1 ^ high << 2 ^ high << 7;
  }

  private static long times64High(long low, long high) {
    return low ^ high >>> 63 ^ high >>> 62 ^ high >>> 57;
  }

  @Override
  public void load(MemorySegment from, long offset, byte[] to) {
    if (bytes == PAGE_BYTES && from.isNative()) {
      loadPage(from, offset, to, tweaks);
    } else {
      MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offset, to, 0, bytes);
      xor(to);
    }
  }

  @Override
  public void store(byte[] from, MemorySegment to, long offset) {
    if (bytes == PAGE_BYTES && to.isNative()) {
      storePage(from, to, offset, tweaks);
    } else {
      xor(from);
      MemorySegment.copy(from, 0, to, ValueLayout.JAVA_BYTE, offset, bytes);
    }
  }

  // As in AddressTweak: constant lengths, one statement, native segments only.

  private static void loadPage(MemorySegment from, long offset, byte[] to, byte[] tweaks) {
    for (int i = 0; i < PAGE_BYTES; i += 8) {
      LONGS.set(to, i, from.get(MEMORY_LONG, offset + i) ^ (long) LONGS.get(tweaks, i));
    }
  }

  private static void storePage(byte[] from, MemorySegment to, long offset, byte[] tweaks) {
    for (int i = 0; i < PAGE_BYTES; i += 8) {
      to.set(MEMORY_LONG, offset + i, (long) LONGS.get(from, i) ^ (long) LONGS.get(tweaks, i));
    }
  }

  private void xor(byte[] data) {
    if (bytes == PAGE_BYTES) {
      for (int i = 0; i < PAGE_BYTES; i += 8) {
        LONGS.set(data, i, (long) LONGS.get(data, i) ^ (long) LONGS.get(tweaks, i));
      }
    } else {
      for (int i = 0; i < bytes; i += 8) {
        LONGS.set(data, i, (long) LONGS.get(data, i) ^ (long) LONGS.get(tweaks, i));
      }
    }
  }

  @Override
  public void clear() {
    second.clear();
    Arrays.fill(unit, (byte) 0);
    Arrays.fill(start, (byte) 0);
    Arrays.fill(tweaks, (byte) 0);
  }
}
