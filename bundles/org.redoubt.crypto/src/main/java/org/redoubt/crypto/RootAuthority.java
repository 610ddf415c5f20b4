package org.redoubt.crypto;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * Our own root: what the chip's maker and its key server are to real hardware. Its keys are named
 * {@code REDOUBT-DEV-ARK} and {@code REDOUBT-DEV-ASK} in ASCII where AMD's certificates carry
 * random ids, so that neither can be taken for AMD's; a verifier accepts it only when told to.
 * Immutable; thread-safe.
 */
public final class RootAuthority {
  private static final byte[] ARK_ID = id("REDOUBT-DEV-ARK");
  private static final byte[] ASK_ID = id("REDOUBT-DEV-ASK");

  private final CaCertificate ark;
  private final CaCertificate ask;
  private final PrivateKey askKey;

  private RootAuthority(CaCertificate ark, CaCertificate ask, PrivateKey askKey) {
    this.ark = ark;
    this.ask = ask;
    this.askKey = askKey;
  }

  private static byte[] id(String name) {
    return Arrays.copyOf(name.getBytes(StandardCharsets.US_ASCII), CaCertificate.KEY_ID_BYTES);
  }

  /**
   * A fresh root. The ARK's private key is forgotten at once: it signs one ASK and nothing else.
   *
   * @param bits 2048, as Naples has, or 4096, as Rome and later have (takes seconds)
   */
  public static RootAuthority generate(int bits, SecureRandom random) {
    if (bits != 2048 && bits != 4096) {
      throw new IllegalArgumentException(
          "RSA with " + bits + " bits: the CA format has 2048 and 4096");
    }
    KeyPair arkPair = Rsa.generate(bits, random);
    KeyPair askPair = Rsa.generate(bits, random);
    CaCertificate ark =
        sign(unsigned(arkPair, bits, ARK_ID, ARK_ID, Usage.ARK), arkPair.getPrivate());
    CaCertificate ask =
        sign(unsigned(askPair, bits, ASK_ID, ARK_ID, Usage.ASK), arkPair.getPrivate());
    return new RootAuthority(ark, ask, askPair.getPrivate());
  }

  /**
   * A root from what {@link #ark}, {@link #ask} and {@link #askKey} gave.
   *
   * @throws IllegalArgumentException if the parts are damaged or do not belong together
   */
  public static RootAuthority of(CaCertificate ark, CaCertificate ask, byte[] askKey) {
    ChainReport.checkArk(ark, ark)
        .or(() -> ChainReport.checkAsk(ask, ark))
        .ifPresent(f -> {
          throw new IllegalArgumentException("Root is damaged: " + f);
        });
    RootAuthority root = checkedBefore(ark, ask, askKey);
    if (!Rsa.belongsTo(root.askKey, ask.modulus(), ask.exponent())) {
      throw new IllegalArgumentException("Root is damaged: the ASK's private key is another one");
    }
    return root;
  }

  /**
   * As {@link #of}, for parts of which the caller knows that they are those that were found good
   * before.
   */
  public static RootAuthority checkedBefore(CaCertificate ark, CaCertificate ask, byte[] askKey) {
    try {
      return new RootAuthority(
          ark, ask, KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(askKey)));
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException(
          "Root is damaged: the ASK's private key is not a PKCS #8 RSA key", e);
    }
  }

  private static CaCertificate unsigned(
      KeyPair pair, int bits, byte[] id, byte[] certifier, Usage usage) {
    RSAPublicKey key = (RSAPublicKey) pair.getPublic();
    return CaCertificate.unsigned(
        bits,
        id,
        certifier,
        usage,
        Rsa.littleEndian(key.getPublicExponent(), bits / 8),
        Rsa.littleEndian(key.getModulus(), bits / 8));
  }

  private static CaCertificate sign(CaCertificate cert, PrivateKey key) {
    return cert.withSignature(Rsa.sign(key, cert.bits(), cert.body()));
  }

  /** The root certificate: what verifiers are told to trust. */
  public CaCertificate ark() {
    return ark;
  }

  /** The signing certificate. */
  public CaCertificate ask() {
    return ask;
  }

  /** The ASK's private key as PKCS #8, for storage; the caller clears it. */
  public byte[] askKey(SecretAccess access) {
    if (access != SecretAccess.INSTANCE) {
      throw new IllegalStateException("No access to secrets");
    }
    return askKey.getEncoded();
  }

  /** Signs a chip's CEK certificate with the ASK, into its first slot. */
  public SevCertificate certify(SevCertificate cek) {
    Algorithm algorithm = ask.bits() == 2048 ? Algorithm.RSA_SHA256 : Algorithm.RSA_SHA384;
    return cek.withSignature(0, Usage.ASK, algorithm, Rsa.sign(askKey, ask.bits(), cek.body()));
  }

  /**
   * Signs what is no certificate with the ASK: a firmware image.
   *
   * @param message must not be mistakable for a certificate: must not begin with its version, 1
   * @return little-endian, as long as the modulus
   */
  public byte[] sign(byte[] message) {
    return Rsa.sign(askKey, ask.bits(), message);
  }

  /** Whether {@code signature} is what {@link #sign} gave for this message. */
  public boolean verifies(byte[] message, byte[] signature) {
    return Rsa.verify(ask.modulus(), ask.exponent(), ask.bits(), message, signature);
  }
}
