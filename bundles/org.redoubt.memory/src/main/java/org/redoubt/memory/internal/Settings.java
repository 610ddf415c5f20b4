package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.Optional;

/**
 * What configuration says for all memory systems.
 *
 * @param engine the engine by name for systems that name none themselves; empty: the highest-ranked
 * @param socCacheBytes capacity of every SoC cache; empty: as each system was made
 * @param engineLimit how long one call of an engine may take
 * @param carryLimit how long pages may be carried over while an engine's bundle stops
 * @param keepForRollback whether a change of engine keeps the former ciphertext until it has ended
 */
record Settings(
    Optional<String> engine,
    Optional<Long> socCacheBytes,
    Duration engineLimit,
    Duration carryLimit,
    boolean keepForRollback) {
  static final Settings DEFAULT =
      new Settings(
          Optional.empty(), Optional.empty(), Duration.ofSeconds(2), Duration.ofSeconds(20), true);
}
