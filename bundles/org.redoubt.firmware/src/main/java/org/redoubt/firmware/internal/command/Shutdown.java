package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.SevCommand;

/**
 * SHUTDOWN: to UNINIT. Every guest's ASID is taken out of use and its keys are cleared. No checks
 * of its own.
 */
final class Shutdown extends Command {
  Shutdown() {
    super(SevCommand.SHUTDOWN, PlatformStates.INITIALIZED);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    return Approval.done(call.platform()::shutDown);
  }
}
