package org.redoubt.policy.samples.internal;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongSupplier;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;

/** So many commands of a kind per minute, and some at once: a bucket of tokens for each kind. */
@Component(
    configurationPid = "org.redoubt.policy.rate-limit",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=rate-limit")
@Designate(ocd = RateLimit.Settings.class)
public final class RateLimit implements FirmwarePolicy {
  private static final double NS_PER_MINUTE = 60e9;

  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy rate-limit",
      description = "Limits how often commands run")
  @interface Settings {
    @AttributeDefinition(description = "Which commands, separated by commas")
    String[] commands() default {
      "LAUNCH_START", "SEND_START", "RECEIVE_START", "ATTESTATION", "DBG_DECRYPT", "DBG_ENCRYPT"
    };

    @AttributeDefinition(description = "How many of each per minute, in the long run")
    int perMinute() default 60;

    @AttributeDefinition(description = "How many of each at once, after a pause")
    int burst() default 10;
  }

  /** Tokens left, and when that was. */
  private record Bucket(double tokens, long atNs) {}

  private final Set<String> commands;
  private final int perMinute;
  private final int burst;
  private final LongSupplier clockNs;
  private final Map<String, Bucket> buckets = new HashMap<>();

  /** Made by SCR. */
  @Activate
  public RateLimit(Settings settings) {
    this(settings.perMinute(), settings.burst(), System::nanoTime, settings.commands());
  }

  RateLimit(int perMinute, int burst, LongSupplier clockNs, String... commands) {
    Set<String> all = new TreeSet<>();
    for (String word : String.join(",", commands).split(",", -1)) {
      if (!word.isBlank()) {
        all.add(word.strip().toUpperCase(Locale.ROOT));
      }
    }
    this.commands = Set.copyOf(all);
    this.perMinute = perMinute;
    this.burst = burst;
    this.clockNs = clockNs;
  }

  @Override
  public synchronized Optional<String> refuse(PolicyRequest request) {
    String command = request.operation();
    if (!commands.contains(command)) {
      return Optional.empty();
    }
    if (perMinute < 1 || burst < 1) {
      return Optional.of(
          "its configuration is wrong: perMinute=%d, burst=%d; both must be positive"
              .formatted(perMinute, burst));
    }
    long now = clockNs.getAsLong();
    Bucket before = buckets.getOrDefault(command, new Bucket(burst, now));
    double tokens =
        Math.min(burst, before.tokens + (now - before.atNs) * (perMinute / NS_PER_MINUTE));
    boolean allowed = tokens >= 1;
    buckets.put(command, new Bucket(allowed ? tokens - 1 : tokens, now));
    return allowed
        ? Optional.empty()
        : Optional.of(
            "more than %d %s per minute (%d at once); the next fits in %.1f s"
                .formatted(perMinute, command, burst, (1 - tokens) * 60 / perMinute));
  }
}
