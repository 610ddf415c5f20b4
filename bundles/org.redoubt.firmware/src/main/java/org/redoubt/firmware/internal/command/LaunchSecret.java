package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.Measurement;
import org.redoubt.spec.sev.command.PacketHeader;

/**
 * LAUNCH_SECRET: a packet of the guest owner, authenticated for this very launch, goes into the
 * guest. May run many times.
 *
 * <pre>
 * INVALID_LEN      HDR_LEN is not 52, GUEST_LEN is 0, no multiple of 16 or above 16 KiB, or TRANS_LEN differs from it
 * INVALID_ADDRESS  GUEST_PADDR is no multiple of 16, a range is not memory, or two overlap
 * INVALID_PARAM    FLAGS of the header has reserved bits set
 * UNSUPPORTED      the packet is compressed
 * BAD_MEASUREMENT  MAC does not match
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class LaunchSecret extends Command.OfGuest {
  private static final int BLOCK = 16;
  private static final int MAX_BYTES = 16 << 10;

  LaunchSecret() {
    super(
        SevCommand.LAUNCH_SECRET,
        LaunchSecretBuffer.LAYOUT,
        EnumSet.of(GuestState.LSECRET),
        Activity.ACTIVE);
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    LaunchSecretBuffer b = LaunchSecretBuffer.read(call.buffer());
    Optional<Refusal> bad = checkLengths(b);
    if (bad.isPresent()) {
      return bad.get();
    }
    Call.Range guestRange = new Call.Range("GUEST_PADDR", b.guestPaddr(), b.guestLen());
    bad = call.check(BLOCK, guestRange);
    if (bad.isPresent()) {
      return bad.get();
    }
    Call.Range header = new Call.Range("HDR_PADDR", b.hdrPaddr(), b.hdrLen());
    Call.Range packet = new Call.Range("TRANS_PADDR", b.transPaddr(), b.transLen());
    bad = call.check(1, guestRange, header, packet);
    if (bad.isPresent()) {
      return bad.get();
    }
    return authenticate(call, guest, b, new PacketHeader(call.read(header)), call.read(packet));
  }

  private static Optional<Refusal> checkLengths(LaunchSecretBuffer b) {
    if (b.hdrLen() != PacketHeader.LAYOUT.byteSize()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "HDR_LEN: expected %d, found %d",
              PacketHeader.LAYOUT.byteSize(),
              Integer.toUnsignedLong(b.hdrLen())));
    }
    if (b.guestLen() <= 0 || b.guestLen() % BLOCK != 0 || b.guestLen() > MAX_BYTES) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "GUEST_LEN: expected a multiple of 16 up to %d, found %d",
              MAX_BYTES,
              Integer.toUnsignedLong(b.guestLen())));
    }
    if (b.transLen() != b.guestLen()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "TRANS_LEN: expected %d as GUEST_LEN, found %d",
              b.guestLen(),
              Integer.toUnsignedLong(b.transLen())));
    }
    return Optional.empty();
  }

  private static Decision authenticate(
      Call call, Guest guest, LaunchSecretBuffer b, PacketHeader header, byte[] ciphertext) {
    if ((header.flags() & ~PacketHeader.FLAG_COMPRESSED) != 0) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM,
          "HDR.FLAGS: expected bits 31:1 zero, found %Xh",
          header.flags());
    }
    if (header.flags() != 0) {
      return Refusal.of(FirmwareStatus.UNSUPPORTED, "HDR.FLAGS.COMPRESSED: expected 0, found 1");
    }
    Measurement measurement = guest.measurement();
    TransportKeys keys = guest.keys().transport();
    if (measurement == null
        || !keys.secretIsAuthentic(header, b.guestLen(), ciphertext, measurement)) {
      return Refusal.of(
          FirmwareStatus.BAD_MEASUREMENT,
          "HDR.MAC: expected the MAC of this packet under the TIK and measurement of guest %d,"
              + " found another value",
          guest.handle());
    }
    Map<String, String> question =
        Map.of(
            "GUEST_PADDR",
            "%X".formatted(b.guestPaddr()),
            "GUEST_LEN",
            "%X".formatted(b.guestLen()));
    return Approval.asking(
        question,
        () -> {
          byte[] secret = keys.openSecret(header, ciphertext);
          try {
            call.platform()
                .memory()
                .view(guest.asid())
                .write(b.guestPaddr(), MemorySegment.ofArray(secret));
          } finally {
            Arrays.fill(secret, (byte) 0);
          }
          return Optional.empty();
        });
  }
}
