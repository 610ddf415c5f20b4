package org.redoubt.api.device;

import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;

/** The machine as a device sees it. */
@ProviderType
public interface DeviceContext {
  /** Name of this device in this machine. */
  String name();

  /**
   * Claims I/O ports.
   *
   * @param first first port
   * @param count how many
   * @throws HypervisorException if one of them is taken; names the other device
   */
  void claimPorts(int first, int count, PortHandler handler) throws HypervisorException;

  /**
   * Claims guest-physical addresses.
   *
   * @param gpa first address, a multiple of 4,096
   * @param bytes length, a multiple of 4,096
   * @throws HypervisorException if they are taken or RAM; names the other party
   */
  void claimMmio(long gpa, long bytes, MmioHandler handler) throws HypervisorException;

  /**
   * An interrupt line.
   *
   * @param gsi global system interrupt; 0 to 15 are the ISA lines too
   */
  IrqLine irq(int gsi);

  /** The machine's clock. */
  VirtualClock clock();

  /** Direct memory access, as the IOMMU lets this device have it. */
  Dma dma();

  /** Power and exit. */
  MachineControl control();

  /**
   * A setting of this device.
   *
   * @param key the option's name
   */
  Optional<String> option(String key);

  /**
   * The character stream that the machine's owner connected to this device.
   *
   * @param input called with each byte that arrives, under the device lock
   * @return where the device's output goes
   */
  CharOutput console(CharInput input);

  /**
   * Offers a part to the other devices and to the vCPUs of this machine, such as a {@link
   * LocalApic} or an {@link InterruptController}.
   */
  <T> void offer(Class<T> type, T part);

  /** A part that a device made earlier has offered. */
  <T> Optional<T> part(Class<T> type);

  /**
   * Tells the machine's owner what the guest cannot mend, such as a full disk. One line for each
   * call: say a thing once.
   *
   * @param sentence without the device's name, which is put in front
   */
  default void report(String sentence) {}

  /**
   * Fills an array with random numbers for the guest: the host's, or in a machine that is made to
   * be repeated those of its seed. Called on the vCPU's thread.
   */
  default void random(byte[] target) {
    new java.security.SecureRandom().nextBytes(target);
  }

  /** Number of vCPUs of the machine. */
  int vcpus();
}
