package org.redoubt.firmware.internal.command;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.redoubt.crypto.Finding;
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
import org.redoubt.firmware.internal.keys.GuestKeys;
import org.redoubt.firmware.internal.keys.RfcKeys;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.struct.Field;

/**
 * What LAUNCH_START and RECEIVE_START of the seed's profile have in common: a new guest, with an
 * owner or a sender who is known by a point and a nonce.
 *
 * <pre>
 * UNSUPPORTED          FLAGS is not 0
 * INVALID_PARAM        POLICY has reserved bits set
 * POLICY_FAILURE       POLICY wants a newer API, or SEV-ES
 * INVALID_GUEST        HANDLE is neither 0 nor a guest
 * POLICY_FAILURE       NOKS of the other guest, or of this one, refuses sharing
 * RESOURCE_LIMIT       no room for another guest
 * INVALID_CERTIFICATE  DH_PUB_QX, DH_PUB_QY is no point of P-256
 * BAD_MEASUREMENT      RECEIVE_START: wrapped keys or POLICY_MEAS do not match
 * POLICY_FAILURE       a policy refuses
 * </pre>
 */
abstract class RfcStart extends Command {
  private final StructLayout layout;
  private final GuestState state;

  RfcStart(SevCommand id, StructLayout layout, GuestState state) {
    super(id, layout, PlatformStates.INITIALIZED);
    this.layout = layout;
    this.state = state;
  }

  @Override
  public final boolean hasOutput() {
    return true;
  }

  /** Whether a guest may start without anybody's point. */
  abstract boolean allowsNobody();

  /** The transport keys, of what was agreed on. */
  abstract TransportKeys.Opened keys(MemorySegment buffer, SecretBytes z, GuestPolicy policy);

  /** What is to be done with a new guest besides. */
  void started(Guest guest, MemorySegment buffer) {}

  @Override
  public final Decision check(Call call, Optional<Guest> none) {
    MemorySegment b = call.buffer();
    Platform p = call.platform();
    int flags = RfcBuffers.getInt(layout, "FLAGS", b);
    if (flags != 0) {
      return Refusal.of(FirmwareStatus.UNSUPPORTED, "FLAGS: expected 0, found %Xh", flags);
    }
    GuestPolicy policy = new GuestPolicy(RfcBuffers.getInt(layout, "POLICY", b));
    int handle = RfcBuffers.getInt(layout, "HANDLE", b);
    Optional<Refusal> bad =
        StartGuest.checkPolicy(p, policy).or(() -> StartGuest.checkSharing(p, handle, policy));
    if (bad.isPresent()) {
      return bad.get();
    }
    byte[] point = RfcBuffers.get(layout, "DH_PUB", b);
    if (allowsNobody() && isZero(point) && isZero(RfcBuffers.get(layout, "NONCE", b))) {
      return approve(call, policy, TransportKeys.generate(p.random()), Optional.empty());
    }
    try (P256Key pdh = RfcKeys.pdh(p.keys())) {
      Optional<SecretBytes> agreed = pdh.agree(point);
      if (agreed.isEmpty()) {
        return Refusal.of(
            FirmwareStatus.INVALID_CERTIFICATE,
            "DH_PUB_QX, DH_PUB_QY: expected a point on P-256, found one off the curve");
      }
      try (SecretBytes z = agreed.get()) {
        return switch (keys(b, z, policy)) {
          case TransportKeys.Opened.Refused(Finding f) -> Refusal.of(f);
          case TransportKeys.Opened.Keys(TransportKeys k) ->
              approve(call, policy, k, Optional.of(point));
        };
      }
    }
  }

  private static boolean isZero(byte[] bytes) {
    for (byte b : bytes) {
      if (b != 0) {
        return false;
      }
    }
    return true;
  }

  private Approval approve(
      Call call, GuestPolicy policy, TransportKeys transport, Optional<byte[]> peer) {
    Platform p = call.platform();
    MemorySegment b = call.buffer();
    int handle = RfcBuffers.getInt(layout, "HANDLE", b);
    Map<String, String> question = new TreeMap<>();
    question.put("POLICY", "%08X".formatted(policy.bits()));
    question.put("HANDLE", "%X".formatted(handle));
    question.put("SESSION", peer.isPresent() ? "owner" : "none");
    peer.ifPresent(point -> question.put("DH_CERT", Fingerprints.of(Primitives.sha256(point))));
    return Approval.asking(
            question,
            () -> {
              GuestKeys keys =
                  p.guest(handle)
                      .map(s -> GuestKeys.sharing(s.keys(), transport))
                      .orElseGet(() -> GuestKeys.fresh(transport, p.random()));
              Guest guest = p.add(policy, keys, state);
              started(guest, b);
              Field.of(layout, "HANDLE").set(b, guest.handle());
              return Optional.empty();
            })
        .orElse(transport::close);
  }
}
