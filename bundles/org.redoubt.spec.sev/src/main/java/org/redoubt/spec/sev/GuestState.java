package org.redoubt.spec.sev;

import java.util.Optional;

/**
 * Where a guest stands, as GUEST_STATUS reports it. Numbers and meanings: AMDESE/sev-tool {@code
 * sevapi.h}, {@code SEV_GUEST_STATE}; KVM names the same numbers INVALID, LAUNCHING, SECRET,
 * RUNNING, SENDING, RECEIVING.
 */
public enum GuestState {
  /** No such guest. */
  UNINIT,
  /** Launching: plain text is imported and measured. */
  LUPDATE,
  /** Measured: secrets are imported. */
  LSECRET,
  /** Launched, or received. */
  RUNNING,
  /** Being sent to another platform. */
  SUPDATE,
  /** Being received from another platform. */
  RUPDATE,
  /** Sent to another platform. */
  SENT;

  private static final GuestState[] BY_CODE = values();

  /** The number the ABI uses. */
  public int code() {
    return ordinal();
  }

  /** The state with this number. */
  public static Optional<GuestState> of(int code) {
    return code < 0 || code >= BY_CODE.length ? Optional.empty() : Optional.of(BY_CODE[code]);
  }
}
