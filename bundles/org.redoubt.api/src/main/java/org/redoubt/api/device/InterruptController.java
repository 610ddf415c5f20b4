package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Takes interrupt lines: the PIC pair, the IOAPIC. Offered by their devices through {@link
 * DeviceContext#offer}; each line goes to all that were offered, and is high while one of its
 * drivers holds it high. Any thread.
 */
@ConsumerType
public interface InterruptController {
  /**
   * A line changed.
   *
   * @param gsi global system interrupt
   * @param high whether it is asserted now
   */
  void line(int gsi, boolean high);
}
