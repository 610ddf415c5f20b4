package org.redoubt.hypervisor.internal;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import org.redoubt.api.HypervisorException;

/**
 * How an encrypted guest learns that it is one. The C-bit's position is in CPUID 8000_001F EBX with
 * both.
 *
 * <pre>
 * sev    what processors do: CPUID 8000_001F EAX bit 1, MSR C001_0131 bit 0. APM Vol. 3, E.4.17; Vol. 2, 15.34.10
 * seed   what the patches of August 2016 did: KVM's CPUID 4000_0001 EAX bit 8, CPUID 8000_001F EAX bit 0, no MSR
 * </pre>
 */
enum SevProfile {
  SEV(0, 1 << 1, true),
  SEED(1 << 8, 1, false);

  /** Setting of an encrypted VM. */
  static final String OPTION = "sev.profile";

  private final int kvmFeatures;
  private final int leafFeatures;
  private final boolean statusMsr;

  SevProfile(int kvmFeatures, int leafFeatures, boolean statusMsr) {
    this.kvmFeatures = kvmFeatures;
    this.leafFeatures = leafFeatures;
    this.statusMsr = statusMsr;
  }

  /** The one that a VM's settings name, the processors' by default. */
  static SevProfile of(Map<String, String> options) throws HypervisorException {
    String name = options.getOrDefault(OPTION, SEV.toString());
    for (SevProfile one : values()) {
      if (one.toString().equals(name)) {
        return one;
      }
    }
    throw new HypervisorException(
        "Setting %s=%s: there are %s".formatted(OPTION, name, Arrays.toString(values())));
  }

  /** Added to CPUID 4000_0001 EAX. */
  int kvmFeatures() {
    return kvmFeatures;
  }

  /** CPUID 8000_001F EAX. */
  int leafFeatures() {
    return leafFeatures;
  }

  /** Whether MSR C001_0131 is there. */
  boolean hasStatusMsr() {
    return statusMsr;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
