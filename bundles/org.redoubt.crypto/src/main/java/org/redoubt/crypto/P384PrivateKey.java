package org.redoubt.crypto;

import java.math.BigInteger;
import java.security.SecureRandom;
import java.util.Arrays;
import org.bouncycastle.crypto.agreement.ECDHBasicAgreement;
import org.bouncycastle.crypto.digests.SHA384Digest;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.signers.ECDSASigner;
import org.bouncycastle.crypto.signers.HMacDSAKCalculator;
import org.bouncycastle.math.ec.FixedPointCombMultiplier;
import org.jspecify.annotations.Nullable;

/** A private key on P-384, for ECDH and ECDSA. Whoever makes one closes it. Thread-safe. */
public final class P384PrivateKey implements AutoCloseable {
  private final SecretBytes scalar;

  /** Made when it is first asked for: most keys that come out of storage are never asked. */
  private volatile @Nullable P384PublicKey publicKey;

  private P384PrivateKey(BigInteger d) {
    byte[] raw = P384PublicKey.toLittleEndian(d, P384.SCALAR_BYTES);
    this.scalar = SecretBytes.takeOver(raw);
  }

  /** A fresh key. */
  public static P384PrivateKey generate(SecureRandom random) {
    try (SecretBytes seed = SecretBytes.random(64, random)) {
      return fromSeed(seed, "p384-key");
    }
  }

  /**
   * The key that a secret and a label stand for: the same every time. 64 bits more than the order
   * are derived and reduced (FIPS 186-5, A.2.1), so that the result is not biased.
   */
  public static P384PrivateKey fromSeed(SecretBytes seed, String label) {
    try (SecretBytes wide = Kdf.derive(seed, label, new byte[0], P384.SCALAR_BYTES + 8)) {
      byte[] raw = wide.copy();
      BigInteger order = P384.DOMAIN.getN();
      BigInteger d = new BigInteger(1, raw).mod(order.subtract(BigInteger.ONE)).add(BigInteger.ONE);
      Arrays.fill(raw, (byte) 0);
      return new P384PrivateKey(d);
    }
  }

  /**
   * The key with this scalar.
   *
   * @param scalar little-endian, 48 bytes, from 1 to the order less 1
   */
  public static P384PrivateKey ofScalar(SecretBytes scalar) {
    byte[] raw = scalar.copy();
    BigInteger d = P384PublicKey.fromLittleEndian(raw);
    Arrays.fill(raw, (byte) 0);
    if (d.signum() == 0 || d.compareTo(P384.DOMAIN.getN()) >= 0) {
      throw new IllegalArgumentException("Not a scalar of P-384");
    }
    return new P384PrivateKey(d);
  }

  /** The public key. */
  public P384PublicKey publicKey() {
    P384PublicKey key = publicKey;
    if (key == null) {
      key =
          new P384PublicKey(
              new FixedPointCombMultiplier().multiply(P384.DOMAIN.getG(), parameters().getD()));
      publicKey = key;
    }
    return key;
  }

  /** The scalar, little-endian, 48 bytes; its owner is this key. */
  public SecretBytes scalar() {
    return scalar;
  }

  /**
   * ECDH: the x coordinate of the common point, big-endian, 48 bytes. Source: virtee/sev,
   * AMDESE/sev-tool (OpenSSL's form).
   */
  public SecretBytes agree(P384PublicKey other) {
    ECDHBasicAgreement ecdh = new ECDHBasicAgreement();
    ecdh.init(parameters());
    BigInteger x = ecdh.calculateAgreement(new ECPublicKeyParameters(other.point(), P384.DOMAIN));
    byte[] little = P384PublicKey.toLittleEndian(x, P384.SCALAR_BYTES);
    byte[] big = P384PublicKey.reversed(little);
    Arrays.fill(little, (byte) 0);
    return SecretBytes.takeOver(big);
  }

  /**
   * ECDSA with the nonce of RFC 6979, so that no random number can betray the key.
   *
   * @param digest of the message
   * @return R and S as a certificate stores them: 72 bytes each, little-endian
   */
  public byte[] sign(byte[] digest) {
    ECDSASigner signer = new ECDSASigner(new HMacDSAKCalculator(new SHA384Digest()));
    signer.init(true, parameters());
    BigInteger[] rs = signer.generateSignature(digest);
    byte[] out = Arrays.copyOf(P384PublicKey.toLittleEndian(rs[0], 72), 144);
    System.arraycopy(P384PublicKey.toLittleEndian(rs[1], 72), 0, out, 72, 72);
    return out;
  }

  private ECPrivateKeyParameters parameters() {
    byte[] raw = scalar.copy();
    BigInteger d = P384PublicKey.fromLittleEndian(raw);
    Arrays.fill(raw, (byte) 0);
    return new ECPrivateKeyParameters(d, P384.DOMAIN);
  }

  /** Clears the scalar. */
  @Override
  public void close() {
    scalar.close();
  }
}
