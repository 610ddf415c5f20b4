package org.redoubt.firmware.internal.command;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.Finding;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.PekCertImportBuffer;

/**
 * PEK_CERT_IMPORT: the platform gets an owner: its OCA signs our PEK from now on, our own OCA key
 * is forgotten, and a fresh PDH is made.
 *
 * <pre>
 * ALREADY_OWNED        the platform has an owner; PEK_GEN takes it back
 * INVALID_LEN          PEK_CERT_LEN or OCA_CERT_LEN is not 2084
 * INVALID_ADDRESS      a certificate is not memory, or they overlap
 * INVALID_CERTIFICATE  the OCA's form, usage, algorithm or curve is wrong, or it did not sign itself
 * BAD_SIGNATURE        the OCA's own signature does not verify
 * INVALID_CERTIFICATE  the PEK's form, usage, algorithm or curve is wrong, it lacks the OCA's signature, or has another
 * BAD_SIGNATURE        the OCA's signature of the PEK does not verify
 * INVALID_CERTIFICATE  it is not what PEK_CSR gives now
 * POLICY_FAILURE       a policy refuses
 * HWERROR_PLATFORM     the state cannot be written
 * </pre>
 */
final class PekCertImport extends Command {
  PekCertImport() {
    super(SevCommand.PEK_CERT_IMPORT, PekCertImportBuffer.LAYOUT, PlatformStates.INIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    PekCertImportBuffer b = PekCertImportBuffer.read(call.buffer());
    if (p.keys().owned()) {
      return Refusal.of(
          FirmwareStatus.ALREADY_OWNED, "Owner: expected the platform itself, found another OCA");
    }
    if (b.pekCertLen() != SevCertificate.BYTES || b.ocaCertLen() != SevCertificate.BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "PEK_CERT_LEN, OCA_CERT_LEN: expected %d, %d, found %d, %d",
          SevCertificate.BYTES,
          SevCertificate.BYTES,
          Integer.toUnsignedLong(b.pekCertLen()),
          Integer.toUnsignedLong(b.ocaCertLen()));
    }
    Call.Range pekRange = new Call.Range("PEK_CERT_PADDR", b.pekCertPaddr(), b.pekCertLen());
    Call.Range ocaRange = new Call.Range("OCA_CERT_PADDR", b.ocaCertPaddr(), b.ocaCertLen());
    Optional<Refusal> bad = call.check(1, pekRange, ocaRange);
    if (bad.isPresent()) {
      return bad.get();
    }
    SevCertificate pek = new SevCertificate(call.read(pekRange));
    SevCertificate oca = new SevCertificate(call.read(ocaRange));
    Optional<Finding> wrong =
        ChainReport.checkOca(oca)
            .or(() -> Certificates.checkBody(pek, Usage.PEK))
            .or(() -> Certificates.checkSignedBy(pek, oca))
            .or(() -> Certificates.checkOtherSlotsEmpty(pek, Usage.OCA));
    if (wrong.isPresent()) {
      return Refusal.of(wrong.get());
    }
    if (!Arrays.equals(pek.body(), p.keys().pekCertificate().body())) {
      return Refusal.of(
          FirmwareStatus.INVALID_CERTIFICATE,
          "PEK: expected the certificate that PEK_CSR gives now, found another key or version");
    }
    return Approval.asking(
        Map.of("OCA", Fingerprints.of(oca)),
        () -> PekGen.replace(p, p.keys().ownedBy(oca, pek, p.chip(), p.api(), p.random())));
  }
}
