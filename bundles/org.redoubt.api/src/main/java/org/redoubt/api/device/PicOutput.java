package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * The INTR output of the PIC pair, wired to LINT0 of the first vCPU's local APIC. Offered by the
 * PIC. Under the device lock.
 */
@ConsumerType
public interface PicOutput {
  /** Whether INTR is asserted. */
  boolean asserted();

  /**
   * The INTA cycle: acknowledges the highest request and returns its vector, or the spurious one.
   */
  int acknowledge();
}
