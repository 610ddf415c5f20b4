package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.RfcStream;
import org.redoubt.spec.sev.FirmwareStatus;

/** What SEND_UPDATE and RECEIVE_UPDATE of the seed's profile have in common. */
final class RfcUpdate {
  private static final int BLOCK = 16;
  private static final int MAX_BYTES = 4 << 20;

  private RfcUpdate() {}

  static Optional<Refusal> checkLength(int length) {
    return length > 0 && length % BLOCK == 0 && length <= MAX_BYTES
        ? Optional.empty()
        : Optional.of(
            Refusal.of(
                FirmwareStatus.INVALID_LEN,
                "LENGTH: expected a multiple of 16 up to %d, found %d",
                MAX_BYTES,
                Integer.toUnsignedLong(length)));
  }

  static Map<String, String> question(Call.Range guest) {
    return Map.of(
        "GUEST_PADDR", "%X".formatted(guest.spa()), "GUEST_LEN", "%X".formatted(guest.bytes()));
  }

  /** The stream of a guest that is under way; it has one. */
  static RfcStream stream(Guest guest) {
    RfcStream stream = guest.stream();
    if (stream == null) {
      throw new IllegalStateException("Bug: a guest under way without a stream");
    }
    return stream;
  }

  static byte[] readPrivate(Call call, Guest guest, Call.Range range) {
    byte[] out = new byte[(int) range.bytes()];
    call.platform().memory().view(guest.asid()).read(range.spa(), MemorySegment.ofArray(out));
    return out;
  }
}
