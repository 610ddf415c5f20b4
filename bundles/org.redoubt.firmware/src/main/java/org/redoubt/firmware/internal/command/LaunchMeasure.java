package org.redoubt.firmware.internal.command;

import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.Measurement;

/**
 * LAUNCH_MEASURE: LUPDATE to LSECRET; gives out the measurement under a fresh nonce. Needs no ASID.
 *
 * <pre>
 * INVALID_LEN      MEASURE_LEN is below 48; it comes back as 48
 * INVALID_ADDRESS  MEASURE_PADDR is not memory
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class LaunchMeasure extends Command.OfGuest {
  private static final int BYTES = (int) Measurement.LAYOUT.byteSize();
  private static final int NONCE_BYTES = 16;

  LaunchMeasure() {
    super(
        SevCommand.LAUNCH_MEASURE,
        LaunchMeasureBuffer.LAYOUT,
        EnumSet.of(GuestState.LUPDATE),
        Activity.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    LaunchMeasureBuffer b = LaunchMeasureBuffer.read(call.buffer());
    LaunchMeasureBuffer answer = new LaunchMeasureBuffer(b.handle(), b.measurePaddr(), BYTES);
    if (Integer.compareUnsigned(b.measureLen(), BYTES) < 0) {
      answer.write(call.buffer());
      return Refusal.shortBuffer(
          "MEASURE_LEN: expected at least %d, found %d",
          BYTES, Integer.toUnsignedLong(b.measureLen()));
    }
    Optional<Refusal> bad = call.check(1, new Call.Range("MEASURE_PADDR", b.measurePaddr(), BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of(),
        () -> {
          byte[] nonce = new byte[NONCE_BYTES];
          call.platform().random().nextBytes(nonce);
          Measurement m =
              guest
                  .keys()
                  .transport()
                  .measure(
                      call.platform().version().apiMajor(),
                      call.platform().version().apiMinor(),
                      call.platform().version().build(),
                      guest.policy(),
                      guest.launchDigest(),
                      nonce);
          call.write(b.measurePaddr(), m.toBytes());
          answer.write(call.buffer());
          guest.setMeasurement(m);
          guest.setState(GuestState.LSECRET);
          return Optional.empty();
        });
  }
}
