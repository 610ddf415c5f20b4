package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.InitBuffer;

/**
 * INIT: UNINIT to INIT. Takes the platform's keys from its state, or makes them.
 *
 * <pre>
 * INVALID_PARAM        a reserved bit of FLAGS is set
 * INVALID_LEN          SEV-ES: TMR_LENGTH is not 1 MiB
 * INVALID_ADDRESS      SEV-ES: TMR_PADDR is not 1 MiB aligned, or not memory
 * SECURE_DATA_INVALID  the kept state was damaged or changed; PLATFORM_RESET erases it
 * HWERROR_PLATFORM     the state cannot be read or written
 * </pre>
 */
final class Init extends Command {
  Init() {
    super(SevCommand.INIT, InitBuffer.LAYOUT, PlatformStates.UNINIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    InitBuffer b = InitBuffer.read(call.buffer());
    if ((b.flags() & ~InitBuffer.FLAG_ES) != 0) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM, "FLAGS: expected bits 31:1 zero, found %Xh", b.flags());
    }
    boolean es = b.flags() == InitBuffer.FLAG_ES;
    if (es) {
      if (b.tmrLength() != InitBuffer.TMR_BYTES) {
        return Refusal.of(
            FirmwareStatus.INVALID_LEN,
            "TMR_LENGTH: expected %Xh, found %Xh",
            InitBuffer.TMR_BYTES,
            b.tmrLength());
      }
      Optional<Refusal> bad =
          call.check(
              InitBuffer.TMR_BYTES,
              new Call.Range("TMR_PADDR", b.tmrPaddr(), InitBuffer.TMR_BYTES));
      if (bad.isPresent()) {
        return bad.get();
      }
    }
    return Approval.of(() -> initialize(call.platform(), es));
  }

  private static Optional<Refusal> initialize(Platform p, boolean es) {
    try {
      Optional<PlatformKeys> kept = PlatformKeys.load(p.chip());
      PlatformKeys keys;
      if (kept.isPresent()) {
        keys = kept.get();
      } else {
        keys = PlatformKeys.generate(p.chip(), p.api(), p.random());
        keys.store(p.chip());
      }
      p.initialize(keys, es);
      return Optional.empty();
    } catch (GeneralSecurityException e) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.SECURE_DATA_INVALID,
              "Kept state: expected what this chip sealed, found other bytes (%s)",
              e));
    } catch (IOException e) {
      return Optional.of(StateErrors.refusal(e));
    }
  }
}
