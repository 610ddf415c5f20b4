package org.redoubt.x86.exec.internal.simd;

/** Multiplication of polynomials over GF(2), and division by the CRC-32C polynomial. */
public final class CarryLess {
  /** The CRC-32C polynomial 11EDC6F41h, reflected. */
  private static final int CRC32C = 0x82f6_3b78;

  private CarryLess() {}

  public static long multiplyLow(long a, long b) {
    long r = 0;
    for (long rest = a; rest != 0; rest &= rest - 1) {
      r ^= b << Long.numberOfTrailingZeros(rest);
    }
    return r;
  }

  public static long multiplyHigh(long a, long b) {
    long r = 0;
    for (long rest = a & ~1L; rest != 0; rest &= rest - 1) {
      r ^= b >>> -Long.numberOfTrailingZeros(rest);
    }
    return r;
  }

  /** CRC32: {@code crc} advanced by the {@code bits} low bits of {@code data}. */
  public static int crc32c(int crc, long data, int bits) {
    int r = crc;
    for (int i = 0; i < bits; i++) {
      int feedback = (r ^ (int) (data >>> i)) & 1;
      r = r >>> 1 ^ (-feedback & CRC32C);
    }
    return r;
  }
}
