package org.redoubt.hypervisor.internal;

import org.redoubt.api.device.VirtualClock;

/** A machine's clock as its VM drives it. */
interface MachineClock extends VirtualClock, AutoCloseable {
  /** Time stands still from now on; timers do not fire. */
  void pause();

  /** Time goes on where it stood. */
  void resume();

  @Override
  void close();
}
