package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A capability in a function's configuration space. The bus has its first two bytes, id and
 * pointer; offsets count from the capability's start, so that 0 and 1 never come here.
 */
@ConsumerType
public interface PciCapability {
  /** Capability id, such as 09h for a vendor's own. */
  int id();

  /** Length in bytes with id and pointer, a multiple of 4. */
  int bytes();

  /**
   * A load within the capability.
   *
   * @param offset 2 or more
   * @param bytes width: 1, 2 or 4
   * @return the value, zero-extended
   */
  int read(int offset, int bytes);

  /**
   * A store within the capability.
   *
   * @param offset 2 or more
   * @param bytes width: 1, 2 or 4
   * @param value the value, zero-extended
   */
  void write(int offset, int bytes, int value);
}
