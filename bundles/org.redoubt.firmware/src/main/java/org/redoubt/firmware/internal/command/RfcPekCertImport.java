package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Finding;
import org.redoubt.crypto.P256Certificates;
import org.redoubt.crypto.P256Key;
import org.redoubt.crypto.Primitives;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.OwnersChain;
import org.redoubt.firmware.internal.keys.RfcKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.SevCommand;

/**
 * PEK_CERT_IMPORT of the seed's profile: the platform gets an owner, by a chain of X.509
 * certificates in DER, one after the other, from the PEK's to the owner's.
 *
 * <pre>
 * ALREADY_OWNED        the platform has an owner; PEK_GEN takes it back
 * INVALID_PARAM        NCERTS is not 2 to 8
 * INVALID_LEN          CERT_LEN, all of them, is 0 or above 16,384, or more than BUFFER_LEN has room for
 * INVALID_ADDRESS      the buffer is not memory as far as that
 * INVALID_CERTIFICATE  one has no DER, another curve or usage, is expired, or is not by the next; the PEK's has another key
 * BAD_SIGNATURE        a signature does not verify
 * POLICY_FAILURE       a policy refuses
 * HWERROR_PLATFORM     the state cannot be written
 * </pre>
 */
public final class RfcPekCertImport extends Command {
  private static final int MAX_CERTS = 8;
  private static final int MAX_BYTES = 16 << 10;

  /** The one there is. */
  public RfcPekCertImport() {
    super(SevCommand.PEK_CERT_IMPORT, RfcBuffers.IMPORT, PlatformStates.INIT);
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    Platform p = call.platform();
    MemorySegment b = call.buffer();
    if (p.keys().owned()) {
      return Refusal.of(
          FirmwareStatus.ALREADY_OWNED, "Owner: expected the platform itself, found another OCA");
    }
    int count = RfcBuffers.getInt(RfcBuffers.IMPORT, "NCERTS", b);
    int bytes = RfcBuffers.getInt(RfcBuffers.IMPORT, "CERT_LEN", b);
    long given = Integer.toUnsignedLong(RfcBuffers.getInt(RfcBuffers.IMPORT, "BUFFER_LEN", b));
    long fixed = RfcBuffers.IMPORT.byteSize();
    if (count < 2 || count > MAX_CERTS) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM,
          "NCERTS: expected 2 to %d, found %d",
          MAX_CERTS,
          Integer.toUnsignedLong(count));
    }
    if (bytes <= 0 || bytes > MAX_BYTES || given < fixed + bytes) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "CERT_LEN: expected 1 to %d and at most BUFFER_LEN less %d, found %d",
          MAX_BYTES,
          fixed,
          Integer.toUnsignedLong(bytes));
    }
    Call.Range range = new Call.Range("CERTS", call.bufferSpa() + fixed, bytes);
    Optional<Refusal> bad = call.check(1, range);
    return bad.isPresent() ? bad.get() : check(p, new OwnersChain(count, call.read(range)));
  }

  private static Decision check(Platform p, OwnersChain chain) {
    return switch (P256Certificates.check(chain.certificates(), chain.count(), Instant.now())) {
      case P256Certificates.Checked.Bad(Finding f) -> Refusal.of(f);
      case P256Certificates.Checked.Good good -> {
        try (P256Key pek = RfcKeys.pek(p.keys())) {
          if (!Arrays.equals(good.leafPoint(), pek.point())) {
            yield Refusal.of(
                FirmwareStatus.INVALID_CERTIFICATE,
                "CERTS[0]: expected the key of the PEK, found another");
          }
        }
        yield Approval.asking(
            Map.of("OCA", Fingerprints.of(Primitives.sha256(good.root()))),
            () -> PekGen.replace(p, p.keys().ownedBy(chain, p.api(), p.random())));
      }
    };
  }
}
