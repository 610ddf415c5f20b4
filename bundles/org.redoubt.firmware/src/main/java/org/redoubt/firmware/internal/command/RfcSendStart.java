package org.redoubt.firmware.internal.command;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.time.Instant;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import org.redoubt.crypto.Finding;
import org.redoubt.crypto.P256Certificates;
import org.redoubt.crypto.P256Key;
import org.redoubt.crypto.Primitives;
import org.redoubt.crypto.SecretBytes;
import org.redoubt.crypto.TransportKeys;
import org.redoubt.firmware.internal.Approval;
import org.redoubt.firmware.internal.Call;
import org.redoubt.firmware.internal.Command;
import org.redoubt.firmware.internal.Decision;
import org.redoubt.firmware.internal.Guest;
import org.redoubt.firmware.internal.Platform;
import org.redoubt.firmware.internal.Refusal;
import org.redoubt.firmware.internal.RfcStream;
import org.redoubt.firmware.internal.keys.RfcKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Field;

/**
 * SEND_START of the seed's profile: RUNNING to SUPDATE. Takes what the target's PDH_CERT_EXPORT
 * gave and the maker's signature of its CEK, checks all of it, and wraps fresh transport keys.
 *
 * <pre>
 * UNSUPPORTED          FLAGS is not 0
 * POLICY_FAILURE       POLICY.NOSEND refuses
 * INVALID_PARAM        NCERTS is not 2 to 8
 * INVALID_LEN          CERT_LEN is 0 or above 16,384, or more than BUFFER_LEN has room for
 * INVALID_ADDRESS      the buffer is not memory as far as that
 * HWERROR_PLATFORM     the maker's key cannot be read
 * INVALID_CERTIFICATE  a certificate is not good, or a point not on P-256
 * BAD_SIGNATURE        ASK_SIG, CEK_SIG, PEK_SIG or one in a certificate does not verify
 * POLICY_FAILURE       POLICY.DOMAIN and the target has another owner, or its API is older than POLICY.API
 * POLICY_FAILURE       a policy refuses
 * </pre>
 */
public final class RfcSendStart extends Command.OfGuest {
  private static final StructLayout LAYOUT = RfcBuffers.SEND;
  private static final int MAX_CERTS = 8;
  private static final int MAX_BYTES = 16 << 10;

  /** The one there is. */
  public RfcSendStart() {
    super(SevCommand.SEND_START, LAYOUT, EnumSet.of(GuestState.RUNNING), Activity.ANY);
  }

  @Override
  public int handleOffset() {
    return (int) Field.of(LAYOUT, "HANDLE").offset();
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  protected Decision check(Call call, Guest guest) {
    MemorySegment b = call.buffer();
    int flags = RfcBuffers.getInt(LAYOUT, "FLAGS", b);
    if (flags != 0) {
      return Refusal.of(FirmwareStatus.UNSUPPORTED, "FLAGS: expected 0, found %Xh", flags);
    }
    if (guest.policy().noSend()) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE, "POLICY.NOSEND: expected 0, found %s", guest.policy());
    }
    int count = RfcBuffers.getInt(LAYOUT, "NCERTS", b);
    int bytes = RfcBuffers.getInt(LAYOUT, "CERT_LEN", b);
    long given = Integer.toUnsignedLong(RfcBuffers.getInt(LAYOUT, "BUFFER_LEN", b));
    if (count < 2 || count > MAX_CERTS) {
      return Refusal.of(
          FirmwareStatus.INVALID_PARAM,
          "NCERTS: expected 2 to %d, found %d",
          MAX_CERTS,
          Integer.toUnsignedLong(count));
    }
    if (bytes <= 0 || bytes > MAX_BYTES || given < LAYOUT.byteSize() + bytes) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "CERT_LEN: expected 1 to %d and at most BUFFER_LEN less %d, found %d",
          MAX_BYTES,
          LAYOUT.byteSize(),
          Integer.toUnsignedLong(bytes));
    }
    Call.Range range = new Call.Range("CERTS", call.bufferSpa() + LAYOUT.byteSize(), bytes);
    Optional<Refusal> bad = call.check(1, range);
    return bad.isPresent() ? bad.get() : checkTarget(call, guest, count, call.read(range));
  }

  private static Decision checkTarget(Call call, Guest guest, int count, byte[] certs) {
    Platform p = call.platform();
    MemorySegment b = call.buffer();
    byte[] cek = RfcBuffers.get(LAYOUT, "CEK_PUB", b);
    byte[] maker;
    try (P256Key key = RfcKeys.maker(p.chip())) {
      maker = key.point();
    } catch (IOException e) {
      return StateErrors.refusal(e);
    }
    if (!P256Key.verifies(maker, cek, RfcBuffers.get(LAYOUT, "ASK_SIG", b))) {
      return badSignature("ASK_SIG", "our maker's signature of CEK_PUB");
    }
    P256Certificates.Checked checked = P256Certificates.check(certs, count, Instant.now());
    if (checked instanceof P256Certificates.Checked.Bad(Finding f)) {
      return Refusal.of(f);
    }
    P256Certificates.Checked.Good chain = (P256Certificates.Checked.Good) checked;
    if (!P256Key.verifies(cek, chain.leafPoint(), RfcBuffers.get(LAYOUT, "CEK_SIG", b))) {
      return badSignature("CEK_SIG", "the CEK's signature of the PEK");
    }
    byte[] platform = RfcBuffers.platform(LAYOUT, "DH_PUB", b);
    if (!P256Key.verifies(chain.leafPoint(), platform, RfcBuffers.get(LAYOUT, "PEK_SIG", b))) {
      return badSignature("PEK_SIG", "the PEK's signature of version, SERIAL and DH_PUB");
    }
    return checkPolicy(call, guest, chain.root());
  }

  private static Refusal badSignature(String field, String expected) {
    return Refusal.of(
        FirmwareStatus.BAD_SIGNATURE, "%s: expected %s, found another value", field, expected);
  }

  private static Decision checkPolicy(Call call, Guest guest, byte[] theirRoot) {
    MemorySegment b = call.buffer();
    Platform p = call.platform();
    GuestPolicy policy = guest.policy();
    byte[] ours = RfcKeys.chain(p.keys());
    String theirs = Fingerprints.of(Primitives.sha256(theirRoot));
    boolean same =
        ours.length >= theirRoot.length
            && Arrays.equals(
                ours, ours.length - theirRoot.length, ours.length, theirRoot, 0, theirRoot.length);
    if (policy.domain() && !same) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE,
          "POLICY.DOMAIN: expected our owner, found another (SHA-256 %s)",
          theirs);
    }
    int major = RfcBuffers.getInt(LAYOUT, "API_MAJOR", b) & 0xFF;
    int minor = RfcBuffers.getInt(LAYOUT, "API_MINOR", b) & 0xFF;
    if (!policy.allowsApi(major, minor)) {
      return Refusal.of(
          FirmwareStatus.POLICY_FAILURE,
          "POLICY.API: expected a target with at least %d.%d, found %d.%d",
          policy.apiMajor(),
          policy.apiMinor(),
          major,
          minor);
    }
    byte[] point = RfcBuffers.get(LAYOUT, "DH_PUB", b);
    if (!P256Key.isPoint(point)) {
      return Refusal.of(
          FirmwareStatus.INVALID_CERTIFICATE,
          "DH_PUB_QX, DH_PUB_QY: expected a point on P-256, found one off the curve");
    }
    return Approval.asking(
        Map.of("TARGET_OCA", theirs, "TARGET_PDH", Fingerprints.of(Primitives.sha256(point))),
        () -> send(call, guest, point));
  }

  private static Optional<Refusal> send(Call call, Guest guest, byte[] point) {
    Platform p = call.platform();
    MemorySegment b = call.buffer();
    byte[] nonce = random(p);
    byte[] ten = random(p);
    byte[] iv = random(p);
    TransportKeys keys = TransportKeys.generate(p.random());
    try (P256Key pdh = RfcKeys.pdh(p.keys());
        SecretBytes z = pdh.agree(point).orElseThrow()) {
      byte[] wrapped = keys.wrap(z, nonce);
      int half = TransportKeys.WRAPPED_BYTES;
      Field.of(LAYOUT, "NONCE").setBytes(b, nonce);
      Field.of(LAYOUT, "POLICY").set(b, guest.policy().bits());
      Field.of(LAYOUT, "POLICY_MEAS").setBytes(b, keys.policyMac(guest.policy()));
      Field.of(LAYOUT, "WRAPPED_TEK").setBytes(b, Arrays.copyOf(wrapped, half));
      Field.of(LAYOUT, "WRAPPED_TIK").setBytes(b, Arrays.copyOfRange(wrapped, half, 2 * half));
      Field.of(LAYOUT, "PAD1").setBytes(b, new byte[8]);
      Field.of(LAYOUT, "PAD2").setBytes(b, new byte[8]);
      Field.of(LAYOUT, "TEN").setBytes(b, ten);
      Field.of(LAYOUT, "IV").setBytes(b, iv);
    } catch (RuntimeException e) {
      keys.close();
      throw e;
    }
    guest.keys().replaceTransport(keys);
    guest.setStream(new RfcStream(ten, iv));
    guest.setState(GuestState.SUPDATE);
    return Optional.empty();
  }

  private static byte[] random(Platform p) {
    byte[] out = new byte[16];
    p.random().nextBytes(out);
    return out;
  }
}
