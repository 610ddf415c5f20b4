package org.redoubt.memory.internal;

import java.util.concurrent.locks.LockSupport;

/** How a thread waits for another that needs a microsecond, usually. */
final class Backoff {
  private static final int SPINS = 64;
  private static final int YIELDS = 32;
  private static final long PARK_NS = 50_000;

  private Backoff() {}

  /**
   * Waits a little.
   *
   * @param attempt how often it was called before in this wait
   */
  static void pause(int attempt) {
    if (attempt < SPINS) {
      Thread.onSpinWait();
    } else if (attempt < SPINS + YIELDS || Thread.currentThread().isInterrupted()) {
      Thread.yield();
    } else {
      LockSupport.parkNanos(PARK_NS);
    }
  }
}
