package org.redoubt.api.device;

import org.osgi.annotation.versioning.ProviderType;

/**
 * One interrupt line into the machine's interrupt controllers (PIC and IOAPIC both see ISA lines).
 * Called under the device lock.
 */
@ProviderType
public interface IrqLine {
  /**
   * Drives the line.
   *
   * @param high whether it is asserted
   */
  void set(boolean high);

  /** A pulse: up and down, for edge-triggered sources. */
  default void pulse() {
    set(true);
    set(false);
  }
}
