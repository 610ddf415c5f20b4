package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/** Receives console input. */
@ConsumerType
public interface CharInput {
  /**
   * A byte arrived.
   *
   * @param value 0 to 255
   * @return false if there is no room; it is offered again later
   */
  boolean receive(int value);
}
