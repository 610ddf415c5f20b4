package org.redoubt.memory.internal;

import java.util.concurrent.atomic.LongAdder;

/**
 * What {@link org.redoubt.api.memory.MemoryStats} counts, since the system was made. What happens
 * with every fill is counted in the thread's lane, without an atomic operation.
 */
final class Counters {
  // Cells of a lane
  static final int FILLS = 0;
  static final int EVICTIONS = 1;
  static final int WRITE_BACKS = 2;

  /** Engines that are counted apart; more share the last place. */
  static final int ENGINES = 16;

  /** First of three cells of the first engine: bytes encrypted, bytes decrypted, nanoseconds. */
  static final int FIRST_ENGINE = 3;

  static final int CELLS = FIRST_ENGINE + 3 * ENGINES;

  final LongAdder tagSwitches = new LongAdder();
  final LongAdder safepointWaits = new LongAdder();
}
