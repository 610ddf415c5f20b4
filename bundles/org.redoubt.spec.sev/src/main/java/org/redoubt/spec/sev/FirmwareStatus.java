package org.redoubt.spec.sev;

import java.util.Optional;

/**
 * What a firmware command answers in bits 15:0 of CMDRESP. Codes and names: Linux {@code
 * uapi/linux/psp-sev.h}, {@code sev_ret_code}; the spelling of names without Linux's prefix. A
 * status is returned, never thrown.
 */
public enum FirmwareStatus {
  SUCCESS(0x00, "The command was carried out."),
  INVALID_PLATFORM_STATE(0x01, "The platform is not in a state in which this command may run."),
  INVALID_GUEST_STATE(0x02, "The guest is not in a state in which this command may run."),
  INVALID_CONFIG(0x03, "The platform's configuration does not allow this command."),
  INVALID_LEN(
      0x04,
      "A length is wrong; where a buffer was too short, its length field now says what is needed."),
  ALREADY_OWNED(0x05, "The platform already has an owner."),
  INVALID_CERTIFICATE(
      0x06, "A certificate is malformed, of the wrong usage or algorithm, or not on its curve."),
  POLICY_FAILURE(0x07, "The guest's policy, or a policy of this platform, refuses."),
  INACTIVE(0x08, "The guest has no ASID: ACTIVATE it first."),
  INVALID_ADDRESS(
      0x09, "An address is misaligned, outside of memory, or its range overlaps another."),
  BAD_SIGNATURE(0x0A, "A signature does not verify."),
  BAD_MEASUREMENT(0x0B, "A message authentication code does not match."),
  ASID_OWNED(0x0C, "The ASID belongs to another guest."),
  INVALID_ASID(0x0D, "The ASID does not exist or may not be used by such a guest."),
  WBINVD_REQUIRED(0x0E, "Caches must be written back on every core (WBINVD) before this command."),
  DFFLUSH_REQUIRED(0x0F, "DF_FLUSH must run before this command."),
  INVALID_GUEST(0x10, "No guest has this handle."),
  INVALID_COMMAND(0x11, "The firmware does not know this command."),
  ACTIVE(0x12, "The guest still has an ASID: DEACTIVATE it first."),
  HWERROR_PLATFORM(0x13, "The hardware failed; the platform is safe."),
  HWERROR_UNSAFE(0x14, "The hardware failed; the platform is not safe to go on with."),
  UNSUPPORTED(0x15, "This feature is not there."),
  INVALID_PARAM(0x16, "A parameter or a reserved field has a value it must not have."),
  RESOURCE_LIMIT(0x17, "The firmware has no room for this."),
  SECURE_DATA_INVALID(0x18, "The firmware's stored state failed its integrity check."),
  INVALID_PAGE_SIZE(0x19, "The RMP has another page size."),
  INVALID_PAGE_STATE(0x1A, "The RMP has the page in another state."),
  INVALID_MDATA_ENTRY(0x1B, "The metadata entry is invalid."),
  INVALID_PAGE_OWNER(0x1C, "The page belongs to another guest."),
  AEAD_OFLOW(0x1D, "The message sequence number would overflow."),
  EXIT_RING_BUFFER(0x1F, "The ring buffer mode was left."),
  RMP_INIT_REQUIRED(0x20, "The RMP must be initialized first."),
  BAD_SVN(0x21, "The security version is lower than the committed one."),
  BAD_VERSION(0x22, "The firmware version is lower than the committed one."),
  SHUTDOWN_REQUIRED(0x23, "SHUTDOWN must run before this command."),
  UPDATE_FAILED(0x24, "The firmware update failed."),
  RESTORE_REQUIRED(0x25, "The committed firmware must be restored."),
  RMP_INIT_FAILED(0x26, "The RMP could not be initialized."),
  INVALID_KEY(0x27, "The key does not exist or may not be used.");

  private static final FirmwareStatus[] BY_CODE = new FirmwareStatus[0x28];

  static {
    for (FirmwareStatus s : values()) {
      BY_CODE[s.code] = s;
    }
  }

  private final int code;
  private final String explanation;

  FirmwareStatus(int code, String explanation) {
    this.code = code;
    this.explanation = explanation;
  }

  /** The number the ABI returns, 0 to 27h. */
  public int code() {
    return code;
  }

  /** One sentence for a person. */
  public String explanation() {
    return explanation;
  }

  /** The status with this number, if there is one (1Eh is not assigned). */
  public static Optional<FirmwareStatus> of(int code) {
    return code < 0 || code >= BY_CODE.length
        ? Optional.empty()
        : Optional.ofNullable(BY_CODE[code]);
  }
}
