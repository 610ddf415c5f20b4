package org.redoubt.crypto;

import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Optional;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.IvParameterSpec;

/** The primitives that everything here is made of, by the JDK's own providers. Thread-safe. */
public final class Primitives {
  /** Bytes of an HMAC-SHA256 or SHA-256 value. */
  public static final int SHA256_BYTES = 32;

  private Primitives() {}

  /** SHA-256 of the parts, one after the other. */
  public static byte[] sha256(byte[]... parts) {
    return digest("SHA-256", parts);
  }

  /** SHA-256 of nothing so far. */
  public static MessageDigest runningSha256() {
    return running("SHA-256");
  }

  /** A digest that goes on from where {@code running} is, by itself. */
  public static MessageDigest copy(MessageDigest running) {
    try {
      return (MessageDigest) running.clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError("Bug: the JDK's digests can be cloned", e);
    }
  }

  /** The digest with the JDK's name {@code algorithm} of the parts, one after the other. */
  public static byte[] digest(String algorithm, byte[]... parts) {
    MessageDigest d = running(algorithm);
    for (byte[] p : parts) {
      d.update(p);
    }
    return d.digest();
  }

  private static MessageDigest running(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has " + algorithm, e);
    }
  }

  /** HMAC-SHA256 (RFC 2104) under {@code key} of the parts, one after the other. */
  public static byte[] hmacSha256(SecretBytes key, byte[]... parts) {
    try (ClearedKey k = new ClearedKey(key, "HmacSHA256")) {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(k);
      for (byte[] p : parts) {
        mac.update(p);
      }
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has HmacSHA256", e);
    }
  }

  /**
   * AES in counter mode (SP 800-38A), which both encrypts and decrypts.
   *
   * @param key 16 or 32 bytes
   * @param iv the first counter block, 16 bytes, big-endian increment
   */
  public static byte[] aesCtr(SecretBytes key, byte[] iv, byte[] data) {
    try (ClearedKey k = new ClearedKey(key, "AES")) {
      Cipher c = Cipher.getInstance("AES/CTR/NoPadding");
      c.init(Cipher.ENCRYPT_MODE, k, new IvParameterSpec(iv));
      return c.doFinal(data);
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("AES-CTR with a key of " + key.size() + " bytes", e);
    }
  }

  /** Wraps a key of 16 bytes under another (RFC 3394): 24 bytes. */
  static byte[] wrap(SecretBytes kek, SecretBytes key) {
    try (ClearedKey k = new ClearedKey(kek, "AES");
        ClearedKey inner = new ClearedKey(key, "AES")) {
      Cipher c = Cipher.getInstance("AESWrap");
      c.init(Cipher.WRAP_MODE, k);
      return c.wrap(inner);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has AESWrap", e);
    }
  }

  /** Undoes {@link #wrap}; empty: it was not wrapped under this key. */
  static Optional<SecretBytes> unwrap(SecretBytes kek, byte[] wrapped) {
    try (ClearedKey k = new ClearedKey(kek, "AES")) {
      Cipher c = Cipher.getInstance("AESWrap");
      c.init(Cipher.UNWRAP_MODE, k);
      return Optional.of(
          SecretBytes.takeOver(c.unwrap(wrapped, "AES", Cipher.SECRET_KEY).getEncoded()));
    } catch (InvalidKeyException e) {
      return Optional.empty();
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK has AESWrap", e);
    }
  }

  /** A JCE key whose own copy of the secret goes when it is closed. */
  static final class ClearedKey implements SecretKey, AutoCloseable {
    private static final long serialVersionUID = 1L;
    private final transient byte[] raw;
    private final String algorithm;

    ClearedKey(SecretBytes key, String algorithm) {
      this.raw = key.copy();
      this.algorithm = algorithm;
    }

    @Override
    public String getAlgorithm() {
      return algorithm;
    }

    @Override
    public String getFormat() {
      return "RAW";
    }

    @Override
    public byte[] getEncoded() {
      return raw.clone();
    }

    @Override
    public void close() {
      Arrays.fill(raw, (byte) 0);
    }
  }
}
