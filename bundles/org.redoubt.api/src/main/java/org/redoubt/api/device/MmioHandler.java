package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** Memory-mapped registers of a device. */
@ConsumerType
public interface MmioHandler {
  /**
   * A load.
   *
   * @param offset from the start of the claimed range
   * @param bytes width: 1, 2, 4 or 8
   * @return the value, zero-extended; all ones for what is not there
   */
  long read(long offset, int bytes);

  /**
   * A store.
   *
   * @param offset from the start of the claimed range
   * @param bytes width: 1, 2, 4 or 8
   * @param value the value, zero-extended
   */
  void write(long offset, int bytes, long value);
}
