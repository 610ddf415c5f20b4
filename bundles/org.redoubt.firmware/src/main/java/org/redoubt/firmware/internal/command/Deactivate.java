package org.redoubt.firmware.internal.command;

import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.HandleBuffer;

/**
 * DEACTIVATE: takes a guest's ASID out of use; it can be used again after WBINVD and DF_FLUSH. No
 * checks of its own.
 */
final class Deactivate extends Command.OfGuest {
  Deactivate() {
    super(SevCommand.DEACTIVATE, HandleBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.ACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.done(() -> call.platform().deactivate(guest));
  }
}
