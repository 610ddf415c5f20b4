package org.redoubt.memory.internal;

import java.util.concurrent.atomic.LongAdder;

/** What {@link org.redoubt.api.memory.MemoryStats} counts, since the system was made. */
final class Counters {
  final LongAdder fills = new LongAdder();
  final LongAdder evictions = new LongAdder();
  final LongAdder writeBacks = new LongAdder();
  final LongAdder tagSwitches = new LongAdder();
  final LongAdder safepointWaits = new LongAdder();
}
