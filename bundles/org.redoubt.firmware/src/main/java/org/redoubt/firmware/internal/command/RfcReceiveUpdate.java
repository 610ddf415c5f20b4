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
 * RECEIVE_UPDATE of the seed's profile: what the host has put at ADDRESS becomes guest memory
 * there. It is authenticated by RECEIVE_FINISH: the guest does not run before.
 *
 * <pre>
 * INVALID_LEN      LENGTH is 0, no multiple of 16, or above 4 MiB
 * INVALID_ADDRESS  ADDRESS is no multiple of 16, not memory, or overlaps the command buffer
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
public final class RfcReceiveUpdate extends Command.OfGuest {
  private static final StructLayout LAYOUT = RfcBuffers.RECEIVE_UPDATE;

  /** The one there is. */
  public RfcReceiveUpdate() {
    super(SevCommand.RECEIVE_UPDATE_DATA, LAYOUT, EnumSet.of(GuestState.RUPDATE), Activity.ACTIVE);
  }

  @Override
  public int handleOffset() {
    return RfcBuffers.HANDLE_OFFSET;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    MemorySegment b = call.buffer();
    int length = RfcBuffers.getInt(LAYOUT, "LENGTH", b);
    Call.Range at =
        new Call.Range("ADDRESS", Field.of(LAYOUT, "ADDRESS").get(b), Math.max(0, length));
    Optional<Refusal> bad = RfcUpdate.checkLength(length).or(() -> call.check(16, at));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        RfcUpdate.question(at),
        () -> {
          RfcStream stream = RfcUpdate.stream(guest);
          byte[] iv = RfcBuffers.get(LAYOUT, "IV", b);
          byte[] piece = call.read(at);
          byte[] plain = stream.crypt(guest.keys().transport().tek(), iv, piece);
          call.platform().memory().view(guest.asid()).write(at.spa(), MemorySegment.ofArray(plain));
          Arrays.fill(plain, (byte) 0);
          stream.passed(iv, piece);
          return Optional.empty();
        });
  }
}
