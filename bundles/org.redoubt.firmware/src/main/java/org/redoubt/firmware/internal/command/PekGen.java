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
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.spec.sev.SevCommand;

/**
 * PEK_GEN: fresh OCA, PEK and PDH; the platform owns itself again.
 *
 * <pre>
 * POLICY_FAILURE    a policy refuses
 * HWERROR_PLATFORM  the state cannot be written
 * </pre>
 */
final class PekGen extends Command {
  PekGen() {
    super(SevCommand.PEK_GEN, PlatformStates.INIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    return Approval.asking(
        Map.of(), () -> replace(p, PlatformKeys.generate(p.chip(), p.api(), p.random())));
  }

  static Optional<Refusal> replace(Platform p, PlatformKeys next) {
    try {
      next.keep(p.chip(), p.store());
      p.replaceKeys(next);
      return Optional.empty();
    } catch (IOException e) {
      next.close();
      return Optional.of(StateErrors.refusal(e));
    }
  }
}
