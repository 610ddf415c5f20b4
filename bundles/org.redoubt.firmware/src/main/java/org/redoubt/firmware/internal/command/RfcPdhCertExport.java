package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Optional;
import org.redoubt.crypto.P256Key;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.keys.RfcKeys;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Field;
import org.redoubt.struct.Layouts;

/**
 * PDH_CERT_EXPORT of the seed's profile: the PDH, what PEK and CEK have signed, and the
 * certificates from PEK to owner behind the fixed part. PEK_SIG is over version, serial number and
 * PDH, CEK_SIG over the PEK's point.
 *
 * <pre>
 * INVALID_LEN       BUFFER_LEN is too short; it comes back as needed
 * INVALID_ADDRESS   the buffer is not memory as far as that
 * HWERROR_PLATFORM  the maker's key cannot be read or kept
 * </pre>
 */
public final class RfcPdhCertExport extends Command {
  private static final StructLayout LAYOUT = RfcBuffers.EXPORT;
  private static final Field LENGTH = Field.of(LAYOUT, "BUFFER_LEN");

  /** The one there is. */
  public RfcPdhCertExport() {
    super(SevCommand.PDH_CERT_EXPORT, LAYOUT, PlatformStates.INITIALIZED);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> guest) {
    byte[] chain = RfcKeys.chain(call.platform().keys());
    int given = LENGTH.getInt(call.buffer());
    int fixed = (int) LAYOUT.byteSize();
    LENGTH.set(call.buffer(), fixed + chain.length);
    if (Integer.compareUnsigned(given, fixed + chain.length) < 0) {
      return Refusal.shortBuffer(
          "BUFFER_LEN: expected at least %d, found %d",
          fixed + chain.length, Integer.toUnsignedLong(given));
    }
    Call.Range rest = new Call.Range("CERTS", call.bufferSpa() + fixed, chain.length);
    Optional<Refusal> bad = call.check(1, rest);
    if (bad.isPresent()) {
      return bad.get();
    }
    return Approval.of(() -> {
      try {
        fill(call.platform(), call.buffer(), chain);
        call.write(rest.spa(), chain);
        return Optional.empty();
      } catch (IOException e) {
        return Optional.of(StateErrors.refusal(e));
      }
    });
  }

  private static void fill(Platform p, MemorySegment b, byte[] chain) throws IOException {
    p.chip().makersSignature(); // so that it is in the state folder, as from the maker's server
    try (P256Key pdh = RfcKeys.pdh(p.keys());
        P256Key pek = RfcKeys.pek(p.keys());
        P256Key cek = RfcKeys.cek(p.chip())) {
      Field.of(LAYOUT, "API_MAJOR").set(b, p.version().apiMajor());
      Field.of(LAYOUT, "API_MINOR").set(b, p.version().apiMinor());
      Field.of(LAYOUT, "PAD").setBytes(b, new byte[2]);
      Field.of(LAYOUT, "SERIAL").set(b, MemorySegment.ofArray(p.chip().id()).get(Layouts.LE32, 0));
      Field.of(LAYOUT, "PDH_PUB").setBytes(b, pdh.point());
      Field.of(LAYOUT, "PEK_SIG").setBytes(b, pek.sign(RfcBuffers.platform(LAYOUT, "PDH_PUB", b)));
      Field.of(LAYOUT, "CEK_SIG").setBytes(b, cek.sign(pek.point()));
      Field.of(LAYOUT, "CEK_PUB").setBytes(b, cek.point());
      Field.of(LAYOUT, "NCERTS").set(b, RfcKeys.chainCount(p.keys()));
      Field.of(LAYOUT, "CERT_LEN").set(b, chain.length);
    }
  }
}
