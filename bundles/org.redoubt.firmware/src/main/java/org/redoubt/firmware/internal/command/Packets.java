package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.PacketCipher;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.command.LaunchSecretBuffer;
import org.redoubt.spec.sev.command.PacketHeader;

/** What SEND_UPDATE and RECEIVE_UPDATE check alike. */
final class Packets {
  /** Bytes of a packet's header. */
  static final int HEADER_BYTES = (int) PacketHeader.LAYOUT.byteSize();

  /** The most that goes into one packet. */
  private static final int MAX_BYTES = 4 << 20;

  private static final int BLOCK = 16;

  private Packets() {}

  /** GUEST_LEN and the alignment of GUEST_PADDR. */
  static Optional<Refusal> checkGuest(Call call, Guest guest, int kind, LaunchSecretBuffer b) {
    if (b.guestLen() <= 0 || b.guestLen() % BLOCK != 0 || b.guestLen() > MAX_BYTES) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_LEN,
              "GUEST_LEN: expected a multiple of 16 up to %d, found %d",
              MAX_BYTES,
              Integer.toUnsignedLong(b.guestLen())));
    }
    Call.Range range = new Call.Range("GUEST_PADDR", b.guestPaddr(), b.guestLen());
    return kind == PacketCipher.KIND_VMSA
        ? Vmsa.check(call, guest, "GUEST_LEN", b.guestLen(), range)
        : call.check(BLOCK, range);
  }

  /** What policies are told. */
  static Map<String, String> question(LaunchSecretBuffer b) {
    return Map.of(
        "GUEST_PADDR", "%X".formatted(b.guestPaddr()), "GUEST_LEN", "%X".formatted(b.guestLen()));
  }
}
