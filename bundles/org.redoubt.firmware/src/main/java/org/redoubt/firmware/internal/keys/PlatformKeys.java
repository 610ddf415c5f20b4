package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * The platform's own keys and their certificates: OCA (the platform owns itself: it holds the key
 * and signs itself), PEK (signed by OCA and CEK), PDH (signed by PEK). Immutable: a new PDH or PEK
 * is a new object, kept in the chip's state before it is used.
 */
public final class PlatformKeys implements AutoCloseable {
  private static final int SCALAR = 48;
  private static final int VERSION_1 = 1;
  private static final int STATE_BYTES = 1 + 3 * SCALAR + 3 * SevCertificate.BYTES;

  private final P384PrivateKey oca;
  private final P384PrivateKey pek;
  private final P384PrivateKey pdh;
  private final SevCertificate ocaCert;
  private final SevCertificate pekCert;
  private final SevCertificate pdhCert;

  private PlatformKeys(
      P384PrivateKey oca,
      P384PrivateKey pek,
      P384PrivateKey pdh,
      SevCertificate ocaCert,
      SevCertificate pekCert,
      SevCertificate pdhCert) {
    this.oca = oca;
    this.pek = pek;
    this.pdh = pdh;
    this.ocaCert = ocaCert;
    this.pekCert = pekCert;
    this.pdhCert = pdhCert;
  }

  /** The version that goes into certificates. */
  public record Api(int major, int minor) {}

  /** Fresh keys: OCA, PEK and PDH. */
  public static PlatformKeys generate(Chip chip, Api api, SecureRandom random) {
    P384PrivateKey oca = P384PrivateKey.generate(random);
    P384PrivateKey pek = P384PrivateKey.generate(random);
    SevCertificate ocaCert =
        Certificates.sign(unsigned(api, Usage.OCA, Algorithm.ECDSA_SHA256, oca), 0, Usage.OCA, oca);
    SevCertificate pekCert =
        Certificates.sign(
            Certificates.sign(
                unsigned(api, Usage.PEK, Algorithm.ECDSA_SHA256, pek), 0, Usage.OCA, oca),
            1,
            Usage.CEK,
            chip.cek());
    return withPdh(oca, pek, ocaCert, pekCert, api, random);
  }

  /** The same OCA and PEK with a fresh PDH; this object's keys are not shared with the new one. */
  public PlatformKeys withNewPdh(Api api, SecureRandom random) {
    return withPdh(
        P384PrivateKey.ofScalar(oca.scalar()),
        P384PrivateKey.ofScalar(pek.scalar()),
        ocaCert,
        pekCert,
        api,
        random);
  }

  private static PlatformKeys withPdh(
      P384PrivateKey oca,
      P384PrivateKey pek,
      SevCertificate ocaCert,
      SevCertificate pekCert,
      Api api,
      SecureRandom random) {
    P384PrivateKey pdh = P384PrivateKey.generate(random);
    SevCertificate pdhCert =
        Certificates.sign(unsigned(api, Usage.PDH, Algorithm.ECDH_SHA256, pdh), 0, Usage.PEK, pek);
    return new PlatformKeys(oca, pek, pdh, ocaCert, pekCert, pdhCert);
  }

  private static SevCertificate unsigned(
      Api api, Usage usage, Algorithm algorithm, P384PrivateKey key) {
    return SevCertificate.unsigned(
        api.major(), api.minor(), usage, algorithm, key.publicKey().qx(), key.publicKey().qy());
  }

  /**
   * The keys kept in the chip's state.
   *
   * @return empty if none are
   * @throws GeneralSecurityException if they are damaged
   */
  public static Optional<PlatformKeys> load(Chip chip)
      throws IOException, GeneralSecurityException {
    Optional<byte[]> state = chip.unseal();
    if (state.isEmpty()) {
      return Optional.empty();
    }
    byte[] raw = state.get();
    if (raw.length != STATE_BYTES || raw[0] != VERSION_1) {
      throw new GeneralSecurityException("Of another version");
    }
    try {
      return Optional.of(
          new PlatformKeys(
              scalar(raw, 0),
              scalar(raw, 1),
              scalar(raw, 2),
              certificate(raw, 0),
              certificate(raw, 1),
              certificate(raw, 2)));
    } finally {
      Arrays.fill(raw, (byte) 0);
    }
  }

  private static P384PrivateKey scalar(byte[] raw, int i) {
    int at = 1 + i * SCALAR;
    try (SecretBytes s = SecretBytes.takeOver(Arrays.copyOfRange(raw, at, at + SCALAR))) {
      return P384PrivateKey.ofScalar(s);
    }
  }

  private static SevCertificate certificate(byte[] raw, int i) {
    int at = 1 + 3 * SCALAR + i * SevCertificate.BYTES;
    return new SevCertificate(Arrays.copyOfRange(raw, at, at + SevCertificate.BYTES));
  }

  /** Keeps these keys in the chip's state. */
  public void store(Chip chip) throws IOException {
    byte[] raw = new byte[STATE_BYTES];
    raw[0] = VERSION_1;
    MemorySegment s = MemorySegment.ofArray(raw);
    P384PrivateKey[] keys = {oca, pek, pdh};
    SevCertificate[] certs = {ocaCert, pekCert, pdhCert};
    for (int i = 0; i < 3; i++) {
      keys[i]
          .scalar()
          .exposeTo(s.asSlice(1 + i * (long) SCALAR, SCALAR), InsecureSecretAccess.get());
      MemorySegment.copy(
          MemorySegment.ofArray(certs[i].toBytes()),
          ValueLayout.JAVA_BYTE,
          0,
          s,
          ValueLayout.JAVA_BYTE,
          1 + 3 * SCALAR + i * (long) SevCertificate.BYTES,
          SevCertificate.BYTES);
    }
    chip.seal(raw);
    Arrays.fill(raw, (byte) 0);
  }

  /** Forgets what the chip's state keeps. */
  public static void erase(Chip chip) throws IOException {
    chip.forgetSealed();
  }

  /** The Diffie-Hellman key; owned by this. */
  public P384PrivateKey pdh() {
    return pdh;
  }

  /** The certificates, with the chip's. */
  public PlatformChain chain(SevCertificate cek) {
    return new PlatformChain(pdhCert, pekCert, ocaCert, cek);
  }

  /** The PDH's certificate: which keys these are. */
  public SevCertificate pdhCertificate() {
    return pdhCert;
  }

  @Override
  public void close() {
    oca.close();
    pek.close();
    pdh.close();
  }
}
