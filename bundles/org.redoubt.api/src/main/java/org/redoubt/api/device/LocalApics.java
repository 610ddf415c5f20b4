package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** The local APICs of a machine, one for each vCPU. Offered by their device. */
@ConsumerType
public interface LocalApics {
  /**
   * The APIC of one vCPU.
   *
   * @param vcpu number of the vCPU, from 0: its APIC id too
   */
  LocalApic of(int vcpu);
}
