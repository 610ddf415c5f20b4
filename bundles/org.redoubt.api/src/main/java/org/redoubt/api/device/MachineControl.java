package org.redoubt.api.device;

import org.osgi.annotation.versioning.ProviderType;

/** What a device can do to its machine. The vCPUs stop soon after; the call returns at once. */
@ProviderType
public interface MachineControl {
  /** The guest turned the machine off. */
  void powerOff();

  /**
   * The guest reset the machine.
   *
   * @param cause for the log, such as {@code keyboard controller}
   */
  void reset(String cause);

  /**
   * The guest ended the run with a code of its own (debug-exit port).
   *
   * @param code 0 to 255
   */
  void exit(int code);
}
