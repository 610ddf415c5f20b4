package org.redoubt.devices.virtio.internal;

import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.DeviceContext;

/** Reads device options. */
final class Options {
  private Options() {}

  /** {@code on} or {@code off}; {@code otherwise} where it is not set. */
  static boolean onOff(DeviceContext context, String key, boolean otherwise)
      throws HypervisorException {
    String text = context.option(key).orElse(otherwise ? "on" : "off");
    if (!text.equals("on") && !text.equals("off")) {
      throw new HypervisorException(
          "Option %s of device %s is on or off, not '%s'.".formatted(key, context.name(), text));
    }
    return text.equals("on");
  }
}
