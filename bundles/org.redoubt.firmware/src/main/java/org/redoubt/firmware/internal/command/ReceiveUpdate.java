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
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.PacketHeader;

/**
 * What RECEIVE_UPDATE_DATA and RECEIVE_UPDATE_VMSA have in common: a packet of the sending platform
 * becomes guest memory. The packet is copied once; what is authenticated is what is decrypted, and
 * nothing reaches the guest before the MAC was found good.
 *
 * <pre>
 * INVALID_LEN      HDR_LEN is not 52
 * INVALID_LEN      GUEST_LEN is 0, no multiple of 16, or above 4 MiB
 * POLICY_FAILURE   VMSA: POLICY.ES is 0
 * INVALID_LEN      VMSA: GUEST_LEN is not 4096
 * INVALID_LEN      TRANS_LEN differs from GUEST_LEN
 * INVALID_ADDRESS  GUEST_PADDR is not aligned, a range is not memory, or two overlap
 * INVALID_PARAM    FLAGS of the header has reserved bits set
 * UNSUPPORTED      the packet is compressed
 * BAD_MEASUREMENT  MAC does not match
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
abstract class ReceiveUpdate extends Command.OfGuest {
  private static final long PAGE_BYTES = 4096;

  private final int kind;

  ReceiveUpdate(SevCommand id, int kind) {
    super(id, LaunchSecretBuffer.LAYOUT, EnumSet.of(GuestState.RUPDATE), Activity.ACTIVE);
    this.kind = kind;
  }

  @Override
  protected final Decision check(Call call, Guest guest) {
    LaunchSecretBuffer b = LaunchSecretBuffer.read(call.buffer());
    if (b.hdrLen() != Packets.HEADER_BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "HDR_LEN: expected %d, found %d",
          Packets.HEADER_BYTES,
          Integer.toUnsignedLong(b.hdrLen()));
    }
    Optional<Refusal> bad = Packets.checkGuest(call, guest, kind, b);
    if (bad.isPresent()) {
      return bad.get();
    }
    if (b.transLen() != b.guestLen()) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "TRANS_LEN: expected %d as GUEST_LEN, found %d",
          b.guestLen(),
          Integer.toUnsignedLong(b.transLen()));
    }
    Call.Range header = new Call.Range("HDR_PADDR", b.hdrPaddr(), b.hdrLen());
    bad =
        call.check(
            1,
            new Call.Range("GUEST_PADDR", b.guestPaddr(), b.guestLen()),
            header,
            new Call.Range("TRANS_PADDR", b.transPaddr(), b.transLen()));
    if (bad.isPresent()) {
      return bad.get();
    }
    PacketHeader h = new PacketHeader(call.read(header));
    if ((h.flags() & ~PacketHeader.FLAG_COMPRESSED) != 0) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM, "HDR.FLAGS: expected bits 31:1 zero, found %Xh", h.flags());
    }
    if (h.flags() != 0) {
      return Refusal.of(FirmwareStatus.UNSUPPORTED, "HDR.FLAGS.COMPRESSED: expected 0, found 1");
    }
    return open(call, guest, b, h);
  }

  private Decision open(Call call, Guest guest, LaunchSecretBuffer b, PacketHeader header) {
    MemoryView host = call.platform().memory().view(PageTag.SHARED);
    MemoryView secret = call.platform().memory().view(guest.asid());
    PacketCipher cipher =
        guest.keys().transport().packet(kind, header.flags(), header.iv(), b.guestLen());
    int length = b.guestLen();
    byte[][] packet = call.platform().ring();
    byte[] plain = call.platform().room(length);
    boolean good = false;
    try {
      TwoThreads.relay(
          b.transPaddr(),
          length,
          (at, count) -> {
            byte[] piece = packet[TwoThreads.slot(b.transPaddr(), at)];
            host.read(b.transPaddr() + at, MemorySegment.ofArray(piece).asSlice(0, count));
            cipher.crypt(piece, 0, count, plain, (int) at);
            makeRoom(secret, b.guestPaddr() + at, count);
          },
          (at, count) ->
              cipher.authenticate(packet[TwoThreads.slot(b.transPaddr(), at)], 0, count));
      good = cipher.isAuthentic(header.mac());
    } finally {
      if (!good) {
        Arrays.fill(plain, 0, length, (byte) 0);
      }
    }
    if (!good) {
      return Refusal.of(
          FirmwareStatus.BAD_MEASUREMENT,
          "HDR.MAC: expected the MAC of this packet under the TIK of guest %d, found another"
              + " value",
          guest.handle());
    }
    return Approval.asking(
            Packets.question(b),
            () -> {
              try {
                TwoThreads.share(
                    b.guestPaddr(),
                    length,
                    (at, count) ->
                        secret.write(
                            b.guestPaddr() + at, MemorySegment.ofArray(plain).asSlice(at, count)));
              } finally {
                Arrays.fill(plain, 0, length, (byte) 0);
              }
              return Optional.empty();
            })
        .orElse(() -> Arrays.fill(plain, 0, length, (byte) 0));
  }

  /**
   * Has the SoC cache get the pages that will be written if the MAC is right: others have to be
   * evicted for them, which this thread has time for while another computes the MAC.
   */
  private static void makeRoom(MemoryView secret, long spa, int count) {
    for (long at = spa; at < spa + count; at = (at | PAGE_BYTES - 1) + 1) {
      secret.getByte(at);
    }
  }
}
