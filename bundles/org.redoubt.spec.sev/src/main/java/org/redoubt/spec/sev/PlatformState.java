package org.redoubt.spec.sev;

import java.util.Optional;

/**
 * Where the platform stands, as PLATFORM_STATUS reports it. Linux {@code linux/psp-sev.h}, {@code
 * enum sev_state}.
 */
public enum PlatformState {
  /**
   * Not initialized: only INIT, PLATFORM_RESET, PLATFORM_STATUS, GET_ID and DOWNLOAD_FIRMWARE run.
   */
  UNINIT,
  /** Initialized, no guest. */
  INIT,
  /** Initialized, at least one guest. */
  WORKING;

  private static final PlatformState[] BY_CODE = values();

  /** The number the ABI uses. */
  public int code() {
    return ordinal();
  }

  /** The state with this number. */
  public static Optional<PlatformState> of(int code) {
    return code < 0 || code >= BY_CODE.length ? Optional.empty() : Optional.of(BY_CODE[code]);
  }
}
