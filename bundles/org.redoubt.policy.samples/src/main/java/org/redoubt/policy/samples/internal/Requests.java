package org.redoubt.policy.samples.internal;

import java.util.Optional;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.spec.sev.GuestPolicy;

/** What policies read out of requests. */
final class Requests {
  private Requests() {}

  /** The policy of the guest that a start command is about to make. */
  static Optional<GuestPolicy> newGuest(PolicyRequest request) {
    String bits = request.details().get("POLICY");
    try {
      return bits == null
          ? Optional.empty()
          : Optional.of(new GuestPolicy(Integer.parseUnsignedInt(bits, 16)));
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /** What a policy answers whose configuration is wrong. */
  static Optional<String> refusal(String mistake) {
    return Optional.of("its configuration is wrong: " + mistake);
  }

  /** A detail; an empty text if it is not there. */
  static String detail(PolicyRequest request, String name) {
    return request.details().getOrDefault(name, "");
  }
}
