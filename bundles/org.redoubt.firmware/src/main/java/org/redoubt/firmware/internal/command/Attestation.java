package org.redoubt.firmware.internal.command;

import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Primitives;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.AttestationBuffer;
import org.redoubt.spec.sev.command.AttestationReport;

/**
 * ATTESTATION: launch digest and policy of a guest under the PEK's signature. Needs no ASID.
 *
 * <pre>
 * INVALID_LEN      LENGTH is below 208; it comes back as 208
 * INVALID_ADDRESS  PADDR is not memory, or overlaps the command buffer
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class Attestation extends Command.OfGuest {
  private static final int BYTES = (int) AttestationReport.LAYOUT.byteSize();

  Attestation() {
    super(
        SevCommand.ATTESTATION,
        AttestationBuffer.LAYOUT,
        EnumSet.of(GuestState.LSECRET, GuestState.RUNNING, GuestState.SUPDATE),
        Activity.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    AttestationBuffer b = new AttestationBuffer(call.buffer().toArray(ValueLayout.JAVA_BYTE));
    AttestationBuffer answer = AttestationBuffer.of(b.handle(), b.paddr(), b.mnonce(), BYTES);
    if (Integer.compareUnsigned(b.length(), BYTES) < 0) {
      answer.write(call.buffer());
      return Refusal.shortBuffer(
          "LENGTH: expected at least %d, found %d", BYTES, Integer.toUnsignedLong(b.length()));
    }
    Optional<Refusal> bad = call.check(1, new Call.Range("PADDR", b.paddr(), BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of("MNONCE", HexFormat.of().formatHex(b.mnonce())),
        () -> {
          call.write(b.paddr(), report(call, guest, b.mnonce()).toBytes());
          answer.write(call.buffer());
          return Optional.empty();
        });
  }

  private static AttestationReport report(Call call, Guest guest, byte[] mnonce) {
    byte[] digest = guest.launchedHere() ? guest.launchDigest() : new byte[Primitives.SHA256_BYTES];
    AttestationReport report = AttestationReport.unsigned(mnonce, digest, guest.policy().bits());
    return report.withSignature(
        call.platform().keys().pek().sign(Primitives.sha256(report.body())));
  }
}
