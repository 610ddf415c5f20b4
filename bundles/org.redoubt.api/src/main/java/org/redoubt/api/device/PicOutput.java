package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * The INTR output of the PIC pair, wired to LINT0 of the first vCPU's local APIC. Offered by the
 * PIC. Any thread: the acknowledge cycle comes from a vCPU that does not hold the device lock.
 */
@ConsumerType
public interface PicOutput {
  /** Whether INTR is asserted. */
  boolean asserted();

  /**
   * The INTA cycle: acknowledges the highest request and returns its vector, or the spurious one.
   */
  int acknowledge();

  /**
   * Asks to be told when {@link #asserted()} has changed.
   *
   * @param listener called on whichever thread changed it; must not block
   */
  void onChange(Runnable listener);
}
