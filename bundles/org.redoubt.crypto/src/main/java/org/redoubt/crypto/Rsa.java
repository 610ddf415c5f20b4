package org.redoubt.crypto;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.RSAKeyGenParameterSpec;
import java.security.spec.RSAPublicKeySpec;

/**
 * RSA-PSS as ARK and ASK use it: SHA-256 with 2048 bits, SHA-384 with 4096, MGF1 with the same
 * digest, salt as long as the digest. Numbers are little-endian outside of this class. Source:
 * virtee/sev {@code certs/sev}; AMD-made certificates of a Rome platform.
 */
final class Rsa {
  private Rsa() {}

  static KeyPair generate(int bits, SecureRandom random) {
    try {
      KeyPairGenerator g = KeyPairGenerator.getInstance("RSA");
      g.initialize(new RSAKeyGenParameterSpec(bits, RSAKeyGenParameterSpec.F4), random);
      return g.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new AssertionError("Bug: every JDK makes RSA keys of " + bits + " bits", e);
    }
  }

  static byte[] sign(PrivateKey key, int bits, byte[] message) {
    try {
      Signature s = pss(bits);
      s.initSign(key);
      s.update(message);
      return P384PublicKey.reversed(s.sign());
    } catch (GeneralSecurityException e) {
      throw new IllegalArgumentException("Key does not sign with " + bits + " bits", e);
    }
  }

  static boolean verify(
      byte[] modulus, byte[] exponent, int bits, byte[] message, byte[] signature) {
    try {
      PublicKey key =
          KeyFactory.getInstance("RSA")
              .generatePublic(
                  new RSAPublicKeySpec(
                      P384PublicKey.fromLittleEndian(modulus),
                      P384PublicKey.fromLittleEndian(exponent)));
      Signature s = pss(bits);
      s.initVerify(key);
      s.update(message);
      return s.verify(P384PublicKey.reversed(signature));
    } catch (GeneralSecurityException e) {
      return false; // not a key, or not a signature
    }
  }

  /**
   * Whether a private key is the one of this public key, and whole: what PKCS #1 (RFC 8017, 3.2)
   * says of its numbers. A signature on trial would say the same, and costs as much as all else
   * that a cold process does with certificates.
   */
  static boolean belongsTo(PrivateKey key, byte[] modulus, byte[] exponent) {
    if (!(key instanceof RSAPrivateCrtKey k)) {
      return false;
    }
    BigInteger e = P384PublicKey.fromLittleEndian(exponent);
    BigInteger p = k.getPrimeP();
    BigInteger q = k.getPrimeQ();
    BigInteger p1 = p.subtract(BigInteger.ONE);
    BigInteger q1 = q.subtract(BigInteger.ONE);
    return k.getModulus().equals(P384PublicKey.fromLittleEndian(modulus))
        && k.getPublicExponent().equals(e)
        && p.multiply(q).equals(k.getModulus())
        && isInverse(e, k.getPrimeExponentP(), p1)
        && isInverse(e, k.getPrimeExponentQ(), q1)
        && isInverse(e, k.getPrivateExponent(), p1)
        && isInverse(e, k.getPrivateExponent(), q1)
        && isInverse(q, k.getCrtCoefficient(), p);
  }

  private static boolean isInverse(BigInteger a, BigInteger b, BigInteger modulus) {
    return modulus.compareTo(BigInteger.ONE) > 0
        && a.multiply(b).mod(modulus).equals(BigInteger.ONE);
  }

  static byte[] littleEndian(BigInteger value, int bytes) {
    return P384PublicKey.toLittleEndian(value, bytes);
  }

  private static Signature pss(int bits) throws GeneralSecurityException {
    String digest = bits == 2048 ? "SHA-256" : "SHA-384";
    Signature s = Signature.getInstance("RSASSA-PSS");
    s.setParameter(
        new PSSParameterSpec(
            digest,
            "MGF1",
            bits == 2048 ? MGF1ParameterSpec.SHA256 : MGF1ParameterSpec.SHA384,
            bits == 2048 ? 32 : 48,
            PSSParameterSpec.TRAILER_FIELD_BC));
    return s;
  }
}
