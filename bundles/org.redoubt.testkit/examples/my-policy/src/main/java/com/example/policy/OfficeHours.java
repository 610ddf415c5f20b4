package com.example.policy;

import java.time.Clock;
import java.time.LocalTime;
import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;

/**
 * Guests are launched, sent and received between two hours of the day only. In force while the
 * bundle is started; with a configuration under {@code com.example.office-hours}, its hours.
 */
@Component(
    configurationPid = "com.example.office-hours",
    property = FirmwarePolicy.POLICY_NAME + "=office-hours")
public final class OfficeHours implements FirmwarePolicy {
  /** The settings, with their defaults. */
  @interface Settings {
    int from() default 8;

    int until() default 18;
  }

  private final int from;
  private final int until;
  private final Clock clock;

  @Activate
  public OfficeHours(Settings settings) {
    this(settings.from(), settings.until(), Clock.systemDefaultZone());
  }

  OfficeHours(int from, int until, Clock clock) {
    this.from = from;
    this.until = until;
    this.clock = clock;
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    return switch (request.operation()) {
      case "LAUNCH_START", "SEND_START", "RECEIVE_START" -> {
        int hour = LocalTime.now(clock).getHour();
        yield from <= hour && hour < until
            ? Optional.empty()
            : Optional.of(
                "the office is closed: it is open from %d:00 to %d:00".formatted(from, until));
      }
      default -> Optional.empty();
    };
  }
}
