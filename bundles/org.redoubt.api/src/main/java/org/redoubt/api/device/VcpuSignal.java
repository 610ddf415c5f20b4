package org.redoubt.api.device;

import org.osgi.annotation.versioning.ProviderType;

/** Ways to get a vCPU's attention, from any thread, without blocking. */
@ProviderType
public interface VcpuSignal {
  /** An interrupt or NMI may be pending: look soon, and wake from HLT. */
  void interrupt();

  /** INIT was received. */
  void init();

  /**
   * A startup message was received; ignored unless the vCPU waits for it.
   *
   * @param vector execution starts at real-mode address {@code vector << 12}
   */
  void startup(int vector);
}
