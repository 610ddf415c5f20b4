package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.ConstantTime;
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
import org.redoubt.struct.Field;

/**
 * SEND_FINISH and RECEIVE_FINISH of the seed's profile: the former gives the measurement of all
 * that was sent out (SUPDATE to SENT), the latter takes the guest only if it has the same (RUPDATE
 * to RUNNING). The transport keys go.
 *
 * <pre>
 * BAD_MEASUREMENT  RECEIVE_FINISH: MEASUREMENT does not match
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
public final class RfcFinish extends Command.OfGuest {
  private static final StructLayout LAYOUT = RfcBuffers.FINISH;
  private static final Field MEASUREMENT = Field.of(LAYOUT, "MEASUREMENT");

  private final boolean sends;

  private RfcFinish(SevCommand id, GuestState from, boolean sends) {
    super(id, LAYOUT, EnumSet.of(from), Activity.ANY);
    this.sends = sends;
  }

  /** SEND_FINISH. */
  public static RfcFinish ofSend() {
    return new RfcFinish(SevCommand.SEND_FINISH, GuestState.SUPDATE, true);
  }

  /** RECEIVE_FINISH. */
  public static RfcFinish ofReceive() {
    return new RfcFinish(SevCommand.RECEIVE_FINISH, GuestState.RUPDATE, false);
  }

  @Override
  public int handleOffset() {
    return RfcBuffers.HANDLE_OFFSET;
  }

  @Override
  public boolean hasOutput() {
    return sends;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    MemorySegment b = call.buffer();
    byte[] is = RfcUpdate.stream(guest).measurement(guest.keys().transport().tik());
    if (!sends && !ConstantTime.equal(is, MEASUREMENT.getBytes(b))) {
      return Refusal.of(
          FirmwareStatus.BAD_MEASUREMENT,
          "MEASUREMENT: expected that of all pieces under the TIK of guest %d, found another value",
          guest.handle());
    }
    return Approval.asking(
        Map.of(),
        () -> {
          if (sends) {
            MEASUREMENT.setBytes(b, is);
          }
          guest.setState(sends ? GuestState.SENT : GuestState.RUNNING);
          guest.setStream(null);
          guest.keys().replaceTransport(TransportKeys.generate(call.platform().random()));
          return Optional.empty();
        });
  }
}
