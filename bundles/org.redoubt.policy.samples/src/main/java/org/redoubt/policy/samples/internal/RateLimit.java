package org.redoubt.policy.samples.internal;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.spec.sev.SevCommand;

/** So many commands of a kind per minute, and some at once: a bucket of tokens for each kind. */
@Component(
    configurationPid = "org.redoubt.policy.rate-limit",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=rate-limit")
@Designate(ocd = RateLimit.Settings.class)
public final class RateLimit implements FirmwarePolicy {
  private static final double NS_PER_MINUTE = 60e9;
  private static final int MOST = 1_000_000;

  /** Every command there is. */
  private static final Set<String> KNOWN =
      Stream.concat(Stream.of("ENGINE_CHANGE"), Arrays.stream(SevCommand.values()).map(Enum::name))
          .collect(Collectors.toUnmodifiableSet());

  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy rate-limit",
      description = "Limits how often commands run")
  @interface Settings {
    @AttributeDefinition(description = "Which commands, separated by commas")
    String[] commands() default {
      "LAUNCH_START", "SEND_START", "RECEIVE_START", "ATTESTATION", "DBG_DECRYPT", "DBG_ENCRYPT"
    };

    @AttributeDefinition(
        description = "How many of each per minute, in the long run",
        min = "1",
        max = "1000000")
    int perMinute() default 60;

    @AttributeDefinition(
        description = "How many of each at once, after a pause",
        min = "1",
        max = "1000000")
    int burst() default 10;
  }

  /** What is granted of each command, and what is wrong with that. */
  private record Limits(int perMinute, int burst, Set<String> commands, Optional<String> mistake) {
    static Limits of(Settings settings) {
      try {
        return of(settings.perMinute(), settings.burst(), settings.commands());
      } catch (RuntimeException e) { // a value that is no number
        return new Limits(1, 1, KNOWN, Optional.of("perMinute and burst take whole numbers"));
      }
    }

    static Limits of(int perMinute, int burst, String... commands) {
      Set<String> all = new TreeSet<>();
      for (String word : String.join(",", commands).split(",", -1)) {
        if (!word.isBlank()) {
          all.add(word.strip().toUpperCase(Locale.ROOT));
        }
      }
      Optional<String> unknown = all.stream().filter(c -> !KNOWN.contains(c)).findFirst();
      if (unknown.isPresent()) {
        return new Limits(
            perMinute,
            burst,
            KNOWN,
            Optional.of("commands: '%s' is no firmware command".formatted(unknown.get())));
      }
      boolean fits = perMinute >= 1 && perMinute <= MOST && burst >= 1 && burst <= MOST;
      return new Limits(
          perMinute,
          burst,
          Set.copyOf(all),
          fits
              ? Optional.empty()
              : Optional.of(
                  "perMinute=%d, burst=%d; both take 1 to %d".formatted(perMinute, burst, MOST)));
    }
  }

  /** Tokens left, and when that was. */
  private record Bucket(double tokens, long atNs) {}

  private final LongSupplier clockNs;
  private final Map<String, Bucket> buckets = new HashMap<>();
  private Limits limits;

  /** Made by SCR. */
  @Activate
  public RateLimit(Settings settings) {
    this(Limits.of(settings), System::nanoTime);
  }

  RateLimit(int perMinute, int burst, LongSupplier clockNs, String... commands) {
    this(Limits.of(perMinute, burst, commands), clockNs);
  }

  private RateLimit(Limits limits, LongSupplier clockNs) {
    this.limits = limits;
    this.clockNs = clockNs;
  }

  /** In force all the while; counting starts anew. */
  @Modified
  synchronized void modified(Settings settings) {
    limits = Limits.of(settings);
    buckets.clear();
  }

  @Override
  public synchronized Optional<String> mistake() {
    return limits.mistake;
  }

  @Override
  public synchronized Optional<String> refuse(PolicyRequest request) {
    String command = request.operation();
    if (!limits.commands.contains(command)) {
      return Optional.empty();
    }
    if (limits.mistake.isPresent()) {
      return Requests.refusal(limits.mistake.get());
    }
    long now = clockNs.getAsLong();
    Bucket before = buckets.getOrDefault(command, new Bucket(limits.burst, now));
    double perNs = limits.perMinute / NS_PER_MINUTE;
    double tokens = Math.min(limits.burst, before.tokens + (now - before.atNs) * perNs);
    boolean allowed = tokens >= 1;
    buckets.put(command, new Bucket(allowed ? tokens - 1 : tokens, now));
    return allowed
        ? Optional.empty()
        : Optional.of(
            "more than %d %s per minute (%d at once); the next fits in %.1f s"
                .formatted(
                    limits.perMinute, command, limits.burst, (1 - tokens) * 60 / limits.perMinute));
  }
}
