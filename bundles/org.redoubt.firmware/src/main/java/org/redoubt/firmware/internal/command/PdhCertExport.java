package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.util.Optional;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.PdhCertExportBuffer;

/**
 * PDH_CERT_EXPORT: PDH into one buffer, PEK, OCA and CEK into the other.
 *
 * <pre>
 * INVALID_LEN       PDH_CERT_LEN or CERTS_LEN is too short; both come back as needed
 * INVALID_ADDRESS   a buffer is not memory, or they overlap
 * HWERROR_PLATFORM  the root cannot be read or kept
 * </pre>
 */
final class PdhCertExport extends Command {
  PdhCertExport() {
    super(SevCommand.PDH_CERT_EXPORT, PdhCertExportBuffer.LAYOUT, PlatformStates.INITIALIZED);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    PdhCertExportBuffer b = PdhCertExportBuffer.read(call.buffer());
    if (Integer.compareUnsigned(b.pdhCertLen(), SevCertificate.BYTES) < 0
        || Integer.compareUnsigned(b.certsLen(), PlatformChain.CERTS_BYTES) < 0) {
      lengths(b).write(call.buffer());
      return Refusal.shortBuffer(
          "PDH_CERT_LEN, CERTS_LEN: expected at least %d, %d, found %d, %d",
          SevCertificate.BYTES,
          PlatformChain.CERTS_BYTES,
          Integer.toUnsignedLong(b.pdhCertLen()),
          Integer.toUnsignedLong(b.certsLen()));
    }
    Optional<Refusal> bad =
        call.check(
            1,
            new Call.Range("PDH_CERT_PADDR", b.pdhCertPaddr(), SevCertificate.BYTES),
            new Call.Range("CERTS_PADDR", b.certsPaddr(), PlatformChain.CERTS_BYTES));
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.of(() -> export(call, b));
  }

  private static Optional<Refusal> export(Call call, PdhCertExportBuffer b) {
    try {
      SevCertificate cek = call.platform().chip().cekCertificate(call.platform().api());
      PlatformChain chain = call.platform().keys().chain(cek);
      call.write(b.pdhCertPaddr(), chain.pdh().toBytes());
      call.write(b.certsPaddr(), chain.certs());
      lengths(b).write(call.buffer());
      return Optional.empty();
    } catch (IOException e) {
      return Optional.of(StateErrors.refusal(e));
    }
  }

  private static PdhCertExportBuffer lengths(PdhCertExportBuffer b) {
    return new PdhCertExportBuffer(
        b.pdhCertPaddr(), SevCertificate.BYTES, b.certsPaddr(), PlatformChain.CERTS_BYTES);
  }
}
