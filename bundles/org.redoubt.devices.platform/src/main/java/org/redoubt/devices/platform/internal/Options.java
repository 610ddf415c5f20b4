package org.redoubt.devices.platform.internal;

import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.DeviceContext;

/** What the devices of byte-wide registers share: their options, and wider reads. */
final class Options {
  private Options() {}

  /** A number, decimal or with 0x; {@code otherwise} where it is not set. */
  static int number(DeviceContext context, String key, int otherwise) throws HypervisorException {
    Optional<String> text = context.option(key);
    if (text.isEmpty()) {
      return otherwise;
    }
    try {
      int value = Integer.decode(text.get());
      if (value >= 0 && value <= 0xFFFF) {
        return value;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new HypervisorException(
        "Option %s of device %s is a number from 0 to 65535, not '%s'."
            .formatted(key, context.name(), text.get()));
  }

  /** What a read of 1, 2 or 4 bytes gives above the one byte that answers it. */
  static int onesAbove(int bytes) {
    return -1 >>> 32 - 8 * bytes & ~0xFF;
  }
}
