package org.redoubt.x86.exec.silicon;

/**
 * Operand values in which mistakes show: a mix of random bits, small numbers and the edges of every
 * format.
 */
final class Values {
  private static final long[] EDGES = {
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    63,
    64,
    -1,
    -2,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    0x1_0000_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    0x0f0f_0f0f_0f0f_0f0fL,
    0x8080_8080_8080_8080L,
    0x7f7f_7f7f_7f7f_7f7fL,
    0x8000_8000_8000_8000L,
    0x7fff_7fff_7fff_7fffL,
    0x0102_0304_0506_0708L
  };
  private static final int[] SINGLE_EDGES = {
    0, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_1234,
        0x7f80_0001, 0xffa0_0000,
    1, 0x8000_0001, 0x7f_ffff, 0x80_0000, 0x80_0001, 0x7f7f_ffff, 0x4f00_0000, 0xcf00_0000,
        0x4eff_ffff, 0x5f00_0000,
    0xdf00_0000, 0x3f00_0000, 0x4b00_0000, 0x4b7f_ffff, 0x3400_0000, 0x3380_0000
  };
  private static final long[] DOUBLE_EDGES = {
    0,
    1L << 63,
    0x3ffL << 52,
    0xbffL << 52,
    0x7ffL << 52,
    0xfffL << 52,
    0x7ff8L << 48,
    0xfff8_0000_0000_1234L,
    0x7ff0_0000_0000_0001L,
    0xfff4L << 48,
    1,
    1L << 63 | 1,
    0xf_ffff_ffff_ffffL,
    1L << 52,
    1L << 52 | 1,
    0x7fef_ffff_ffff_ffffL,
    0x41e0L << 48,
    0xc1e0L << 48,
    0x41df_ffff_ffc0_0000L,
    0x43e0L << 48,
    0xc3e0L << 48,
    0x43df_ffff_ffff_ffffL,
    0x3fe0L << 48,
    0x47efL << 48,
    0x47ef_ffff_e000_0000L,
    0x47ef_ffff_f000_0000L,
    0x380fL << 48,
    0x3690L << 48,
    0x36a0L << 48
  };

  private long state;

  Values(long seed) {
    state = seed;
  }

  /** SplitMix64. */
  long next() {
    state += 0x9e37_79b9_7f4a_7c15L;
    long z = state;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }

  /** From 0 to {@code bound - 1}. */
  int below(int bound) {
    return (int) (((next() >>> 32) * bound) >>> 32);
  }

  boolean oneIn(int n) {
    return below(n) == 0;
  }

  long integer() {
    return switch (below(8)) {
      case 0, 1 -> EDGES[below(EDGES.length)];
      case 2 -> EDGES[below(EDGES.length)] ^ EDGES[below(EDGES.length)] << 32;
      case 3 -> (byte) next();
      case 4 -> next() >> below(64);
      default -> next();
    };
  }

  int single() {
    int bits = (int) next();
    return switch (below(8)) {
      case 0 -> SINGLE_EDGES[below(SINGLE_EDGES.length)];
      case 1 -> bits;
      case 2 -> Float.floatToRawIntBits((float) ((int) next() >> below(32)));
      case 3 -> (bits & 0x807f_ffff) | (127 + below(5) - 2) << 23;
      case 4 -> (bits & 0x807f_ffff) | below(24) << 23;
      case 5 -> (bits & 0x8000_0000) | (127 + below(64) - 32) << 23 | (bits & 7) << 20;
      default -> (bits & 0x807f_ffff) | (127 + below(40) - 20) << 23;
    };
  }

  long number() {
    long bits = next();
    return switch (below(8)) {
      case 0 -> DOUBLE_EDGES[below(DOUBLE_EDGES.length)];
      case 1 -> bits;
      case 2 -> Double.doubleToRawLongBits((double) (next() >> below(64)));
      case 3 -> (bits & 0x800f_ffff_ffff_ffffL) | (1023L + below(5) - 2) << 52;
      case 4 -> (bits & 0x800f_ffff_ffff_ffffL) | (long) below(60) << 52;
      case 5 -> (bits & 1L << 63) | (1023L + below(128) - 64) << 52 | (bits & 7) << 49;
      case 6 -> Double.doubleToRawLongBits(Float.intBitsToFloat(single()));
      default -> (bits & 0x800f_ffff_ffff_ffffL) | (1023L + below(80) - 40) << 52;
    };
  }

  /** Sign and exponent of an 80-bit number whose significand is {@code significand}. */
  int signExponent() {
    int sign = oneIn(2) ? 0x8000 : 0;
    return sign
        | switch (below(12)) {
          case 0 -> 0;
          case 1 -> 0x7fff;
          case 2 -> below(0x8000);
          case 3 -> 1 + below(70);
          case 4 -> 0x7ffe - below(4);
          case 5 -> 16383 - 126 - 30 + below(40);
          case 6 -> 16383 + 60 + below(70);
          default -> 16383 - 10 + below(40);
        };
  }

  long significand(int signExponent) {
    long bits = next();
    int exponent = signExponent & 0x7fff;
    if (exponent == 0x7fff) {
      return switch (below(4)) {
        case 0 -> 1L << 63;
        case 1 -> bits | 3L << 62;
        case 2 -> (bits & ~(1L << 62)) | 1L << 63 | 1;
        default -> oneIn(4) ? bits : 3L << 62;
      };
    }
    if (exponent == 0) {
      return oneIn(2) ? 0 : bits;
    }
    return switch (below(12)) {
      case 0 -> 1L << 63;
      case 1 -> -1;
      case 2 -> bits;
      case 3 -> bits >>> 40 << 40 | 1L << 63;
      case 4 -> bits >>> 11 << 11 | 1L << 63;
      case 5 -> 1L << 63 | 1L << below(63);
      default -> bits | 1L << 63;
    };
  }
}
