package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.TwoThreads;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;

/**
 * LAUNCH_UPDATE_DATA: measures memory and encrypts it in place. Every byte is read once: what is
 * hashed is what is encrypted. SHA-256 takes about two thirds of the work and cannot be split: one
 * thread hashes what another moves.
 *
 * <pre>
 * INVALID_LEN      LENGTH is 0 or no multiple of 16
 * INVALID_ADDRESS  PADDR is no multiple of 16, not memory, or overlaps the command buffer
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class LaunchUpdateData extends Command.OfGuest {
  private static final int BLOCK = 16;

  LaunchUpdateData() {
    super(
        SevCommand.LAUNCH_UPDATE_DATA,
        LaunchUpdateBuffer.LAYOUT,
        EnumSet.of(GuestState.LUPDATE),
        Activity.ACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    LaunchUpdateBuffer b = LaunchUpdateBuffer.read(call.buffer());
    long length = Integer.toUnsignedLong(b.length());
    if (length == 0 || length % BLOCK != 0) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "LENGTH: expected a positive multiple of 16, found %d",
          length);
    }
    Optional<Refusal> bad = call.check(BLOCK, new Call.Range("PADDR", b.paddr(), length));
    if (bad.isPresent()) {
      return bad.get();
    }
    Map<String, String> question =
        Map.of("PADDR", "%X".formatted(b.paddr()), "LENGTH", "%X".formatted(length));
    return Approval.asking(
        question,
        () -> {
          update(call, guest, b.paddr(), length);
          return Optional.empty();
        });
  }

  private static void update(Call call, Guest guest, long paddr, long length) {
    MemoryView plain = call.platform().memory().view(PageTag.SHARED);
    MemoryView encrypted = call.platform().memory().view(guest.asid());
    MessageDigest digest = guest.copyLaunchDigest();
    // On the heap, since the JDK's SHA-256 would copy them from anywhere else.
    byte[][] ring = call.platform().ring();
    TwoThreads.relay(
        paddr,
        length,
        (at, count) -> {
          MemorySegment piece =
              MemorySegment.ofArray(ring[TwoThreads.slot(paddr, at)]).asSlice(0, count);
          plain.read(paddr + at, piece);
          encrypted.write(paddr + at, piece);
        },
        (at, count) -> digest.update(ring[TwoThreads.slot(paddr, at)], 0, count));
    guest.setLaunchDigest(digest);
  }
}
