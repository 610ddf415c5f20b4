package org.redoubt.firmware.internal.keys;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Instant;
import org.redoubt.crypto.P256Certificates;
import org.redoubt.crypto.P256Key;

/**
 * The keys of the seed's profile: P-256, as its 32-byte numbers say, each following from the key of
 * the SEV API that has its part, so that PEK_GEN, PDH_GEN and the non-volatile state serve both.
 * Who gets one closes it.
 */
public final class RfcKeys {
  private static final String LABEL = "redoubt-rfc-";
  private static final String PEK_NAME = "Redoubt PEK";
  private static final String OCA_NAME = "Redoubt OCA";
  private static final Instant FROM = Instant.parse("2016-08-22T00:00:00Z");

  /** No end: RFC 5280, 4.1.2.5. */
  private static final Instant UNTIL = Instant.parse("9999-12-31T23:59:59Z");

  private RfcKeys() {}

  /** The Diffie-Hellman key. */
  public static P256Key pdh(PlatformKeys keys) {
    return P256Key.fromSeed(keys.pdh().scalar(), LABEL + "pdh");
  }

  /** The platform's endorsement key. */
  public static P256Key pek(PlatformKeys keys) {
    return P256Key.fromSeed(keys.pek().scalar(), LABEL + "pek");
  }

  /** The chip's endorsement key. */
  public static P256Key cek(Chip chip) {
    return P256Key.fromSeed(chip.cek().scalar(), LABEL + "cek");
  }

  /** The maker's key, which signs the CEK. */
  public static P256Key maker(Chip chip) throws IOException {
    return chip.makerKey();
  }

  /** PKCS #10 for the PEK. */
  public static byte[] request(PlatformKeys keys) {
    try (P256Key pek = pek(keys)) {
      return P256Certificates.request(pek, PEK_NAME);
    }
  }

  /** How many certificates {@link #chain} has. */
  public static int chainCount(PlatformKeys keys) {
    return keys.ownersChain().isEmpty() ? 2 : keys.ownersChain().get().count();
  }

  /** PEK to owner: the one that was imported, or PEK and OCA of a platform that owns itself. */
  public static byte[] chain(PlatformKeys keys) {
    if (keys.ownersChain().isPresent()) {
      return keys.ownersChain().get().certificates();
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (P256Key pek = pek(keys);
        P256Key oca = P256Key.fromSeed(keys.ocaSeed(), LABEL + "oca")) {
      out.writeBytes(
          P256Certificates.issue(oca, OCA_NAME, pek.point(), PEK_NAME, false, FROM, UNTIL));
      out.writeBytes(
          P256Certificates.issue(oca, OCA_NAME, oca.point(), OCA_NAME, true, FROM, UNTIL));
    }
    return out.toByteArray();
  }
}
