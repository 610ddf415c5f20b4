package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** Port I/O of a device. */
@ConsumerType
public interface PortHandler {
  /**
   * IN.
   *
   * @param port the port
   * @param bytes width: 1, 2 or 4
   * @return the value, zero-extended; all ones for what is not there
   */
  int in(int port, int bytes);

  /**
   * OUT.
   *
   * @param port the port
   * @param bytes width: 1, 2 or 4
   * @param value the value, zero-extended
   */
  void out(int port, int bytes, int value);
}
