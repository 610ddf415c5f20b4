package org.redoubt.devices.virtio.internal;

import java.util.Optional;
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

  /** A decimal number within bounds; {@code otherwise} where it is not set. */
  static int number(DeviceContext context, String key, int otherwise, int least, int most)
      throws HypervisorException {
    Optional<String> text = context.option(key);
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.parseInt(text.get());
      if (value >= least && value <= most) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new HypervisorException(
        "Option %s of device %s is a number from %d to %d, not '%s'."
            .formatted(key, context.name(), least, most, text.get()));
  }
}
