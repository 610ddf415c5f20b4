package org.redoubt.firmware.internal.command;

import java.io.IOException;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;

/** What commands say when the state folder fails. */
final class StateErrors {
  private StateErrors() {}

  static Refusal refusal(IOException e) {
    return Refusal.of(FirmwareStatus.HWERROR_PLATFORM, "State folder: %s", e);
  }
}
