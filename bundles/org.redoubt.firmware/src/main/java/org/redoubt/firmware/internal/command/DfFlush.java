package org.redoubt.firmware.internal.command;

import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;

/**
 * DF_FLUSH: write buffers reach DRAM; ASIDs that were deactivated can be used again.
 *
 * <pre>
 * WBINVD_REQUIRED  an ASID was deactivated and caches have not been written back since
 * </pre>
 */
final class DfFlush extends Command {
  DfFlush() {
    super(SevCommand.DF_FLUSH, PlatformStates.INITIALIZED);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    if (call.platform().memory().wbinvdRequired()) {
      return Refusal.of(
          FirmwareStatus.WBINVD_REQUIRED,
          "Caches: expected WBINVD since the last DEACTIVATE, found none");
    }
    return Approval.done(call.platform().memory()::dfFlush);
  }
}
