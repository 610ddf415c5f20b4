package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.crypto.PacketCipher;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.TwoThreads;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.PacketHeader;

/**
 * What SEND_UPDATE_DATA and SEND_UPDATE_VMSA have in common: guest memory leaves as a packet.
 *
 * <pre>
 * INVALID_LEN      HDR_LEN is below 52 or TRANS_LEN below GUEST_LEN; both come back as needed
 * INVALID_LEN      GUEST_LEN is 0, no multiple of 16, or above 4 MiB
 * POLICY_FAILURE   VMSA: POLICY.ES is 0
 * INVALID_LEN      VMSA: GUEST_LEN is not 4096
 * INVALID_ADDRESS  GUEST_PADDR is not aligned, a range is not memory, or two overlap
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
abstract class SendUpdate extends Command.OfGuest {
  private final int kind;

  SendUpdate(SevCommand id, int kind) {
    super(id, LaunchSecretBuffer.LAYOUT, EnumSet.of(GuestState.SUPDATE), Activity.ACTIVE);
    this.kind = kind;
  }

  @Override
  public final boolean hasOutput() {
    return true;
  }

  @Override
  protected final Decision check(Call call, Guest guest) {
    LaunchSecretBuffer b = LaunchSecretBuffer.read(call.buffer());
    if (Integer.compareUnsigned(b.hdrLen(), Packets.HEADER_BYTES) < 0
        || Integer.compareUnsigned(b.transLen(), b.guestLen()) < 0) {
      answer(b).write(call.buffer());
      return Refusal.shortBuffer(
          "HDR_LEN, TRANS_LEN: expected at least %d, %d, found %d, %d",
          Packets.HEADER_BYTES,
          Integer.toUnsignedLong(b.guestLen()),
          Integer.toUnsignedLong(b.hdrLen()),
          Integer.toUnsignedLong(b.transLen()));
    }
    Optional<Refusal> bad = Packets.checkGuest(call, guest, kind, b);
    if (bad.isPresent()) {
      return bad.get();
    }
    Call.Range source = new Call.Range("GUEST_PADDR", b.guestPaddr(), b.guestLen());
    Call.Range header = new Call.Range("HDR_PADDR", b.hdrPaddr(), Packets.HEADER_BYTES);
    Call.Range packet = new Call.Range("TRANS_PADDR", b.transPaddr(), b.guestLen());
    bad = call.check(1, source, header, packet);
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Packets.question(b),
        () -> {
          send(call, guest, b);
          return Optional.empty();
        });
  }

  private void send(Call call, Guest guest, LaunchSecretBuffer b) {
    byte[] iv = new byte[16];
    call.platform().random().nextBytes(iv);
    MemoryView secret = call.platform().memory().view(guest.asid());
    MemoryView host = call.platform().memory().view(PageTag.SHARED);
    PacketCipher cipher = guest.keys().transport().packet(kind, 0, iv, b.guestLen());
    byte[] plain = call.platform().room(TwoThreads.PIECE_BYTES);
    byte[][] packet = call.platform().ring();
    long from = b.guestPaddr();
    try {
      TwoThreads.relay(
          from,
          b.guestLen(),
          (at, count) -> {
            byte[] piece = packet[TwoThreads.slot(from, at)];
            secret.read(from + at, MemorySegment.ofArray(plain).asSlice(0, count));
            cipher.crypt(plain, 0, count, piece, 0);
            host.write(b.transPaddr() + at, MemorySegment.ofArray(piece).asSlice(0, count));
          },
          (at, count) -> cipher.authenticate(packet[TwoThreads.slot(from, at)], 0, count));
    } finally {
      Arrays.fill(plain, 0, Math.min(b.guestLen(), TwoThreads.PIECE_BYTES), (byte) 0);
    }
    call.write(b.hdrPaddr(), PacketHeader.of(0, iv, cipher.mac()).toBytes());
    answer(b).write(call.buffer());
  }

  private static LaunchSecretBuffer answer(LaunchSecretBuffer b) {
    return new LaunchSecretBuffer(
        b.handle(),
        b.hdrPaddr(),
        Packets.HEADER_BYTES,
        b.guestPaddr(),
        b.guestLen(),
        b.transPaddr(),
        b.guestLen());
  }
}
