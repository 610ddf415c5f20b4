package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.Optional;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.firmware.internal.keys.Store;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.command.InitBuffer;

/** What INIT and INIT_EX have in common. */
final class Initialization {
  private Initialization() {}

  /** Checks FLAGS, and for SEV-ES the trusted memory region. */
  static Optional<Refusal> check(Call call, int flags, long tmrPaddr, int tmrLength) {
    if ((flags & ~InitBuffer.FLAG_ES) != 0) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_PARAM, "FLAGS: expected bits 31:1 zero, found %Xh", flags));
    }
    if (flags == 0) {
      return Optional.empty();
    }
    if (tmrLength != InitBuffer.TMR_BYTES) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "TMR_LENGTH: expected %Xh, found %Xh",
              InitBuffer.TMR_BYTES,
              tmrLength));
    }
    return call.check(
        InitBuffer.TMR_BYTES, new Call.Range("TMR_PADDR", tmrPaddr, InitBuffer.TMR_BYTES));
  }

  /** UNINIT to INIT, with the keys in {@code store} or fresh ones. */
  static Optional<Refusal> initialize(Platform p, Store store, boolean es) {
    try {
      p.initialize(PlatformKeys.loadOrGenerate(p.chip(), store, p.api(), p.random()), store, es);
      return Optional.empty();
    } catch (GeneralSecurityException e) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.SECURE_DATA_INVALID,
              "Kept state: %s",
              String.valueOf(e.getMessage())));
    } catch (IOException e) {
      return Optional.of(StateErrors.refusal(e));
    }
  }
}
