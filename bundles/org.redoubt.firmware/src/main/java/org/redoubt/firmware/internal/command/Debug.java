package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
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
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.DbgBuffer;

/**
 * What DBG_DECRYPT and DBG_ENCRYPT have in common: bytes go from one view of memory to the other.
 *
 * <pre>
 * POLICY_FAILURE   POLICY.NODBG refuses
 * INVALID_LEN      LENGTH is 0 or no multiple of 16
 * INVALID_ADDRESS  SRC_PADDR or DST_PADDR is no multiple of 16, not memory, or they overlap
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
abstract class Debug extends Command.OfGuest {
  private static final int BLOCK = 16;
  private static final int PIECE_BYTES = 64 << 10;

  private final boolean decrypts;

  Debug(SevCommand id, boolean decrypts) {
    super(id, DbgBuffer.LAYOUT, PlatformStates.ANY_GUEST, Activity.ACTIVE);
    this.decrypts = decrypts;
  }

  @Override
  protected final Decision check(Call call, Guest guest) {
    DbgBuffer b = DbgBuffer.read(call.buffer());
    if (guest.policy().noDebug()) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE, "POLICY.NODBG: expected 0, found %s", guest.policy());
    }
    long length = Integer.toUnsignedLong(b.length());
    if (length == 0 || length % BLOCK != 0) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "LENGTH: expected a positive multiple of 16, found %d",
          length);
    }
    Optional<Refusal> bad =
        call.check(
            BLOCK,
            new Call.Range("SRC_PADDR", b.srcPaddr(), length),
            new Call.Range("DST_PADDR", b.dstPaddr(), length));
    if (bad.isPresent()) {
      return bad.get();
    }
    Map<String, String> question =
        Map.of(
            "SRC_PADDR",
            "%X".formatted(b.srcPaddr()),
            "DST_PADDR",
            "%X".formatted(b.dstPaddr()),
            "LENGTH",
            "%X".formatted(length));
    return Approval.asking(
        question,
        () -> {
          MemoryView host = call.platform().memory().view(PageTag.SHARED);
          MemoryView secret = call.platform().memory().view(guest.asid());
          copy(
              decrypts ? secret : host,
              b.srcPaddr(),
              decrypts ? host : secret,
              b.dstPaddr(),
              length);
          return Optional.empty();
        });
  }

  private static void copy(MemoryView from, long src, MemoryView to, long dst, long length) {
    byte[] piece = new byte[(int) Math.min(length, PIECE_BYTES)];
    try {
      for (long at = 0; at < length; at += PIECE_BYTES) {
        MemorySegment s =
            MemorySegment.ofArray(piece).asSlice(0, Math.min(PIECE_BYTES, length - at));
        from.read(src + at, s);
        to.write(dst + at, s);
      }
    } finally {
      Arrays.fill(piece, (byte) 0);
    }
  }
}
