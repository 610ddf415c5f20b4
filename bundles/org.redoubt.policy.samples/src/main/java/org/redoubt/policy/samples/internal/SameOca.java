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

/**
 * Guests live on platforms of given owners only: they are launched and received while this platform
 * has one of these OCAs, and sent to platforms that have one.
 */
@Component(
    configurationPid = "org.redoubt.policy.same-oca",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=same-oca")
@Designate(ocd = SameOca.Settings.class)
public final class SameOca implements FirmwarePolicy {
  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy same-oca",
      description = "Launches, sends and receives among platforms of given owners only")
  @interface Settings {
    @AttributeDefinition(
        description =
            "SHA-256 of the owners' OCA certificates (PLATFORM_OCA in policy:audit), separated by"
                + " commas; empty: none fits")
    String[] oca() default {};
  }

  private volatile Fingerprints ocas;

  /** Made by SCR. */
  @Activate
  public SameOca(Settings settings) {
    this(Fingerprints.parse(settings.oca()));
  }

  /** In force all the while. */
  @Modified
  void modified(Settings settings) {
    ocas = Fingerprints.parse(settings.oca());
  }

  SameOca(Fingerprints ocas) {
    this.ocas = ocas;
  }

  @Override
  public Optional<String> mistake() {
    return ocas.mistake();
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    return switch (request.operation()) {
      case "LAUNCH_START", "RECEIVE_START" -> require("this platform", request, "PLATFORM_OCA");
      case "SEND_START" -> require("the target", request, "TARGET_OCA");
      default -> Optional.empty();
    };
  }

  private Optional<String> require(String who, PolicyRequest request, String detail) {
    Fingerprints ours = ocas;
    if (ours.mistake().isPresent()) {
      return Requests.refusal(ours.mistake().get());
    }
    String oca = Requests.detail(request, detail);
    return ours.values().contains(oca)
        ? Optional.empty()
        : Optional.of(
            "%s has the OCA %s, which is not one of the %d allowed"
                .formatted(who, oca.isEmpty() ? "(unknown)" : oca, ours.values().size()));
  }
}
