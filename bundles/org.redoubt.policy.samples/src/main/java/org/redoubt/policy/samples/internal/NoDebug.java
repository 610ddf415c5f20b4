package org.redoubt.policy.samples.internal;

import java.util.Optional;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.policy.PolicyRequest;
import org.redoubt.spec.sev.GuestPolicy;

/** Nobody debugs a guest, whatever the guest's own policy allows. */
@Component(
    configurationPid = "org.redoubt.policy.no-debug",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=no-debug")
@Designate(ocd = NoDebug.Settings.class)
public final class NoDebug implements FirmwarePolicy {
  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy no-debug",
      description = "Refuses DBG_DECRYPT and DBG_ENCRYPT of every guest")
  @interface Settings {
    @AttributeDefinition(
        description = "Refuse also to launch or receive guests whose policy allows debugging")
    boolean launches() default false;
  }

  private volatile boolean launches;

  /** Made by SCR. */
  @Activate
  public NoDebug(Settings settings) {
    this(settings.launches());
  }

  /** In force all the while. */
  @Modified
  void modified(Settings settings) {
    launches = settings.launches();
  }

  NoDebug(boolean launches) {
    this.launches = launches;
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    return switch (request.operation()) {
      case "DBG_DECRYPT", "DBG_ENCRYPT" -> Optional.of("guests are not debugged on this platform");
      case "LAUNCH_START", "RECEIVE_START" ->
          launches && !Requests.newGuest(request).map(GuestPolicy::noDebug).orElse(false)
              ? Optional.of("POLICY.NODBG is 0; this platform takes no guests that can be debugged")
              : Optional.empty();
      default -> Optional.empty();
    };
  }
}
