package com.example.policy;

import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.testkit.policy.FirmwarePolicyContract;

class OfficeHoursTest {
  private static Clock at(String time) {
    return Clock.fixed(Instant.parse("2026-01-05T" + time + "Z"), ZoneOffset.UTC);
  }

  @Nested
  class InTheMorning extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new OfficeHours(8, 18, at("08:00:00"));
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("LAUNCH_START"), request("SEND_START"));
    }
  }

  @Nested
  class AtNight extends FirmwarePolicyContract {
    @Override
    protected FirmwarePolicy policy() {
      return new OfficeHours(8, 18, at("18:00:00"));
    }

    @Override
    protected List<PolicyRequest> allowed() {
      return List.of(request("DECOMMISSION"), request("ATTESTATION"));
    }

    @Override
    protected List<PolicyRequest> refused() {
      return List.of(request("LAUNCH_START"), request("RECEIVE_START"));
    }
  }
}
