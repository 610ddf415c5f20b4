package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.InitBuffer;

/**
 * INIT: UNINIT to INIT. Takes the platform's keys from the chip's own state, or makes them.
 *
 * <pre>
 * INVALID_PARAM        a reserved bit of FLAGS is set
 * INVALID_LEN          SEV-ES: TMR_LENGTH is not 1 MiB
 * INVALID_ADDRESS      SEV-ES: TMR_PADDR is not 1 MiB aligned, or not memory
 * POLICY_FAILURE       a policy refuses
 * SECURE_DATA_INVALID  the kept state was changed or rolled back; PLATFORM_RESET erases it
 * HWERROR_PLATFORM     the state cannot be read or written
 * </pre>
 */
final class Init extends Command {
  Init() {
    super(SevCommand.INIT, InitBuffer.LAYOUT, PlatformStates.UNINIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    InitBuffer b = InitBuffer.read(call.buffer());
    Optional<Refusal> bad = Initialization.check(call, b.flags(), b.tmrPaddr(), b.tmrLength());
    if (bad.isPresent()) {
      return bad.get();
    }
    Platform p = call.platform();
    return Approval.asking(
        Map.of("FLAGS", "%X".formatted(b.flags())),
        () -> Initialization.initialize(p, p.chip().ownStore(), b.flags() != 0));
  }
}
