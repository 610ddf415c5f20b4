package org.redoubt.memory.internal;

import java.util.function.Supplier;

/** What a memory system needs of the factory that made it. */
interface Surroundings {
  Engines engines();

  Supplier<Settings> settings();

  /** Runs something soon, one thing after the other. */
  void background(Runnable task);

  /** Virtual CPUs that there are in all memory systems, whether they run or not. */
  int vcpus();

  /** Takes a closed system off the list. */
  void forget(SocMemory system);
}
