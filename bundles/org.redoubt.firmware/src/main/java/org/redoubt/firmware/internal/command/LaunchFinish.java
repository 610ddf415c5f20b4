package org.redoubt.firmware.internal.command;

import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.HandleBuffer;

/**
 * LAUNCH_FINISH: LSECRET to RUNNING.
 *
 * <pre>
 * POLICY_FAILURE  a policy refuses
 * </pre>
 */
final class LaunchFinish extends Command.OfGuest {
  LaunchFinish() {
    super(
        SevCommand.LAUNCH_FINISH,
        HandleBuffer.LAYOUT,
        EnumSet.of(GuestState.LSECRET),
        Activity.ANY);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.asking(
        Map.of(),
        () -> {
          guest.setState(GuestState.RUNNING);
          return Optional.empty();
        });
  }
}
