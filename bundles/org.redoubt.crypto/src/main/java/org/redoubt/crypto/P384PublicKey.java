package org.redoubt.crypto;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Optional;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.signers.ECDSASigner;
import org.bouncycastle.math.ec.ECPoint;
import org.redoubt.spec.sev.cert.SevCertificate;

/** A point on P-384 (FIPS 186-4): always on the curve and not at infinity. Immutable. */
public final class P384PublicKey {
  private final ECPoint point;

  P384PublicKey(ECPoint point) {
    this.point = point.normalize();
  }

  /**
   * The point with these coordinates.
   *
   * @param qx little-endian, any length
   * @param qy little-endian, any length
   * @return empty if there is no such point
   */
  public static Optional<P384PublicKey> of(byte[] qx, byte[] qy) {
    BigInteger x = fromLittleEndian(qx);
    BigInteger y = fromLittleEndian(qy);
    BigInteger p = P384.DOMAIN.getCurve().getField().getCharacteristic();
    if (x.compareTo(p) >= 0 || y.compareTo(p) >= 0) {
      return Optional.empty();
    }
    ECPoint candidate = P384.DOMAIN.getCurve().createPoint(x, y);
    // The curve's cofactor is 1: a point on it, other than infinity, has the right order.
    return candidate.isInfinity() || !candidate.isValid()
        ? Optional.empty()
        : Optional.of(new P384PublicKey(candidate));
  }

  /** The coordinate as a certificate stores it: 72 bytes, little-endian. */
  public byte[] qx() {
    return toLittleEndian(point.getAffineXCoord().toBigInteger(), SevCertificate.COMPONENT_BYTES);
  }

  /** The coordinate as a certificate stores it: 72 bytes, little-endian. */
  public byte[] qy() {
    return toLittleEndian(point.getAffineYCoord().toBigInteger(), SevCertificate.COMPONENT_BYTES);
  }

  /**
   * Checks an ECDSA signature.
   *
   * @param digest of the message
   * @param r little-endian, any length
   * @param s little-endian, any length
   */
  public boolean verify(byte[] digest, byte[] r, byte[] s) {
    ECDSASigner verifier = new ECDSASigner();
    verifier.init(false, new ECPublicKeyParameters(point, P384.DOMAIN));
    return verifier.verifySignature(digest, fromLittleEndian(r), fromLittleEndian(s));
  }

  ECPoint point() {
    return point;
  }

  static BigInteger fromLittleEndian(byte[] bytes) {
    return new BigInteger(1, reversed(bytes));
  }

  static byte[] toLittleEndian(BigInteger value, int bytes) {
    byte[] big = value.toByteArray();
    byte[] out = new byte[bytes];
    for (int i = 0; i < big.length; i++) {
      byte b = big[big.length - 1 - i];
      if (i < bytes) {
        out[i] = b;
      } else if (b != 0) {
        throw new IllegalArgumentException("Bug: integer longer than " + bytes + " bytes");
      }
    }
    return out;
  }

  static byte[] reversed(byte[] bytes) {
    byte[] out = new byte[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      out[i] = bytes[bytes.length - 1 - i];
    }
    return out;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof P384PublicKey that && point.equals(that.point);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(qx());
  }
}
