package org.redoubt.crypto;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.ShortBufferException;
import javax.crypto.spec.IvParameterSpec;

/**
 * One packet of guest memory between two platforms, piece by piece: AES-128-CTR under the TEK, and
 * HMAC-SHA256 under the TIK over kind, flags, IV, both lengths and the ciphertext. {@link #crypt}
 * and {@link #authenticate} may run on two threads, each on one.
 *
 * <p>Source: the form of LAUNCH_SECRET's packets in virtee/sev, whose MAC starts with 01h; the
 * other kinds: see {@code org.redoubt.firmware}.
 */
public final class PacketCipher {
  /** SEND_UPDATE_DATA and RECEIVE_UPDATE_DATA. */
  public static final int KIND_DATA = 2;

  /** SEND_UPDATE_VMSA and RECEIVE_UPDATE_VMSA. */
  public static final int KIND_VMSA = 3;

  /**
   * What the JDK's cipher gets at a time. It is the caller of its inner loop that must be compiled
   * before AES instructions are used, and the number of calls that gets it compiled: in steps of
   * 128 KiB, 640 MiB go through first, a byte at a time.
   */
  private static final int STEP_BYTES = 1 << 10;

  private final Cipher cipher;
  private final Mac mac;

  PacketCipher(SecretBytes tek, SecretBytes tik, int kind, int flags, byte[] iv, int length) {
    try (Primitives.ClearedKey encryption = new Primitives.ClearedKey(tek, "AES");
        Primitives.ClearedKey integrity = new Primitives.ClearedKey(tik, "HmacSHA256")) {
      cipher = Cipher.getInstance("AES/CTR/NoPadding");
      cipher.init(Cipher.ENCRYPT_MODE, encryption, new IvParameterSpec(iv));
      mac = Mac.getInstance("HmacSHA256");
      mac.init(integrity);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has AES-CTR and HMAC-SHA256", e);
    }
    mac.update((byte) kind);
    mac.update(Kdf.le32(flags));
    mac.update(iv);
    mac.update(Kdf.le32(length));
    mac.update(Kdf.le32(length));
  }

  /** Encrypts or decrypts the next bytes. */
  public void crypt(byte[] in, int inAt, int count, byte[] out, int outAt) {
    try {
      for (int done = 0; done < count; done += STEP_BYTES) {
        cipher.update(in, inAt + done, Math.min(STEP_BYTES, count - done), out, outAt + done);
      }
    } catch (ShortBufferException e) {
      throw new IllegalArgumentException("No room for " + count + " bytes", e);
    }
  }

  /** Takes the next bytes of ciphertext into the MAC. */
  public void authenticate(byte[] ciphertext, int at, int count) {
    mac.update(ciphertext, at, count);
  }

  /** The MAC of everything authenticated. */
  public byte[] mac() {
    return mac.doFinal();
  }

  /** Whether that is {@code expected}; constant time. */
  public boolean isAuthentic(byte[] expected) {
    byte[] is = mac();
    boolean same = ConstantTime.equal(is, expected);
    Arrays.fill(is, (byte) 0);
    return same;
  }
}
