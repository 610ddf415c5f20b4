package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/** A PCI bus. Offered by the host bridge's device; called under the device lock. */
@ConsumerType
public interface PciBus {
  /**
   * Plugs a function in, as function 0 of the next free device.
   *
   * @param function what it is and does; its methods are called for as long as the bus lives
   * @return the function's side of the slot
   * @throws HypervisorException if the bus is full, or a BAR finds no room
   */
  PciSlot plug(PciFunction function) throws HypervisorException;
}
