package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.SevCommand;

/**
 * PLATFORM_RESET: forgets OCA, PEK and PDH; the next INIT makes new ones. Chip secret and CEK stay.
 *
 * <pre>
 * POLICY_FAILURE    a policy refuses
 * HWERROR_PLATFORM  the state cannot be written
 * </pre>
 */
final class PlatformReset extends Command {
  PlatformReset() {
    super(SevCommand.PLATFORM_RESET, PlatformStates.UNINIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    return Approval.asking(
        Map.of(),
        () -> {
          try {
            PlatformKeys.erase(p.chip(), p.store());
            return Optional.empty();
          } catch (IOException e) {
            return Optional.of(StateErrors.refusal(e));
          }
        });
  }
}
