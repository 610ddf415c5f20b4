package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.PekCsrBuffer;

/**
 * PEK_CSR: the PEK's certificate without signatures, for an owner to sign.
 *
 * <pre>
 * INVALID_LEN      CSR_LEN is below 2084; it comes back as 2084
 * INVALID_ADDRESS  CSR_PADDR is not memory, or overlaps the command buffer
 * POLICY_FAILURE   a policy refuses
 * </pre>
 */
final class PekCsr extends Command {
  PekCsr() {
    super(SevCommand.PEK_CSR, PekCsrBuffer.LAYOUT, PlatformStates.INIT);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    PekCsrBuffer b = PekCsrBuffer.read(call.buffer());
    PekCsrBuffer answer = new PekCsrBuffer(b.csrPaddr(), SevCertificate.BYTES);
    if (Integer.compareUnsigned(b.csrLen(), SevCertificate.BYTES) < 0) {
      answer.write(call.buffer());
      return Refusal.shortBuffer(
          "CSR_LEN: expected at least %d, found %d",
          SevCertificate.BYTES, Integer.toUnsignedLong(b.csrLen()));
    }
    Optional<Refusal> bad =
        call.check(1, new Call.Range("CSR_PADDR", b.csrPaddr(), SevCertificate.BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.asking(
        Map.of(),
        () -> {
          SevCertificate csr = call.platform().keys().pekCertificate().withoutSignatures();
          call.write(b.csrPaddr(), csr.toBytes());
          answer.write(call.buffer());
          return Optional.empty();
        });
  }
}
