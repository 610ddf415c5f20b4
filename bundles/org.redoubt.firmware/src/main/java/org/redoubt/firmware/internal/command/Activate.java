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
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;

/**
 * ACTIVATE: gives a guest an ASID and puts its key into the memory controller.
 *
 * <pre>
 * INVALID_ASID      ASID is not from 1 to the highest
 * ASID_OWNED        another guest has it
 * POLICY_FAILURE    a policy refuses
 * WBINVD_REQUIRED   the ASID was used before, and caches were not written back
 * DFFLUSH_REQUIRED  the ASID was used before, and DF_FLUSH did not run
 * HWERROR_PLATFORM  the memory system does not take the key
 * </pre>
 */
final class Activate extends Command.OfGuest {
  Activate() {
    super(SevCommand.ACTIVATE, ActivateBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.INACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    Platform p = call.platform();
    int asid = ActivateBuffer.read(call.buffer()).asid();
    if (asid < 1 || asid > p.maxAsid()) {
      return Refusal.of(
          FirmwareStatus.INVALID_ASID,
          "ASID: expected 1 to %d, found %d",
          p.maxAsid(),
          Integer.toUnsignedLong(asid));
    }
    Optional<Guest> owner = p.owner(asid);
    if (owner.isPresent()) {
      return Refusal.of(
          FirmwareStatus.ASID_OWNED,
          "ASID: expected a free one, found %d of guest %d",
          asid,
          owner.get().handle());
    }
    return Approval.asking(Map.of("ASID", "%X".formatted(asid)), () -> p.activate(guest, asid));
  }
}
