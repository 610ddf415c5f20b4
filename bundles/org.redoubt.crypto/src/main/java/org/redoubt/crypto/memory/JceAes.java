package org.redoubt.crypto.memory;

import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;

/**
 * AES by the JDK's own provider, which uses the processor's AES instructions.
 *
 * <p>Clearing initialises both ciphers anew with a key of zeros: the provider then overwrites its
 * copy of the old key and both old schedules.
 */
public final class JceAes implements EcbCipher {
  private final Cipher encrypt;
  private final Cipher decrypt;
  private final int keyBytes;

  /**
   * Expands a key.
   *
   * @param key 16, 24 or 32 bytes; read only, and not kept
   */
  public JceAes(byte[] key) {
    try {
      encrypt = Cipher.getInstance("AES/ECB/NoPadding");
      decrypt = Cipher.getInstance("AES/ECB/NoPadding");
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("This JDK has no AES", e);
    }
    keyBytes = key.length;
    init(key);
  }

  private void init(byte[] key) {
    PassingKey passing = new PassingKey(key);
    try {
      encrypt.init(Cipher.ENCRYPT_MODE, passing);
      decrypt.init(Cipher.DECRYPT_MODE, passing);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("AES takes no key of " + key.length + " bytes", e);
    }
  }

  // update, not doFinal: with whole blocks and no padding it leaves nothing behind in the cipher,
  // and it does not allocate.

  @Override
  public void encrypt(byte[] in, int bytes, byte[] out) {
    run(encrypt, in, bytes, out);
  }

  @Override
  public void decrypt(byte[] in, int bytes, byte[] out) {
    run(decrypt, in, bytes, out);
  }

  private static void run(Cipher cipher, byte[] in, int bytes, byte[] out) {
    try {
      cipher.update(in, 0, bytes, out, 0);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("AES refused whole blocks (a bug)", e);
    }
  }

  @Override
  public void clear() {
    init(new byte[keyBytes]);
  }

  /** Hands a key to the provider, which clears the copy it is given. Never leaves this class. */
  private static final class PassingKey implements SecretKey {
    private static final long serialVersionUID = 1L;

    private final transient byte[] key;

    PassingKey(byte[] key) {
      this.key = key;
    }

    @Override
    public String getAlgorithm() {
      return "AES";
    }

    @Override
    public String getFormat() {
      return "RAW";
    }

    @Override
    public byte[] getEncoded() {
      return Arrays.copyOf(key, key.length);
    }
  }
}
