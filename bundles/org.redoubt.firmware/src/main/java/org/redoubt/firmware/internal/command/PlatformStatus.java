package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.PlatformStatusBuffer;

/** PLATFORM_STATUS: runs in every state. No checks of its own. */
final class PlatformStatus extends Command {
  PlatformStatus() {
    super(SevCommand.PLATFORM_STATUS, PlatformStatusBuffer.LAYOUT, PlatformStates.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    return Approval.done(() ->
        new PlatformStatusBuffer(
                Platform.API_MAJOR,
                Platform.API_MINOR,
                p.state().code(),
                p.encryptedState() ? PlatformStatusBuffer.FLAG_ES : 0,
                Platform.BUILD,
                p.guestCount())
            .write(call.buffer()));
  }
}
