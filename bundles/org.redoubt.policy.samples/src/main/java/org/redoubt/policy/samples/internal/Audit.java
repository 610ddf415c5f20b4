package org.redoubt.policy.samples.internal;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.event.Event;
import org.osgi.service.event.EventAdmin;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyOutcome;
import org.redoubt.api.policy.PolicyRequest;

/**
 * Allows everything, and posts an event for every command, under the topic {@code
 * org/redoubt/firmware/COMMAND}:
 *
 * <pre>
 * timestamp   Long, ms since 1970      operation  String     guest, asid  Integer, if there is one
 * policy      Integer, if a guest's    status     Integer    statusName, reason  String
 * detail.X    String, for each detail
 * </pre>
 */
@Component(
    configurationPid = "org.redoubt.policy.audit",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=audit")
@Designate(ocd = Audit.Settings.class)
public final class Audit implements FirmwarePolicy {
  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy audit",
      description = "Posts an event for every firmware command")
  @interface Settings {
    @AttributeDefinition(description = "Only commands that were refused")
    boolean refusedOnly() default false;
  }

  private static final String TOPIC = "org/redoubt/firmware/";

  private final EventAdmin events;
  private volatile boolean refusedOnly;

  /** Made by SCR. */
  @Activate
  public Audit(@Reference EventAdmin events, Settings settings) {
    this(events, settings.refusedOnly());
  }

  /** In force all the while. */
  @Modified
  void modified(Settings settings) {
    refusedOnly = settings.refusedOnly();
  }

  Audit(EventAdmin events, boolean refusedOnly) {
    this.events = events;
    this.refusedOnly = refusedOnly;
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    return Optional.empty();
  }

  @Override
  public void completed(PolicyRequest request, PolicyOutcome outcome) {
    if (refusedOnly && outcome.status() == 0) {
      return;
    }
    Map<String, Object> properties = new HashMap<>();
    properties.put("timestamp", outcome.at());
    properties.put("operation", request.operation());
    request.guestHandle().ifPresent(h -> properties.put("guest", h));
    request.guestPolicy().ifPresent(p -> properties.put("policy", p));
    request.asid().ifPresent(a -> properties.put("asid", a));
    properties.put("status", outcome.status());
    properties.put("statusName", outcome.statusName());
    properties.put("reason", outcome.reason());
    request.details().forEach((k, v) -> properties.put("detail." + k, v));
    events.postEvent(new Event(TOPIC + request.operation(), properties));
  }
}
