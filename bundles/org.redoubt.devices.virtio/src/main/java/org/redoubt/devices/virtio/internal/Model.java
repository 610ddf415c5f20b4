package org.redoubt.devices.virtio.internal;

import org.redoubt.api.HypervisorException;

/**
 * What one kind of virtio device is, apart from its transport. Called under the device lock, and
 * what it throws beside {@link org.redoubt.api.memory.MemorySuspendedException} is a bug.
 */
interface Model {
  /** Virtio device id: 1.2, section 5. */
  int type();

  /** PCI class code, bits 23:0. */
  int classCode();

  /** Feature bits 0 to 31, and from 50 on, of its own. */
  long features();

  /** Largest size of each queue, powers of two. */
  int[] queues();

  /** Device-specific configuration as it is now. */
  byte[] config();

  /** A byte of the configuration is written; most have none that can be. */
  default void writeConfig(int offset, int value) {}

  /**
   * The driver is ready (DRIVER_OK).
   *
   * @param features those that both know
   */
  default void started(long features) {}

  /**
   * A queue may have chains: serves them until there are no more, or the model waits for something.
   * May be called at any time while the driver is ready.
   */
  void serve(Virtqueue queue);

  /** Back to the power-on state; what is under way is dropped. */
  default void reset() {}

  /** Values of its own that a guest can see; fixed number. */
  default long[] save() {
    return new long[0];
  }

  /** Takes what {@link #save} yielded. */
  default void restore(long[] values) {}

  /** Gives host resources back. */
  default void close() {}

  /** Makes the model of a device. */
  @FunctionalInterface
  interface Maker {
    Model make(Transport transport) throws HypervisorException;
  }
}
