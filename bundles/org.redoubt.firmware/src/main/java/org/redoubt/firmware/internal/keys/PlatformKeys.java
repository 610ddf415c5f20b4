package org.redoubt.firmware.internal.keys;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.InsecureSecretAccess;
import org.redoubt.crypto.P384PrivateKey;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.spec.sev.cert.Algorithm;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;

/**
 * The platform's own keys and their certificates: OCA (as long as the platform owns itself it holds
 * the key and signs itself; an owner's OCA comes without), PEK (signed by OCA and CEK), PDH (signed
 * by PEK). Immutable: a new PDH or PEK is a new object, kept in the non-volatile state before it is
 * used.
 */
public final class PlatformKeys implements AutoCloseable {
  private static final int SCALAR = 48;
  private static final int SELF_OWNED = 1;
  private static final int EXTERNALLY_OWNED = 2;
  private static final int STATE_BYTES =
      1
          + 3 * SCALAR
          + 3 * SevCertificate.BYTES; // then, if it came so, an owner's chain: count, DER

  private final Optional<P384PrivateKey> oca;
  private final P384PrivateKey pek;
  private final P384PrivateKey pdh;
  private final SevCertificate ocaCert;
  private final SevCertificate pekCert;
  private final SevCertificate pdhCert;

  private final String ocaFingerprint;
  private final Optional<OwnersChain> ownersChain;

  private PlatformKeys(
      Optional<P384PrivateKey> oca,
      P384PrivateKey pek,
      P384PrivateKey pdh,
      SevCertificate ocaCert,
      SevCertificate pekCert,
      SevCertificate pdhCert,
      Optional<OwnersChain> ownersChain) {
    this.oca = oca;
    this.pek = pek;
    this.pdh = pdh;
    this.ocaCert = ocaCert;
    this.ownersChain = ownersChain;
    this.ocaFingerprint =
        HexFormat.of()
            .formatHex(
                Primitives.sha256(
                    ownersChain.map(OwnersChain::certificates).orElseGet(ocaCert::body)));
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
    return withPdh(Optional.of(oca), pek, ocaCert, pekCert, Optional.empty(), api, random);
  }

  /** The same OCA and PEK with a fresh PDH; this object's keys are not shared with the new one. */
  public PlatformKeys withNewPdh(Api api, SecureRandom random) {
    return withPdh(
        oca.map(k -> P384PrivateKey.ofScalar(k.scalar())),
        P384PrivateKey.ofScalar(pek.scalar()),
        ocaCert,
        pekCert,
        ownersChain,
        api,
        random);
  }

  /**
   * The same PEK under the owner of a chain of the seed's profile, which was checked, with a fresh
   * PDH; the key of our own OCA is not in it.
   */
  public PlatformKeys ownedBy(OwnersChain chain, Api api, SecureRandom random) {
    return withPdh(
        Optional.empty(),
        P384PrivateKey.ofScalar(pek.scalar()),
        ocaCert,
        pekCert,
        Optional.of(chain),
        api,
        random);
  }

  /**
   * The same PEK under an owner's OCA, with a fresh PDH; the key of our own OCA is not in it.
   *
   * @param ownersOca its body was checked
   * @param signedPek our PEK's certificate with the owner's signature, which was checked
   */
  public PlatformKeys ownedBy(
      SevCertificate ownersOca, SevCertificate signedPek, Chip chip, Api api, SecureRandom random) {
    int free = signedPek.signatureUsage(0) == Usage.OCA.code() ? 1 : 0;
    return withPdh(
        Optional.empty(),
        P384PrivateKey.ofScalar(pek.scalar()),
        ownersOca,
        Certificates.sign(signedPek, free, Usage.CEK, chip.cek()),
        Optional.empty(),
        api,
        random);
  }

  private static PlatformKeys withPdh(
      Optional<P384PrivateKey> oca,
      P384PrivateKey pek,
      SevCertificate ocaCert,
      SevCertificate pekCert,
      Optional<OwnersChain> ownersChain,
      Api api,
      SecureRandom random) {
    P384PrivateKey pdh = P384PrivateKey.generate(random);
    SevCertificate pdhCert =
        Certificates.sign(unsigned(api, Usage.PDH, Algorithm.ECDH_SHA256, pdh), 0, Usage.PEK, pek);
    return new PlatformKeys(oca, pek, pdh, ocaCert, pekCert, pdhCert, ownersChain);
  }

  private static SevCertificate unsigned(
      Api api, Usage usage, Algorithm algorithm, P384PrivateKey key) {
    return SevCertificate.unsigned(
        api.major(), api.minor(), usage, algorithm, key.publicKey().qx(), key.publicKey().qy());
  }

  /**
   * The keys that a store keeps for a chip.
   *
   * @return empty if none are
   * @throws GeneralSecurityException if they were changed, are another chip's, or rolled back
   */
  private static Optional<PlatformKeys> load(Chip chip, Store store)
      throws IOException, GeneralSecurityException {
    Optional<byte[]> state = chip.nonVolatile().unseal(store);
    if (state.isEmpty()) {
      return Optional.empty();
    }
    byte[] raw = state.get();
    if (raw.length < STATE_BYTES || raw[0] != SELF_OWNED && raw[0] != EXTERNALLY_OWNED) {
      throw new GeneralSecurityException("expected this version's state, found another's");
    }
    try {
      return Optional.of(
          new PlatformKeys(
              raw[0] == SELF_OWNED ? Optional.of(scalar(raw, 0)) : Optional.empty(),
              scalar(raw, 1),
              scalar(raw, 2),
              certificate(raw, 0),
              certificate(raw, 1),
              certificate(raw, 2),
              raw.length == STATE_BYTES
                  ? Optional.empty()
                  : Optional.of(
                      new OwnersChain(
                          raw[STATE_BYTES],
                          Arrays.copyOfRange(raw, STATE_BYTES + 1, raw.length)))));
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

  /**
   * The keys kept in a store, or fresh ones that are kept there now: the same for all who ask, also
   * for other processes.
   *
   * @throws GeneralSecurityException if they are damaged, another chip's, rolled back or gone
   */
  public static PlatformKeys loadOrGenerate(Chip chip, Store store, Api api, SecureRandom random)
      throws IOException, GeneralSecurityException {
    return chip.alone(() -> {
      Optional<PlatformKeys> kept = load(chip, store);
      if (kept.isPresent()) {
        return kept.get();
      }
      PlatformKeys fresh = generate(chip, api, random);
      fresh.keep(chip, store);
      return fresh;
    });
  }

  /** Keeps these keys in a store, in place of those before. */
  public void keep(Chip chip, Store store) throws IOException {
    byte[] tail = ownersChain.map(OwnersChain::certificates).orElse(new byte[0]);
    byte[] raw = new byte[STATE_BYTES + (ownersChain.isPresent() ? 1 + tail.length : 0)];
    ownersChain.ifPresent(c -> {
      raw[STATE_BYTES] = (byte) c.count();
      System.arraycopy(tail, 0, raw, STATE_BYTES + 1, tail.length);
    });
    raw[0] = (byte) (owned() ? EXTERNALLY_OWNED : SELF_OWNED);
    MemorySegment s = MemorySegment.ofArray(raw);
    oca.ifPresent(k -> expose(k, s, 0));
    expose(pek, s, 1);
    expose(pdh, s, 2);
    SevCertificate[] certs = {ocaCert, pekCert, pdhCert};
    for (int i = 0; i < 3; i++) {
      MemorySegment.copy(
          MemorySegment.ofArray(certs[i].toBytes()),
          ValueLayout.JAVA_BYTE,
          0,
          s,
          ValueLayout.JAVA_BYTE,
          1 + 3 * SCALAR + i * (long) SevCertificate.BYTES,
          SevCertificate.BYTES);
    }
    try {
      chip.alone(() -> {
        chip.nonVolatile().seal(store, raw);
        return raw;
      });
    } finally {
      Arrays.fill(raw, (byte) 0);
    }
  }

  private static void expose(P384PrivateKey key, MemorySegment state, int i) {
    key.scalar().exposeTo(state.asSlice(1 + i * (long) SCALAR, SCALAR), InsecureSecretAccess.get());
  }

  /** Has a store keep nothing, and no earlier state come back. */
  public static void erase(Chip chip, Store store) throws IOException {
    chip.alone(() -> {
      chip.nonVolatile().seal(store, new byte[0]);
      return chip;
    });
  }

  /** Whether somebody else's OCA is in charge. */
  public boolean owned() {
    return oca.isEmpty();
  }

  /** SHA-256 of what is signed in the OCA's certificate, in lower-case hexadecimal. */
  public String ocaFingerprint() {
    return ocaFingerprint;
  }

  /** An owner's certificates that came by the seed's profile. */
  public Optional<OwnersChain> ownersChain() {
    return ownersChain;
  }

  /** What the key of our own OCA in the seed's profile follows from; it is there. */
  SecretBytes ocaSeed() {
    return oca.orElseThrow(() -> new IllegalStateException("Bug: the OCA is somebody else's"))
        .scalar();
  }

  /** The endorsement key; owned by this. */
  public P384PrivateKey pek() {
    return pek;
  }

  /** The endorsement key's certificate. */
  public SevCertificate pekCertificate() {
    return pekCert;
  }

  /** Whose platform this is. */
  public SevCertificate ocaCertificate() {
    return ocaCert;
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
    oca.ifPresent(P384PrivateKey::close);
    pek.close();
    pdh.close();
  }
}
