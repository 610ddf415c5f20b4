package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.RfcStream;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Field;

/**
 * SEND_UPDATE of the seed's profile: guest memory leaves under the TEK. Its IV is that of
 * SEND_START, plus the blocks sent so far.
 *
 * <pre>
 * INVALID_LEN      LENGTH is 0, no multiple of 16, or above 4 MiB
 * INVALID_ADDRESS  an address is no multiple of 16 or not memory, or the ranges overlap
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
public final class RfcSendUpdate extends Command.OfGuest {
  private static final StructLayout LAYOUT = RfcBuffers.SEND_UPDATE;

  /** The one there is. */
  public RfcSendUpdate() {
    super(SevCommand.SEND_UPDATE_DATA, LAYOUT, EnumSet.of(GuestState.SUPDATE), Activity.ACTIVE);
  }

  @Override
  public int handleOffset() {
    return RfcBuffers.HANDLE_OFFSET;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    MemorySegment b = call.buffer();
    int length = RfcBuffers.getInt(LAYOUT, "LENGTH", b);
    Call.Range from =
        new Call.Range("SRC_ADDR", Field.of(LAYOUT, "SRC_ADDR").get(b), Math.max(0, length));
    Call.Range to =
        new Call.Range("DST_ADDR", Field.of(LAYOUT, "DST_ADDR").get(b), Math.max(0, length));
    Optional<Refusal> bad = RfcUpdate.checkLength(length).or(() -> call.check(16, from, to));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        RfcUpdate.question(from),
        () -> {
          RfcStream stream = RfcUpdate.stream(guest);
          byte[] iv = stream.iv();
          byte[] plain = RfcUpdate.readPrivate(call, guest, from);
          byte[] piece = stream.crypt(guest.keys().transport().tek(), iv, plain);
          Arrays.fill(plain, (byte) 0);
          call.write(to.spa(), piece);
          stream.passed(iv, piece);
          return Optional.empty();
        });
  }
}
