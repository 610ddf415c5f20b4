package org.redoubt.firmware.internal.command;

import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u32;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Primitives;
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
 * LAUNCH_FINISH of the seed's profile: measures and finishes in one, LUPDATE to RUNNING. The
 * measurement is HMAC-SHA256 under the TIK of the launch digest.
 *
 * <pre>
 * UNSUPPORTED     STATE_COUNT is not 0: no vCPU state is measured
 * POLICY_FAILURE  a policy refuses
 * </pre>
 */
public final class RfcLaunchFinish extends Command.OfGuest {
  private static final StructLayout LAYOUT =
      struct("RFC_LAUNCH_FINISH", u32("HANDLE"), u32("STATE_COUNT"), bytes(32, "MEASUREMENT"));

  private static final Field STATE_COUNT = Field.of(LAYOUT, "STATE_COUNT");
  private static final Field MEASUREMENT = Field.of(LAYOUT, "MEASUREMENT");

  /** Where STATE_COUNT is in the buffer of this class. */
  public static final long STATE_COUNT_OFFSET = STATE_COUNT.offset();

  /** Where MEASUREMENT is in the buffer of this class. */
  public static final long MEASUREMENT_OFFSET = MEASUREMENT.offset();

  /** The one there is. */
  public RfcLaunchFinish() {
    super(SevCommand.LAUNCH_FINISH, LAYOUT, EnumSet.of(GuestState.LUPDATE), Activity.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    MemorySegment b = call.buffer();
    if (STATE_COUNT.get(b) != 0) {
      return Refusal.of(
          FirmwareStatus.UNSUPPORTED,
          "STATE_COUNT: expected 0 (no vCPU state), found %d",
          STATE_COUNT.get(b));
    }
    return Approval.asking(
        Map.of(),
        () -> {
          MEASUREMENT.setBytes(
              b, Primitives.hmacSha256(guest.keys().transport().tik(), guest.launchDigest()));
          guest.setState(GuestState.RUNNING);
          return Optional.empty();
        });
  }
}
