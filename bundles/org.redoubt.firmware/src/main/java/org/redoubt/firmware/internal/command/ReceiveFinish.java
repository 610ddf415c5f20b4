package org.redoubt.firmware.internal.command;

import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.HandleBuffer;

/**
 * RECEIVE_FINISH: RUPDATE to RUNNING. The transport keys go.
 *
 * <pre>
 * POLICY_FAILURE  a policy refuses
 * </pre>
 */
final class ReceiveFinish extends Command.OfGuest {
  ReceiveFinish() {
    super(
        SevCommand.RECEIVE_FINISH,
        HandleBuffer.LAYOUT,
        EnumSet.of(GuestState.RUPDATE),
        Activity.ANY);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.asking(
        Map.of(),
        () -> {
          guest.setState(GuestState.RUNNING);
          guest.keys().replaceTransport(TransportKeys.generate(call.platform().random()));
          return Optional.empty();
        });
  }
}
