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
                p.version().apiMajor(),
                p.version().apiMinor(),
                p.state().code(),
                flags(p),
                p.version().build(),
                p.guestCount())
            .write(call.buffer()));
  }

  private static int flags(Platform p) {
    return (p.info().owned() ? PlatformStatusBuffer.FLAG_OWNED : 0)
        | (p.encryptedState() ? PlatformStatusBuffer.FLAG_ES : 0);
  }
}
