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
 * Guests are launched in a session with their owner only, who can then verify the measurement;
 * without one nobody can.
 */
@Component(
    configurationPid = "org.redoubt.policy.measured-owners",
    configurationPolicy = ConfigurationPolicy.REQUIRE,
    property = FirmwarePolicy.POLICY_NAME + "=measured-owners")
@Designate(ocd = MeasuredOwners.Settings.class)
public final class MeasuredOwners implements FirmwarePolicy {
  /** Its settings. */
  @ObjectClassDefinition(
      name = "Redoubt policy measured-owners",
      description = "Launches guests in a session with their owner only")
  @interface Settings {
    @AttributeDefinition(
        description =
            "SHA-256 of the DH certificates of the owners who may launch (DH_CERT in policy:audit),"
                + " separated by commas; empty: every owner with a session")
    String[] owners() default {};
  }

  private volatile Fingerprints owners;

  /** Made by SCR. */
  @Activate
  public MeasuredOwners(Settings settings) {
    this(Fingerprints.parse(settings.owners()));
  }

  /** In force all the while. */
  @Modified
  void modified(Settings settings) {
    owners = Fingerprints.parse(settings.owners());
  }

  MeasuredOwners(Fingerprints owners) {
    this.owners = owners;
  }

  @Override
  public Optional<String> mistake() {
    return owners.mistake();
  }

  @Override
  public Optional<String> refuse(PolicyRequest request) {
    if (!request.operation().equals("LAUNCH_START")) {
      return Optional.empty();
    }
    Fingerprints ours = owners;
    if (ours.mistake().isPresent()) {
      return Requests.refusal(ours.mistake().get());
    }
    if (!Requests.detail(request, "SESSION").equals("owner")) {
      return Optional.of("no owner's session: nobody could verify the measurement");
    }
    String owner = Requests.detail(request, "DH_CERT");
    return ours.values().isEmpty() || ours.values().contains(owner)
        ? Optional.empty()
        : Optional.of("the owner with DH certificate %s is not one of ours".formatted(owner));
  }
}
