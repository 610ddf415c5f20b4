package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Certificates;
import org.redoubt.crypto.ChainReport;
import org.redoubt.crypto.Finding;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.CaCertificate;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.command.SendStartBuffer;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * SEND_START: RUNNING to SUPDATE. Checks the target's certificates, makes fresh transport keys, and
 * gives out a session that only the target can open.
 *
 * <pre>
 * INVALID_LEN          SESSION_LEN is below 128; it comes back as 128
 * POLICY_FAILURE       POLICY.NOSEND refuses
 * INVALID_LEN          PDH_CERT_LEN is not 2084, PLAT_CERTS_LEN not 6252, or AMD_CERTS_LEN not two CA certificates
 * INVALID_ADDRESS      a range is not memory, or two overlap
 * INVALID_CERTIFICATE  a certificate's form is wrong, or POLICY.SEV and the root is not ours
 * BAD_SIGNATURE        a signature in the chain does not verify
 * POLICY_FAILURE       POLICY.DOMAIN and the target has another OCA, or its API is older than POLICY.API
 * POLICY_FAILURE       a policy refuses
 * HWERROR_PLATFORM     our own root cannot be read
 * </pre>
 */
final class SendStart extends Command.OfGuest {
  private static final int SESSION_BYTES = (int) SessionBlob.LAYOUT.byteSize();
  private static final int RSA_2048_BYTES = (int) CaCertificate.LAYOUT_2048.byteSize();
  private static final int RSA_4096_BYTES = (int) CaCertificate.LAYOUT_4096.byteSize();

  SendStart() {
    super(
        SevCommand.SEND_START,
        SendStartBuffer.LAYOUT,
        EnumSet.of(GuestState.RUNNING),
        Activity.ANY);
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    SendStartBuffer b = SendStartBuffer.read(call.buffer());
    if (Integer.compareUnsigned(b.sessionLen(), SESSION_BYTES) < 0) {
      answer(b, guest).write(call.buffer());
      return Refusal.shortBuffer(
          "SESSION_LEN: expected at least %d, found %d",
          SESSION_BYTES, Integer.toUnsignedLong(b.sessionLen()));
    }
    if (guest.policy().noSend()) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE, "POLICY.NOSEND: expected 0, found %s", guest.policy());
    }
    Optional<Refusal> bad = checkLengths(b);
    if (bad.isPresent()) {
      return bad.get();
    }
    Call.Range pdh = new Call.Range("PDH_CERT_PADDR", b.pdhCertPaddr(), b.pdhCertLen());
    Call.Range plat = new Call.Range("PLAT_CERTS_PADDR", b.platCertsPaddr(), b.platCertsLen());
    Call.Range amd = new Call.Range("AMD_CERTS_PADDR", b.amdCertsPaddr(), b.amdCertsLen());
    Call.Range session = new Call.Range("SESSION_PADDR", b.sessionPaddr(), SESSION_BYTES);
    bad = call.check(1, pdh, plat, amd, session);
    if (bad.isPresent()) {
      return bad.get();
    }
    byte[] maker = call.read(amd);
    return checkTarget(
        call,
        guest,
        b,
        new Target(
            PlatformChain.of(join(call.read(pdh), call.read(plat))),
            new CaCertificate(java.util.Arrays.copyOf(maker, maker.length / 2)),
            new CaCertificate(
                java.util.Arrays.copyOfRange(maker, maker.length / 2, maker.length))));
  }

  /** Where a guest is to go. */
  private record Target(PlatformChain chain, CaCertificate ask, CaCertificate ark) {}

  private static byte[] join(byte[] a, byte[] b) {
    byte[] out = java.util.Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, out, a.length, b.length);
    return out;
  }

  private static Optional<Refusal> checkLengths(SendStartBuffer b) {
    if (b.pdhCertLen() != SevCertificate.BYTES) {
      return length("PDH_CERT_LEN", String.valueOf(SevCertificate.BYTES), b.pdhCertLen());
    }
    if (b.platCertsLen() != PlatformChain.CERTS_BYTES) {
      return length("PLAT_CERTS_LEN", String.valueOf(PlatformChain.CERTS_BYTES), b.platCertsLen());
    }
    if (b.amdCertsLen() != 2 * RSA_2048_BYTES && b.amdCertsLen() != 2 * RSA_4096_BYTES) {
      return length(
          "AMD_CERTS_LEN", 2 * RSA_2048_BYTES + " or " + 2 * RSA_4096_BYTES, b.amdCertsLen());
    }
    return Optional.empty();
  }

  private static Optional<Refusal> length(String field, String expected, int found) {
    return Optional.of(
        Refusal.of(
            FirmwareStatus.INVALID_LEN,
            "%s: expected %s, found %d",
            field,
            expected,
            Integer.toUnsignedLong(found)));
  }

  private static Decision checkTarget(Call call, Guest guest, SendStartBuffer b, Target t) {
    Platform p = call.platform();
    CaCertificate trusted = t.ark;
    if (guest.policy().sev()) {
      try {
        trusted = p.chip().root().ark();
      } catch (IOException e) {
        return StateErrors.refusal(e);
      }
    }
    Optional<Finding> wrong = ChainReport.of(trusted, t.ark, t.ask, t.chain).firstFinding();
    if (wrong.isPresent()) {
      return Refusal.of(wrong.get());
    }
    GuestPolicy policy = guest.policy();
    String ours = Fingerprints.of(p.keys().ocaCertificate());
    String theirs = Fingerprints.of(t.chain.oca());
    if (policy.domain() && !ours.equals(theirs)) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE,
          "POLICY.DOMAIN: expected our OCA (SHA-256 %s), found %s",
          ours,
          theirs);
    }
    if (!policy.allowsApi(t.chain.pdh().apiMajor(), t.chain.pdh().apiMinor())) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE,
          "POLICY.API: expected a target with at least %d.%d, found %d.%d",
          policy.apiMajor(),
          policy.apiMinor(),
          t.chain.pdh().apiMajor(),
          t.chain.pdh().apiMinor());
    }
    return Approval.asking(
        Map.of("TARGET_OCA", theirs, "TARGET_PDH", Fingerprints.of(t.chain.pdh())),
        () -> send(call, guest, b, t.chain.pdh()));
  }

  private static Optional<Refusal> send(
      Call call, Guest guest, SendStartBuffer b, SevCertificate pdh) {
    Platform p = call.platform();
    byte[] nonce = new byte[16];
    byte[] iv = new byte[16];
    p.random().nextBytes(nonce);
    p.random().nextBytes(iv);
    TransportKeys keys = TransportKeys.generate(p.random());
    try (SecretBytes z = p.keys().pdh().agree(Certificates.publicKey(pdh))) {
      call.write(b.sessionPaddr(), keys.seal(z, nonce, iv, guest.policy()).toBytes());
    } catch (RuntimeException e) {
      keys.close();
      throw e;
    }
    guest.keys().replaceTransport(keys);
    guest.setState(GuestState.SUPDATE);
    answer(b, guest).write(call.buffer());
    return Optional.empty();
  }

  private static SendStartBuffer answer(SendStartBuffer b, Guest guest) {
    return new SendStartBuffer(
        b.handle(),
        guest.policy().bits(),
        b.pdhCertPaddr(),
        b.pdhCertLen(),
        b.platCertsPaddr(),
        b.platCertsLen(),
        b.amdCertsPaddr(),
        b.amdCertsLen(),
        b.sessionPaddr(),
        SESSION_BYTES);
  }
}
