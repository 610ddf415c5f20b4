package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/**
 * Makes one kind of device: an OSGi service with the property {@link #DEVICE_NAME}. Called from any
 * thread.
 */
@ConsumerType
public interface DeviceFactory {
  /** Service property, a string: the stable name, such as {@code uart16550}. */
  String DEVICE_NAME = "redoubt.device.name";

  /**
   * Makes a device and claims its ranges.
   *
   * @param context the machine; valid for the device's life
   * @return the device, in its power-on state
   * @throws HypervisorException if an option is wrong or a range is taken
   */
  Device create(DeviceContext context) throws HypervisorException;
}
