package org.redoubt.firmware.internal.command;

import java.util.HexFormat;
import org.redoubt.crypto.Primitives;
import org.redoubt.spec.sev.cert.SevCertificate;

/** How policies tell certificates apart. */
final class Fingerprints {
  private Fingerprints() {}

  /**
   * SHA-256 of what is signed in a certificate (key, usage, version), in lower-case hexadecimal.
   */
  static String of(SevCertificate cert) {
    return of(Primitives.sha256(cert.body()));
  }

  /** A digest in lower-case hexadecimal. */
  static String of(byte[] digest) {
    return HexFormat.of().formatHex(digest);
  }
}
