package org.redoubt.api.device;

import org.osgi.annotation.versioning.ProviderType;

/** Takes console output; never blocks the guest for long. */
@ProviderType
public interface CharOutput {
  /**
   * A byte leaves.
   *
   * @param value 0 to 255
   */
  void send(int value);

  /** The device can receive again after {@link CharInput#receive} returned false. */
  void ready();
}
