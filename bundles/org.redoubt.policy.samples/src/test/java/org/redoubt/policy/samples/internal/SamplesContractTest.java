package org.redoubt.policy.samples.internal;

import java.util.List;
import org.junit.jupiter.api.Nested;
import org.osgi.service.event.Event;
import org.osgi.service.event.EventAdmin;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.testkit.policy.FirmwarePolicyContract;

/** Each sample takes the exam of all policies. */
final class SamplesContractTest {
  @Nested
  final class NoDebugTest extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new NoDebug(true);
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(
          request("LAUNCH_START", "POLICY", "00000001"), request("LAUNCH_FINISH"), request("NOP"));
    }

    @Override
    protected List<PolicyRequest> refused() {
      return List.of(request("DBG_DECRYPT"), request("LAUNCH_START", "POLICY", "00000000"));
    }
  }

  @Nested
  final class MeasuredOwnersTest extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new MeasuredOwners(Fingerprints.parse());
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("LAUNCH_START", "SESSION", "owner", "DH_CERT", "ab"));
    }

    @Override
    protected List<PolicyRequest> refused() {
      return List.of(request("LAUNCH_START", "SESSION", "none"), request("LAUNCH_START"));
    }
  }

  @Nested
  final class SameOcaTest extends FirmwarePolicyContract {
    private static final String OCA = "0f".repeat(32);

    @Override
    protected FirmwarePolicy policy() {
      return new SameOca(Fingerprints.parse(OCA));
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("SEND_START", "TARGET_OCA", OCA), request("ATTESTATION"));
    }

    @Override
    protected List<PolicyRequest> refused() {
      return List.of(request("SEND_START"), request("LAUNCH_START", "PLATFORM_OCA", "00"));
    }
  }

  @Nested
  final class RateLimitTest extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new RateLimit(1, 1, () -> 0, "LAUNCH_START");
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("LAUNCH_START"), request("LAUNCH_FINISH"));
    }
  }

  @Nested
  final class AuditTest extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new Audit(
          new EventAdmin() {
            @Override
            public void postEvent(Event event) {}

            @Override
            public void sendEvent(Event event) {}
          },
          false);
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("DBG_DECRYPT"), request("LAUNCH_START"));
    }
  }
}
