package org.redoubt.crypto;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The key derivation of the SEV API: SP 800-108 in counter mode over HMAC-SHA256, counter and
 * length as 32-bit little-endian integers. Block <i>i</i> is HMAC(key, i || label || 00h || context
 * || output bits). Source: virtee/sev {@code session/key.rs}, AMDESE/sev-tool {@code crypto.cpp}.
 */
public final class Kdf {
  private Kdf() {}

  /**
   * Derives a secret.
   *
   * @param key the key to derive from
   * @param label what for, ASCII
   * @param context bound into the result; may be empty
   * @param bytes length of the result, positive
   */
  public static SecretBytes derive(SecretBytes key, String label, byte[] context, int bytes) {
    byte[] labelBytes = label.getBytes(StandardCharsets.US_ASCII);
    byte[] zero = {0};
    byte[] bits = le32(Math.multiplyExact(bytes, 8));
    byte[] out = new byte[bytes];
    for (int at = 0, i = 1; at < bytes; at += Primitives.SHA256_BYTES, i++) {
      byte[] block = Primitives.hmacSha256(key, le32(i), labelBytes, zero, context, bits);
      System.arraycopy(block, 0, out, at, Math.min(block.length, bytes - at));
      Arrays.fill(block, (byte) 0);
    }
    return SecretBytes.takeOver(out);
  }

  static byte[] le32(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }
}
