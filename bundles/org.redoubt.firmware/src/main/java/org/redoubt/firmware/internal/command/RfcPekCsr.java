package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.RfcKeys;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Field;

/**
 * PEK_CSR of the seed's profile: a request for a certificate (PKCS #10) behind BUFFER_LEN, which
 * comes back as what was needed.
 *
 * <pre>
 * INVALID_LEN      BUFFER_LEN is too short; it comes back as needed
 * INVALID_ADDRESS  the buffer is not memory as far as that
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
public final class RfcPekCsr extends Command {
  private static final Field LENGTH = Field.of(RfcBuffers.CSR, "BUFFER_LEN");

  /** The one there is. */
  public RfcPekCsr() {
    super(SevCommand.PEK_CSR, RfcBuffers.CSR, PlatformStates.INIT);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    byte[] request = RfcKeys.request(call.platform().keys());
    int given = LENGTH.getInt(call.buffer());
    int fixed = (int) RfcBuffers.CSR.byteSize();
    LENGTH.set(call.buffer(), fixed + request.length);
    if (Integer.compareUnsigned(given, fixed + request.length) < 0) {
      return Refusal.shortBuffer(
          "BUFFER_LEN: expected at least %d, found %d",
          fixed + request.length, Integer.toUnsignedLong(given));
    }
    Call.Range rest = new Call.Range("CSR", call.bufferSpa() + fixed, request.length);
    Optional<Refusal> bad = call.check(1, rest);
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of(),
        () -> {
          call.write(rest.spa(), request);
          return Optional.empty();
        });
  }
}
