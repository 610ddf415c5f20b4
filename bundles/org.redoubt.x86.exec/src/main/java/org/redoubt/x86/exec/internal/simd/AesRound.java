package org.redoubt.x86.exec.internal.simd;

/**
 * The steps of an AES round on a 128-bit state, least significant byte first as XMM registers hold
 * it. FIPS 197, 5.1 and 5.3.
 *
 * <p>Table look-ups: not constant-time, which is no secret of the guest's that this CPU model
 * keeps. Each answer is a half, named by {@code column} 0 (bytes 0 to 7) or 2 (bytes 8 to 15).
 */
public final class AesRound {
  private static final byte[] SBOX = new byte[256];
  private static final byte[] INVERSE_SBOX = new byte[256];

  /** MixColumns of one byte in row 0 after SubBytes; other rows by rotation. */
  private static final int[] ENCRYPT = new int[256];

  private static final int[] DECRYPT = new int[256];

  /** InvMixColumns of one byte in row 0, without a substitution. */
  private static final int[] UNMIX = new int[256];

  static {
    for (int i = 0; i < 256; i++) {
      int s = affine(inverse(i));
      SBOX[i] = (byte) s;
      INVERSE_SBOX[s] = (byte) i;
    }
    for (int i = 0; i < 256; i++) {
      int s = SBOX[i] & 0xff;
      ENCRYPT[i] = times(s, 2) | s << 8 | s << 16 | times(s, 3) << 24;
      UNMIX[i] = times(i, 14) | times(i, 9) << 8 | times(i, 13) << 16 | times(i, 11) << 24;
    }
    for (int i = 0; i < 256; i++) {
      DECRYPT[i] = UNMIX[INVERSE_SBOX[i] & 0xff];
    }
  }

  private AesRound() {}

  private static int times(int a, int b) {
    int r = 0;
    int x = a;
    for (int y = b; y != 0; y >>= 1) {
      r ^= (y & 1) != 0 ? x : 0;
      x = x << 1 ^ ((x & 0x80) != 0 ? 0x11b : 0);
    }
    return r;
  }

  private static int inverse(int a) {
    int r = 1;
    for (int i = 0; i < 254; i++) {
      r = times(r, a);
    }
    return a == 0 ? 0 : r;
  }

  private static int affine(int x) {
    int doubled = x << 8 | x;
    return (x ^ doubled >> 4 ^ doubled >> 5 ^ doubled >> 6 ^ doubled >> 7 ^ 0x63) & 0xff;
  }

  private static int at(long low, long high, int index) {
    return (int) ((index & 8) == 0 ? low >>> (8 * index) : high >>> (8 * index)) & 0xff;
  }

  /** ShiftRows, SubBytes, MixColumns: two columns from {@code column}. */
  public static long encrypt(long low, long high, int column) {
    return mix(ENCRYPT, low, high, column, 1);
  }

  /** InvShiftRows, InvSubBytes, InvMixColumns. */
  public static long decrypt(long low, long high, int column) {
    return mix(DECRYPT, low, high, column, -1);
  }

  private static long mix(int[] table, long low, long high, int column, int direction) {
    return Lanes.doubles(
        mixColumn(table, low, high, column, direction),
        mixColumn(table, low, high, column + 1, direction));
  }

  private static int mixColumn(int[] table, long low, long high, int column, int direction) {
    int r = 0;
    for (int row = 0; row < 4; row++) {
      int from = (column + direction * row & 3) * 4 + row;
      r ^= Integer.rotateLeft(table[at(low, high, from)], 8 * row);
    }
    return r;
  }

  /** ShiftRows and SubBytes alone, for the last round. */
  public static long encryptLast(long low, long high, int column) {
    return substitute(SBOX, low, high, column, 1);
  }

  public static long decryptLast(long low, long high, int column) {
    return substitute(INVERSE_SBOX, low, high, column, -1);
  }

  private static long substitute(byte[] box, long low, long high, int column, int direction) {
    long r = 0;
    for (int i = 0; i < 8; i++) {
      int row = i & 3;
      int from = (column + (i >> 2) + direction * row & 3) * 4 + row;
      r |= (box[at(low, high, from)] & 0xffL) << (8 * i);
    }
    return r;
  }

  /** InvMixColumns alone of two columns. */
  public static long unmix(long half) {
    return Lanes.doubles(unmixColumn((int) half), unmixColumn((int) (half >>> 32)));
  }

  private static int unmixColumn(int column) {
    int r = 0;
    for (int row = 0; row < 4; row++) {
      r ^= Integer.rotateLeft(UNMIX[column >>> (8 * row) & 0xff], 8 * row);
    }
    return r;
  }

  /** SubWord. FIPS 197, 5.2. */
  public static int substituteWord(int word) {
    int r = 0;
    for (int i = 0; i < 32; i += 8) {
      r |= (SBOX[word >>> i & 0xff] & 0xff) << i;
    }
    return r;
  }
}
