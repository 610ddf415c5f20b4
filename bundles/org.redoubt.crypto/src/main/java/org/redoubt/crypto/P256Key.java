package org.redoubt.crypto;

import java.math.BigInteger;
import java.util.Arrays;
import java.util.Optional;
import org.bouncycastle.asn1.x9.X9ECParameters;
import org.bouncycastle.crypto.agreement.ECDHBasicAgreement;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.ec.CustomNamedCurves;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.signers.ECDSASigner;
import org.bouncycastle.crypto.signers.HMacDSAKCalculator;
import org.bouncycastle.math.ec.ECPoint;
import org.bouncycastle.math.ec.FixedPointCombMultiplier;

/**
 * A private key on P-256, the curve that fits the 32-byte numbers of the first posting for Linux,
 * for ECDH and for ECDSA with SHA-256. Points and signatures are 64 bytes: QX and QY, or R and S,
 * each little-endian. Whoever makes one closes it. Thread-safe.
 */
public final class P256Key implements AutoCloseable {
  /** Bytes of a point, and of a signature. */
  public static final int POINT_BYTES = 64;

  private static final int NUMBER_BYTES = 32;
  static final ECDomainParameters DOMAIN = domain();

  private final SecretBytes scalar;

  private P256Key(BigInteger d) {
    this.scalar = SecretBytes.takeOver(P384PublicKey.toLittleEndian(d, NUMBER_BYTES));
  }

  private static ECDomainParameters domain() {
    X9ECParameters p = CustomNamedCurves.getByName("P-256");
    return new ECDomainParameters(p.getCurve(), p.getG(), p.getN(), p.getH());
  }

  /** The key that a secret and a label stand for: the same every time. FIPS 186-5, A.2.1. */
  public static P256Key fromSeed(SecretBytes seed, String label) {
    try (SecretBytes wide = Kdf.derive(seed, label, new byte[0], NUMBER_BYTES + 8)) {
      byte[] raw = wide.copy();
      BigInteger order = DOMAIN.getN();
      BigInteger d = new BigInteger(1, raw).mod(order.subtract(BigInteger.ONE)).add(BigInteger.ONE);
      Arrays.fill(raw, (byte) 0);
      return new P256Key(d);
    }
  }

  private ECPrivateKeyParameters parameters() {
    byte[] raw = scalar.copy();
    BigInteger d = P384PublicKey.fromLittleEndian(raw);
    Arrays.fill(raw, (byte) 0);
    return new ECPrivateKeyParameters(d, DOMAIN);
  }

  /** The public point. */
  public byte[] point() {
    ECPoint q =
        new FixedPointCombMultiplier().multiply(DOMAIN.getG(), parameters().getD()).normalize();
    return pair(q.getAffineXCoord().toBigInteger(), q.getAffineYCoord().toBigInteger());
  }

  /** ECDH: the x coordinate of the common point, big-endian; empty: there is no such point. */
  public Optional<SecretBytes> agree(byte[] point) {
    return decode(point)
        .map(other -> {
          ECDHBasicAgreement ecdh = new ECDHBasicAgreement();
          ecdh.init(parameters());
          BigInteger x = ecdh.calculateAgreement(new ECPublicKeyParameters(other, DOMAIN));
          byte[] little = P384PublicKey.toLittleEndian(x, NUMBER_BYTES);
          byte[] big = P384PublicKey.reversed(little);
          Arrays.fill(little, (byte) 0);
          return SecretBytes.takeOver(big);
        });
  }

  /** Signs, with the nonce of RFC 6979. */
  public byte[] sign(byte[] message) {
    ECDSASigner signer = new ECDSASigner(new HMacDSAKCalculator(new SHA256Digest()));
    signer.init(true, parameters());
    BigInteger[] rs = signer.generateSignature(Primitives.sha256(message));
    return pair(rs[0], rs[1]);
  }

  /** Whether a point is on the curve. */
  public static boolean isPoint(byte[] point) {
    return decode(point).isPresent();
  }

  /** Whether the key with this point signed the message. */
  public static boolean verifies(byte[] point, byte[] message, byte[] signature) {
    Optional<ECPoint> q = decode(point);
    if (q.isEmpty() || signature.length != POINT_BYTES) {
      return false;
    }
    ECDSASigner verifier = new ECDSASigner();
    verifier.init(false, new ECPublicKeyParameters(q.get(), DOMAIN));
    return verifier.verifySignature(
        Primitives.sha256(message), number(signature, 0), number(signature, NUMBER_BYTES));
  }

  static Optional<ECPoint> decode(byte[] point) {
    if (point.length != POINT_BYTES) {
      return Optional.empty();
    }
    BigInteger x = number(point, 0);
    BigInteger y = number(point, NUMBER_BYTES);
    BigInteger p = DOMAIN.getCurve().getField().getCharacteristic();
    if (x.compareTo(p) >= 0 || y.compareTo(p) >= 0) {
      return Optional.empty();
    }
    ECPoint q = DOMAIN.getCurve().createPoint(x, y);
    return q.isInfinity() || !q.isValid() ? Optional.empty() : Optional.of(q);
  }

  static BigInteger number(byte[] pair, int at) {
    return P384PublicKey.fromLittleEndian(Arrays.copyOfRange(pair, at, at + NUMBER_BYTES));
  }

  static byte[] pair(BigInteger a, BigInteger b) {
    byte[] out = Arrays.copyOf(P384PublicKey.toLittleEndian(a, NUMBER_BYTES), POINT_BYTES);
    System.arraycopy(
        P384PublicKey.toLittleEndian(b, NUMBER_BYTES), 0, out, NUMBER_BYTES, NUMBER_BYTES);
    return out;
  }

  /** Clears the scalar. */
  @Override
  public void close() {
    scalar.close();
  }
}
