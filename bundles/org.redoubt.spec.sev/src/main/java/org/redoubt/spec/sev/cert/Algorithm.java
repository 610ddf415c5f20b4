package org.redoubt.spec.sev.cert;

import java.util.Optional;

/** Algorithm of a key or signature. AMDESE/sev-tool {@code sevapi.h}, {@code SEV_SIG_ALGO}. */
public enum Algorithm {
  /** None: an empty signature slot. */
  INVALID(0x000),
  RSA_SHA256(0x001),
  ECDSA_SHA256(0x002),
  ECDH_SHA256(0x003),
  RSA_SHA384(0x101),
  ECDSA_SHA384(0x102),
  ECDH_SHA384(0x103);

  private final int code;

  Algorithm(int code) {
    this.code = code;
  }

  /** The number in the certificate. */
  public int code() {
    return code;
  }

  /** The digest's name for the JDK. */
  public String digest() {
    return code < 0x100 ? "SHA-256" : "SHA-384";
  }

  public boolean isEcdsa() {
    return this == ECDSA_SHA256 || this == ECDSA_SHA384;
  }

  /** The algorithm with this number. */
  public static Optional<Algorithm> of(int code) {
    for (Algorithm a : values()) {
      if (a.code == code) {
        return Optional.of(a);
      }
    }
    return Optional.empty();
  }
}
