package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A device of one machine. Whatever a guest writes to it, no exception leaves it and nothing in it
 * runs without end.
 */
@ConsumerType
public interface Device extends AutoCloseable {
  /** Name for messages and statistics, such as {@code uart0}. */
  String name();

  /** Back to the power-on state, but for what a battery keeps. */
  void reset();

  /**
   * The guest-visible state, in a versioned form that {@link #restore} takes.
   *
   * @return a fresh array
   */
  byte[] save();

  /**
   * Takes a saved state.
   *
   * @throws IllegalArgumentException if it is damaged or of another version; the device is then as
   *     before
   */
  void restore(byte[] state);

  /**
   * Gives up host resources. From here on the device does nothing to its machine: it raises no
   * line, sends nothing, writes no memory. Called once, last.
   */
  @Override
  void close();
}
