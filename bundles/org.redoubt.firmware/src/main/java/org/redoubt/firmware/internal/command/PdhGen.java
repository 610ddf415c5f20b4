package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.spec.sev.SevCommand;

/**
 * PDH_GEN: a fresh PDH under the same PEK. Sessions sealed for the former one are refused from now
 * on.
 *
 * <pre>
 * POLICY_FAILURE    a policy refuses
 * HWERROR_PLATFORM  the state cannot be written
 * </pre>
 */
final class PdhGen extends Command {
  PdhGen() {
    super(SevCommand.PDH_GEN, PlatformStates.INITIALIZED);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    return Approval.asking(
        Map.of(), () -> PekGen.replace(p, p.keys().withNewPdh(p.api(), p.random())));
  }
}
