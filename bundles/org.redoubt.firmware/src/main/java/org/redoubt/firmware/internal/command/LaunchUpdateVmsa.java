package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.memory.PageTag;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;

/**
 * LAUNCH_UPDATE_VMSA: measures one vCPU's save area of an SEV-ES guest and encrypts it in place.
 *
 * <pre>
 * POLICY_FAILURE   POLICY.ES is 0
 * INVALID_LEN      LENGTH is not 4096
 * INVALID_ADDRESS  PADDR is no multiple of 4096, not memory, or overlaps the command buffer
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class LaunchUpdateVmsa extends Command.OfGuest {
  LaunchUpdateVmsa() {
    super(
        SevCommand.LAUNCH_UPDATE_VMSA,
        LaunchUpdateBuffer.LAYOUT,
        EnumSet.of(GuestState.LUPDATE),
        Activity.ACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    LaunchUpdateBuffer b = LaunchUpdateBuffer.read(call.buffer());
    Optional<Refusal> bad =
        Vmsa.check(
            call, guest, "LENGTH", b.length(), new Call.Range("PADDR", b.paddr(), Vmsa.BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of("PADDR", "%X".formatted(b.paddr())),
        () -> {
          byte[] bytes = new byte[Vmsa.BYTES];
          MemorySegment page = MemorySegment.ofArray(bytes);
          call.platform().memory().view(PageTag.SHARED).read(b.paddr(), page);
          MessageDigest digest = guest.copyLaunchDigest();
          digest.update(bytes);
          call.platform().memory().view(guest.asid()).write(b.paddr(), page);
          guest.setLaunchDigest(digest);
          return Optional.empty();
        });
  }
}
