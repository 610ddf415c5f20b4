package org.redoubt.firmware.internal.command;

import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.HandleBuffer;

/** DECOMMISSION: forgets a guest without an ASID, and clears its keys. No checks of its own. */
final class Decommission extends Command.OfGuest {
  Decommission() {
    super(
        SevCommand.DECOMMISSION, HandleBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.INACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.done(() -> call.platform().remove(guest));
  }
}
