package org.redoubt.spec.sev.cert;

import java.util.Optional;

/** What a key in a certificate is for. AMDESE/sev-tool {@code sevapi.h}, {@code SEV_USAGE}. */
public enum Usage {
  /** Root key of the chip's maker. */
  ARK(0x0000),
  /** Signing key of the chip's maker. */
  ASK(0x0013),
  /** No key: an empty signature slot. */
  INVALID(0x1000),
  /** The platform owner's certificate authority. */
  OCA(0x1001),
  /** Platform endorsement key. */
  PEK(0x1002),
  /** Platform Diffie-Hellman key; a guest owner's DH certificate has this usage too. */
  PDH(0x1003),
  /** Chip endorsement key. */
  CEK(0x1004);

  private final int code;

  Usage(int code) {
    this.code = code;
  }

  /** The number in the certificate. */
  public int code() {
    return code;
  }

  /** The usage with this number. */
  public static Optional<Usage> of(int code) {
    for (Usage u : values()) {
      if (u.code == code) {
        return Optional.of(u);
      }
    }
    return Optional.empty();
  }
}
