package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** A slot of a PCI bus as the function in it sees it. Called under the device lock. */
@ConsumerType
public interface PciSlot {
  /** Number of the device on its bus, 0 to 31. */
  int device();

  /**
   * Whether the guest lets the function reach memory and send messages (command register, bit 2).
   */
  boolean busMaster();

  /** Whether interrupts go by MSI-X; by {@link #line} otherwise. */
  boolean msix();

  /**
   * Sends an MSI-X interrupt, or keeps it pending while it is masked. No effect without MSI-X, or
   * if there is no such vector.
   *
   * @param vector index into the MSI-X table
   */
  void signal(int vector);

  /**
   * Drives INTA. It reaches the interrupt controllers unless MSI-X is on or the guest disabled it.
   *
   * @param high whether it is asserted
   */
  void line(boolean high);
}
