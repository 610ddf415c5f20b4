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
 * SEND_FINISH: SUPDATE to SENT. The transport keys go; the guest can only be decommissioned.
 *
 * <pre>
 * POLICY_FAILURE  a policy refuses
 * </pre>
 */
final class SendFinish extends Command.OfGuest {
  SendFinish() {
    super(
        SevCommand.SEND_FINISH, HandleBuffer.LAYOUT, EnumSet.of(GuestState.SUPDATE), Activity.ANY);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    return Approval.asking(
        Map.of(),
        () -> {
          guest.setState(GuestState.SENT);
          guest.keys().replaceTransport(TransportKeys.generate(call.platform().random()));
          return Optional.empty();
        });
  }
}
