package org.redoubt.firmware.internal;

import java.math.BigInteger;
import java.security.MessageDigest;
import java.util.Arrays;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.struct.Layouts;

/**
 * A guest on its way between two platforms as the first posting for Linux has it: pieces of memory
 * under one key, and one measurement of all at the end. The posting names TEN, IV and MEASUREMENT
 * and says no more; ours: AES-128-CTR from IV xor TEN, where IV counts the blocks sent so far, and
 * HMAC-SHA256 under the TIK of the SHA-256 of every piece's IV, length and ciphertext.
 */
public final class RfcStream {
  private static final int IV_BYTES = 16;
  private static final BigInteger MODULUS = BigInteger.ONE.shiftLeft(8 * IV_BYTES);

  private final byte[] ten;
  private final MessageDigest sum = Primitives.runningSha256();
  private BigInteger next;

  /**
   * A stream of nothing so far.
   *
   * @param ten 16 bytes, fresh
   * @param iv of the first piece, 16 bytes
   */
  public RfcStream(byte[] ten, byte[] iv) {
    this.ten = ten.clone();
    this.next = new BigInteger(1, iv);
  }

  /** The IV of the next piece that is sent. */
  public byte[] iv() {
    byte[] big = next.toByteArray();
    byte[] out = new byte[IV_BYTES];
    int count = Math.min(big.length, IV_BYTES);
    System.arraycopy(big, big.length - count, out, IV_BYTES - count, count);
    return out;
  }

  /** Encrypts or decrypts a piece. */
  public byte[] crypt(SecretBytes tek, byte[] iv, byte[] piece) {
    byte[] start = iv.clone();
    for (int i = 0; i < IV_BYTES; i++) {
      start[i] ^= ten[i];
    }
    return Primitives.aesCtr(tek, start, piece);
  }

  /** Takes a piece into the measurement, and its blocks into the count. */
  public void passed(byte[] iv, byte[] ciphertext) {
    byte[] length = new byte[4];
    java.lang.foreign.MemorySegment.ofArray(length).set(Layouts.LE32, 0, ciphertext.length);
    sum.update(iv);
    sum.update(length);
    sum.update(ciphertext);
    next = next.add(BigInteger.valueOf(ciphertext.length / IV_BYTES)).mod(MODULUS);
  }

  /** The measurement of everything so far. */
  public byte[] measurement(SecretBytes tik) {
    return Primitives.hmacSha256(tik, Primitives.copy(sum).digest());
  }

  @Override
  public String toString() {
    return "RfcStream at " + Arrays.toString(iv());
  }
}
