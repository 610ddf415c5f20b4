package org.redoubt.firmware.internal.command;

import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.GuestStatusBuffer;

/** GUEST_STATUS: policy, ASID and state of a guest. No checks of its own. */
final class GuestStatus extends Command.OfGuest {
  GuestStatus() {
    super(
        SevCommand.GUEST_STATUS, GuestStatusBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.done(() ->
        new GuestStatusBuffer(
                guest.handle(), guest.policy().bits(), guest.asid(), guest.state().code())
            .write(call.buffer()));
  }
}
