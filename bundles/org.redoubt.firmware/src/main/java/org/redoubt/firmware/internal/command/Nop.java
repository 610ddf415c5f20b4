package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.SevCommand;

/** NOP: nothing, in every state. No checks of its own. */
final class Nop extends Command {
  Nop() {
    super(SevCommand.NOP, PlatformStates.ANY);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    return Approval.done(() -> {});
  }
}
