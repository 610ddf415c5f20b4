package com.example.policy;

import java.time.Clock;
import java.time.LocalTime;
import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;

/**
 * Guests are launched, sent and received between two hours of the day only. In force while the
 * bundle is started; with a configuration under {@code com.example.office-hours}, its hours.
 */
@Component(
    configurationPid = "com.example.office-hours",
    property = FirmwarePolicy.POLICY_NAME + "=office-hours")
@Designate(ocd = OfficeHours.Settings.class)
public final class OfficeHours implements FirmwarePolicy {
  /** The settings, with their defaults. */
  @ObjectClassDefinition(name = "Office hours", description = "When guests come and go")
  @interface Settings {
    @AttributeDefinition(description = "The first hour", min = "0", max = "24")
    int from() default 8;

    @AttributeDefinition(description = "The hour after the last one", min = "0", max = "24")
    int until() default 18;
  }

  /** From one hour until before another. */
  private record Hours(int from, int until) {}

  private final Clock clock;
  private volatile Hours hours;

  @Activate
  public OfficeHours(Settings settings) {
    this(settings.from(), settings.until(), Clock.systemDefaultZone());
  }

  OfficeHours(int from, int until, Clock clock) {
    this.hours = new Hours(from, until);
    this.clock = clock;
  }

  /** Other settings: without this, the policy would be out of force while it is made anew. */
  @Modified
  void modified(Settings settings) {
    hours = new Hours(settings.from(), settings.until());
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    return switch (request.operation()) {
      case "LAUNCH_START", "SEND_START", "RECEIVE_START" -> {
        Hours now = hours;
        int hour = LocalTime.now(clock).getHour();
        yield now.from <= hour && hour < now.until
            ? Optional.empty()
            : Optional.of(
                "the office is closed: it is open from %d:00 to %d:00"
                    .formatted(now.from, now.until));
      }
      default -> Optional.empty();
    };
  }
}
