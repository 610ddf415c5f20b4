package org.redoubt.api.firmware;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/** Makes secure processors: an OSGi service with the property {@link #FIRMWARE_NAME}. */
@ConsumerType
public interface SecureProcessorFactory {
  /** Service property, a string: the stable name of this firmware. */
  String FIRMWARE_NAME = "redoubt.firmware.name";

  /**
   * Makes one, powered on and in platform state UNINIT. It becomes the memory system's key
   * installer.
   *
   * @param config what it is connected to
   * @throws HypervisorException if its non-volatile state cannot be used
   */
  SecureProcessor create(SecureProcessorConfig config) throws HypervisorException;
}
