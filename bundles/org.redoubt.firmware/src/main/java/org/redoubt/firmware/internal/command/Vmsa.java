package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;

/** What commands about a vCPU's save area check. */
final class Vmsa {
  /** One page. Source: Linux {@code svm/sev.c}. */
  static final int BYTES = 4096;

  private Vmsa() {}

  /** The guest has save areas, the length is a page's, the address too. */
  static Optional<Refusal> check(
      Call call, Guest guest, String lengthField, int length, Call.Range range) {
    if (!guest.policy().encryptedState()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.POLICY_FAILURE,
              "POLICY.ES: expected 1 (a guest with save areas), found %s",
              guest.policy()));
    }
    if (length != BYTES) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "%s: expected %d, found %d",
              lengthField,
              BYTES,
              Integer.toUnsignedLong(length)));
    }
    return call.check(BYTES, range);
  }
}
