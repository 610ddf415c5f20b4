package org.redoubt.x86.exec.internal.simd;

/**
 * Packed integer arithmetic on 64 bits at a time: eight bytes, four words, two doublewords. An MMX
 * register is one such long and an XMM register two.
 */
public final class Lanes {
  private static final long BYTE_TOPS = 0x8080_8080_8080_8080L;
  private static final long WORD_TOPS = 0x8000_8000_8000_8000L;
  private static final long LOW_DOUBLE = 0xffff_ffffL;

  private Lanes() {}

  public static long addBytes(long a, long b) {
    return (a & ~BYTE_TOPS) + (b & ~BYTE_TOPS) ^ ((a ^ b) & BYTE_TOPS);
  }

  public static long addWords(long a, long b) {
    return (a & ~WORD_TOPS) + (b & ~WORD_TOPS) ^ ((a ^ b) & WORD_TOPS);
  }

  public static long addDoubles(long a, long b) {
    return doubles((int) a + (int) b, (int) (a >>> 32) + (int) (b >>> 32));
  }

  public static long subtractBytes(long a, long b) {
    return (a | BYTE_TOPS) - (b & ~BYTE_TOPS) ^ ((a ^ ~b) & BYTE_TOPS);
  }

  public static long subtractWords(long a, long b) {
    return (a | WORD_TOPS) - (b & ~WORD_TOPS) ^ ((a ^ ~b) & WORD_TOPS);
  }

  public static long subtractDoubles(long a, long b) {
    return doubles((int) a - (int) b, (int) (a >>> 32) - (int) (b >>> 32));
  }

  /** All ones in each byte that is zero in {@code x}. */
  private static long zeroBytes(long x) {
    long tops = ~((x & ~BYTE_TOPS) + ~BYTE_TOPS | x) & BYTE_TOPS;
    return (tops << 1) - (tops >>> 7);
  }

  private static long zeroWords(long x) {
    long tops = ~((x & ~WORD_TOPS) + ~WORD_TOPS | x) & WORD_TOPS;
    return (tops << 1) - (tops >>> 15);
  }

  public static long equalBytes(long a, long b) {
    return zeroBytes(a ^ b);
  }

  public static long equalWords(long a, long b) {
    return zeroWords(a ^ b);
  }

  public static long equalDoubles(long a, long b) {
    return doubles((int) a == (int) b ? -1 : 0, (int) (a >>> 32) == (int) (b >>> 32) ? -1 : 0);
  }

  /** Two doublewords side by side. */
  public static long doubles(int low, int high) {
    return (low & LOW_DOUBLE) | (long) high << 32;
  }

  public static int saturateByte(int v) {
    return v < -128 ? -128 : v > 127 ? 127 : v;
  }

  public static int saturateUnsignedByte(int v) {
    return v < 0 ? 0 : v > 255 ? 255 : v;
  }

  public static int saturateWord(int v) {
    return v < -32768 ? -32768 : v > 32767 ? 32767 : v;
  }

  public static int saturateUnsignedWord(int v) {
    return v < 0 ? 0 : v > 65535 ? 65535 : v;
  }

  /** The sign bits of eight bytes, as PMOVMSKB gathers them. */
  public static int signBits(long x) {
    return (int) ((((x & BYTE_TOPS) >>> 7) * 0x0102_0408_1020_4080L) >>> 56);
  }

  public static long addSignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= (saturateByte(x + y) & 0xffL) << i;
    }
    return r;
  }

  public static long addUnsignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (int) (a >>> i) & 0xff;
      int y = (int) (b >>> i) & 0xff;
      r |= (saturateUnsignedByte(x + y) & 0xffL) << i;
    }
    return r;
  }

  public static long subtractSignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= (saturateByte(x - y) & 0xffL) << i;
    }
    return r;
  }

  public static long subtractUnsignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (int) (a >>> i) & 0xff;
      int y = (int) (b >>> i) & 0xff;
      r |= (saturateUnsignedByte(x - y) & 0xffL) << i;
    }
    return r;
  }

  public static long averageBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (int) (a >>> i) & 0xff;
      int y = (int) (b >>> i) & 0xff;
      r |= (((x + y + 1) >> 1) & 0xffL) << i;
    }
    return r;
  }

  public static long addSignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (saturateWord(x + y) & 0xffffL) << i;
    }
    return r;
  }

  public static long addUnsignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (saturateUnsignedWord(x + y) & 0xffffL) << i;
    }
    return r;
  }

  public static long subtractSignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (saturateWord(x - y) & 0xffffL) << i;
    }
    return r;
  }

  public static long subtractUnsignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (saturateUnsignedWord(x - y) & 0xffffL) << i;
    }
    return r;
  }

  public static long averageWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (((x + y + 1) >> 1) & 0xffffL) << i;
    }
    return r;
  }

  public static long greaterBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= ((x > y ? -1 : 0) & 0xffL) << i;
    }
    return r;
  }

  public static long minimumSignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= (Math.min(x, y) & 0xffL) << i;
    }
    return r;
  }

  public static long maximumSignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= (Math.max(x, y) & 0xffL) << i;
    }
    return r;
  }

  public static long minimumUnsignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (int) (a >>> i) & 0xff;
      int y = (int) (b >>> i) & 0xff;
      r |= (Math.min(x, y) & 0xffL) << i;
    }
    return r;
  }

  public static long maximumUnsignedBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (int) (a >>> i) & 0xff;
      int y = (int) (b >>> i) & 0xff;
      r |= (Math.max(x, y) & 0xffL) << i;
    }
    return r;
  }

  /** PSIGN: {@code a} negated, zeroed or kept by the sign of {@code b}. */
  public static long signBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int x = (byte) (a >>> i);
      int y = (byte) (b >>> i);
      r |= ((y < 0 ? -x : y == 0 ? 0 : x) & 0xffL) << i;
    }
    return r;
  }

  public static long greaterWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= ((x > y ? -1 : 0) & 0xffffL) << i;
    }
    return r;
  }

  public static long minimumSignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (Math.min(x, y) & 0xffffL) << i;
    }
    return r;
  }

  public static long maximumSignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (Math.max(x, y) & 0xffffL) << i;
    }
    return r;
  }

  public static long minimumUnsignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (Math.min(x, y) & 0xffffL) << i;
    }
    return r;
  }

  public static long maximumUnsignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (Math.max(x, y) & 0xffffL) << i;
    }
    return r;
  }

  /** PSIGN: {@code a} negated, zeroed or kept by the sign of {@code b}. */
  public static long signWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= ((y < 0 ? -x : y == 0 ? 0 : x) & 0xffffL) << i;
    }
    return r;
  }

  public static long greaterDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = (int) (a >>> i);
      long y = (int) (b >>> i);
      r |= ((x > y ? -1 : 0) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long minimumSignedDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = (int) (a >>> i);
      long y = (int) (b >>> i);
      r |= (Math.min(x, y) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long maximumSignedDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = (int) (a >>> i);
      long y = (int) (b >>> i);
      r |= (Math.max(x, y) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long minimumUnsignedDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = a >>> i & LOW_DOUBLE;
      long y = b >>> i & LOW_DOUBLE;
      r |= (Math.min(x, y) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long maximumUnsignedDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = a >>> i & LOW_DOUBLE;
      long y = b >>> i & LOW_DOUBLE;
      r |= (Math.max(x, y) & LOW_DOUBLE) << i;
    }
    return r;
  }

  /** PSIGN: {@code a} negated, zeroed or kept by the sign of {@code b}. */
  public static long signDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = (int) (a >>> i);
      long y = (int) (b >>> i);
      r |= ((y < 0 ? -x : y == 0 ? 0 : x) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long multiplyLowWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (x * y & 0xffffL) << i;
    }
    return r;
  }

  public static long multiplyHighWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (((x * y) >> 16) & 0xffffL) << i;
    }
    return r;
  }

  public static long multiplyHighUnsignedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (int) (a >>> i) & 0xffff;
      int y = (int) (b >>> i) & 0xffff;
      r |= (((x * y) >>> 16) & 0xffffL) << i;
    }
    return r;
  }

  /** PMULHRSW: the product as a fraction, rounded. */
  public static long multiplyRoundedWords(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int x = (short) (a >>> i);
      int y = (short) (b >>> i);
      r |= (((((x * y) >> 14) + 1) >> 1) & 0xffffL) << i;
    }
    return r;
  }

  public static long multiplyLowDoubles(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      long x = (int) (a >>> i);
      long y = (int) (b >>> i);
      r |= (x * y & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long absoluteBytes(long a) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      r |= (Math.abs((byte) (a >>> i)) & 0xffL) << i;
    }
    return r;
  }

  public static long absoluteWords(long a) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      r |= (Math.abs((short) (a >>> i)) & 0xffffL) << i;
    }
    return r;
  }

  public static long absoluteDoubles(long a) {
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      r |= (Math.abs((int) (a >>> i)) & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long shiftLeftWords(long a, long count) {
    if (Long.compareUnsigned(count, 15) > 0) {
      return 0;
    }
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      r |= ((a >>> i & 0xffffL) << count & 0xffffL) << i;
    }
    return r;
  }

  public static long shiftRightWords(long a, long count) {
    if (Long.compareUnsigned(count, 15) > 0) {
      return 0;
    }
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      r |= (a >>> i & 0xffffL) >>> count << i;
    }
    return r;
  }

  public static long shiftRightSignedWords(long a, long count) {
    int by = Long.compareUnsigned(count, 15) > 0 ? 15 : (int) count;
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      r |= ((short) (a >>> i) >> by & 0xffffL) << i;
    }
    return r;
  }

  public static long shiftLeftDoubles(long a, long count) {
    if (Long.compareUnsigned(count, 31) > 0) {
      return 0;
    }
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      r |= ((a >>> i & LOW_DOUBLE) << count & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long shiftRightDoubles(long a, long count) {
    if (Long.compareUnsigned(count, 31) > 0) {
      return 0;
    }
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      r |= (a >>> i & LOW_DOUBLE) >>> count << i;
    }
    return r;
  }

  public static long shiftRightSignedDoubles(long a, long count) {
    int by = Long.compareUnsigned(count, 31) > 0 ? 31 : (int) count;
    long r = 0;
    for (int i = 0; i < 64; i += 32) {
      r |= ((int) (a >>> i) >> by & LOW_DOUBLE) << i;
    }
    return r;
  }

  public static long shiftLeft(long a, long count) {
    return Long.compareUnsigned(count, 63) > 0 ? 0 : a << count;
  }

  public static long shiftRight(long a, long count) {
    return Long.compareUnsigned(count, 63) > 0 ? 0 : a >>> count;
  }

  /** PMADDWD: products of words, added in pairs. */
  public static long multiplyAddWords(long a, long b) {
    int low = (short) a * (short) b + (short) (a >>> 16) * (short) (b >>> 16);
    int high = (short) (a >>> 32) * (short) (b >>> 32) + (short) (a >>> 48) * (short) (b >>> 48);
    return doubles(low, high);
  }

  /**
   * PMADDUBSW: unsigned bytes of {@code a} times signed bytes of {@code b}, added in pairs and
   * saturated.
   */
  public static long multiplyAddBytes(long a, long b) {
    long r = 0;
    for (int i = 0; i < 64; i += 16) {
      int sum =
          ((int) (a >>> i) & 0xff) * (byte) (b >>> i)
              + ((int) (a >>> (i + 8)) & 0xff) * (byte) (b >>> (i + 8));
      r |= (saturateWord(sum) & 0xffffL) << i;
    }
    return r;
  }

  /** PSADBW: the sum of eight absolute differences. */
  public static long sumOfDifferences(long a, long b) {
    int sum = 0;
    for (int i = 0; i < 64; i += 8) {
      sum += Math.abs(((int) (a >>> i) & 0xff) - ((int) (b >>> i) & 0xff));
    }
    return sum;
  }

  /** Bytes of the low halves of {@code a} and {@code b}, alternating. */
  public static long interleaveBytes(long a, long b) {
    return spreadBytes(a) | spreadBytes(b) << 8;
  }

  public static long interleaveWords(long a, long b) {
    return spreadWords(a) | spreadWords(b) << 16;
  }

  public static long interleaveDoubles(long a, long b) {
    return (a & LOW_DOUBLE) | b << 32;
  }

  private static long spreadBytes(long x) {
    long v = x & LOW_DOUBLE;
    v = (v | v << 16) & 0x0000_ffff_0000_ffffL;
    return (v | v << 8) & 0x00ff_00ff_00ff_00ffL;
  }

  private static long spreadWords(long x) {
    long v = x & LOW_DOUBLE;
    return (v | v << 16) & 0x0000_ffff_0000_ffffL;
  }

  /** Four words narrowed to signed bytes, in the low half. */
  public static long packSignedWords(long a) {
    long r = 0;
    for (int i = 0; i < 4; i++) {
      r |= (saturateByte((short) (a >>> (16 * i))) & 0xffL) << (8 * i);
    }
    return r;
  }

  public static long packUnsignedWords(long a) {
    long r = 0;
    for (int i = 0; i < 4; i++) {
      r |= (long) saturateUnsignedByte((short) (a >>> (16 * i))) << (8 * i);
    }
    return r;
  }

  public static long packSignedDoubles(long a) {
    return (saturateWord((int) a) & 0xffffL) | (saturateWord((int) (a >>> 32)) & 0xffffL) << 16;
  }

  public static long packUnsignedDoubles(long a) {
    return saturateUnsignedWord((int) a) | (long) saturateUnsignedWord((int) (a >>> 32)) << 16;
  }

  /** Sums of adjacent words, in the low half. */
  public static long horizontalAddWords(long a) {
    return ((a + (a >>> 16)) & 0xffff) | ((((a >>> 32) + (a >>> 48)) << 16) & 0xffff_0000L);
  }

  public static long horizontalSubtractWords(long a) {
    return ((a - (a >>> 16)) & 0xffff) | ((((a >>> 32) - (a >>> 48)) << 16) & 0xffff_0000L);
  }

  public static long horizontalAddSaturated(long a) {
    return (saturateWord((short) a + (short) (a >>> 16)) & 0xffffL)
        | (saturateWord((short) (a >>> 32) + (short) (a >>> 48)) & 0xffffL) << 16;
  }

  public static long horizontalSubtractSaturated(long a) {
    return (saturateWord((short) a - (short) (a >>> 16)) & 0xffffL)
        | (saturateWord((short) (a >>> 32) - (short) (a >>> 48)) & 0xffffL) << 16;
  }

  /** Four words of {@code a}, selected by four two-bit fields of {@code order}. */
  public static long shuffleWords(long a, int order) {
    long r = 0;
    for (int i = 0; i < 4; i++) {
      r |= (a >>> (16 * (order >> (2 * i) & 3)) & 0xffff) << (16 * i);
    }
    return r;
  }
}
