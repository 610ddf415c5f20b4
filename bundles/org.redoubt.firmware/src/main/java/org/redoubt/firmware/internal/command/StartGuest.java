package org.redoubt.firmware.internal.command;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.redoubt.crypto.Certificates;
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
import org.redoubt.firmware.internal.keys.GuestKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.cert.SevCertificate;
import org.redoubt.spec.sev.cert.Usage;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.SessionBlob;

/**
 * What LAUNCH_START and RECEIVE_START have in common: a new guest with a fresh memory key or, with
 * HANDLE, another guest's, and with the transport keys of a session.
 *
 * <pre>
 * INVALID_PARAM        POLICY has reserved bits set
 * POLICY_FAILURE       POLICY wants a newer API, or SEV-ES, which was not initialized
 * INVALID_GUEST        HANDLE is neither 0 nor a guest
 * POLICY_FAILURE       NOKS of the other guest, or of this one, refuses sharing
 * RESOURCE_LIMIT       no room for another guest
 * INVALID_LEN          DH_CERT_LEN is not 2084, or SESSION_LEN not 128; or only one of the two is there
 * INVALID_ADDRESS      one of them is not memory, or they overlap
 * INVALID_CERTIFICATE  the DH certificate's form is wrong
 * BAD_MEASUREMENT      WRAP_MAC or POLICY_MAC does not match
 * POLICY_FAILURE       a policy refuses
 * </pre>
 */
abstract class StartGuest extends Command {
  private final GuestState state;

  /**
   * Makes one of the two.
   *
   * @param state in which the guest starts: LUPDATE or RUPDATE
   */
  StartGuest(SevCommand id, GuestState state) {
    super(id, LaunchStartBuffer.LAYOUT, PlatformStates.INITIALIZED);
    this.state = state;
  }

  @Override
  public boolean hasOutput() {
    return true;
  }

  @Override
  public Decision check(Call call, Optional<Guest> none) {
    Platform p = call.platform();
    LaunchStartBuffer b = LaunchStartBuffer.read(call.buffer());
    GuestPolicy policy = new GuestPolicy(b.policy());
    Optional<Refusal> bad = checkPolicy(p, policy);
    if (bad.isPresent()) {
      return bad.get();
    }
    bad = checkSharing(p, b.handle(), policy);
    if (bad.isPresent()) {
      return bad.get();
    }
    Optional<Guest> sharer = b.handle() == 0 ? Optional.empty() : p.guest(b.handle());
    return transportKeys(call, b, policy, sharer);
  }

  /** HANDLE: 0, or a guest whose memory key this one may have; and room for one more. */
  static Optional<Refusal> checkSharing(Platform p, int handle, GuestPolicy policy) {
    if (handle != 0) {
      Optional<Guest> sharer = p.guest(handle);
      if (sharer.isEmpty()) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.INVALID_GUEST, "HANDLE: expected 0 or a guest, found %Xh", handle));
      }
      if (policy.noKeySharing() || sharer.get().policy().noKeySharing()) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.POLICY_FAILURE,
                "POLICY.NOKS: expected 0 in both guests to share a key, found %s and %s",
                policy,
                sharer.get().policy()));
      }
    }
    return p.hasRoom()
        ? Optional.empty()
        : Optional.of(
            Refusal.of(
                FirmwareStatus.RESOURCE_LIMIT,
                "Guests: expected fewer than %d, found %d",
                Platform.MAX_GUESTS,
                p.guestCount()));
  }

  /** What POLICY may say on this platform. */
  static Optional<Refusal> checkPolicy(Platform p, GuestPolicy policy) {
    if (!policy.wellFormed()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.INVALID_PARAM, "POLICY: expected bits 15:6 zero, found %s", policy));
    }
    if (!policy.allowsApi(p.version().apiMajor(), p.version().apiMinor())) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.POLICY_FAILURE,
              "POLICY.API: expected at most %d.%d, found %d.%d",
              p.version().apiMajor(),
              p.version().apiMinor(),
              policy.apiMajor(),
              policy.apiMinor()));
    }
    if (policy.encryptedState() && !p.encryptedState()) {
      return Optional.of(
          Refusal.of(
              FirmwareStatus.POLICY_FAILURE,
              "POLICY.ES: expected 0 (INIT was without SEV-ES), found %s",
              policy));
    }
    return Optional.empty();
  }

  private Decision transportKeys(
      Call call, LaunchStartBuffer b, GuestPolicy policy, Optional<Guest> sharer) {
    if (state == GuestState.LUPDATE
        && b.dhCertPaddr() == 0
        && b.dhCertLen() == 0
        && b.sessionPaddr() == 0
        && b.sessionLen() == 0) {
      return approve(
          call,
          b,
          policy,
          sharer,
          TransportKeys.generate(call.platform().random()),
          Optional.empty());
    }
    if (b.dhCertLen() != SevCertificate.BYTES) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "DH_CERT_LEN: expected %d, found %d",
          SevCertificate.BYTES,
          Integer.toUnsignedLong(b.dhCertLen()));
    }
    if (b.sessionLen() != SessionBlob.LAYOUT.byteSize()) {
      return Refusal.of(
          FirmwareStatus.INVALID_LEN,
          "SESSION_LEN: expected %d, found %d",
          SessionBlob.LAYOUT.byteSize(),
          Integer.toUnsignedLong(b.sessionLen()));
    }
    Call.Range certRange = new Call.Range("DH_CERT_PADDR", b.dhCertPaddr(), b.dhCertLen());
    Call.Range sessionRange = new Call.Range("SESSION_PADDR", b.sessionPaddr(), b.sessionLen());
    Optional<Refusal> bad = call.check(1, certRange, sessionRange);
    if (bad.isPresent()) {
      return bad.get();
    }
    SevCertificate cert = new SevCertificate(call.read(certRange));
    Optional<Finding> wrong = Certificates.checkBody(cert, Usage.PDH);
    if (wrong.isPresent()) {
      return Refusal.of(wrong.get());
    }
    SessionBlob session = new SessionBlob(call.read(sessionRange));
    try (SecretBytes z = call.platform().keys().pdh().agree(Certificates.publicKey(cert))) {
      return switch (TransportKeys.open(session, z, policy)) {
        case TransportKeys.Opened.Refused r -> Refusal.of(r.finding());
        case TransportKeys.Opened.Keys k ->
            approve(call, b, policy, sharer, k.keys(), Optional.of(cert));
      };
    }
  }

  private Approval approve(
      Call call,
      LaunchStartBuffer b,
      GuestPolicy policy,
      Optional<Guest> sharer,
      TransportKeys transport,
      Optional<SevCertificate> peer) {
    Platform p = call.platform();
    Map<String, String> question = new TreeMap<>();
    question.put("POLICY", "%08X".formatted(policy.bits()));
    question.put("HANDLE", "%X".formatted(b.handle()));
    question.put("SESSION", peer.isPresent() ? "owner" : "none");
    peer.ifPresent(c -> question.put("DH_CERT", Fingerprints.of(c)));
    return Approval.asking(
            question,
            () -> {
              GuestKeys keys =
                  sharer
                      .map(s -> GuestKeys.sharing(s.keys(), transport))
                      .orElseGet(() -> GuestKeys.fresh(transport, p.guestRandom()));
              Guest guest = p.add(policy, keys, state);
              new LaunchStartBuffer(
                      guest.handle(),
                      b.policy(),
                      b.dhCertPaddr(),
                      b.dhCertLen(),
                      b.sessionPaddr(),
                      b.sessionLen())
                  .write(call.buffer());
              return Optional.empty();
            })
        .orElse(transport::close);
  }
}
