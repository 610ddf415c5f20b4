package org.redoubt.api.cpu;

import java.util.Map;

/**
 * Counters of one vCPU since creation.
 *
 * @param instructions retired guest instructions
 * @param blocks blocks entered
 * @param decoded instructions decoded
 * @param tlbMisses TLB misses that were filled
 * @param pageFaults #PF delivered
 * @param interrupts interrupts and NMIs delivered
 * @param exits exits and bus accesses by cause
 */
public record CpuStats(
    long instructions,
    long blocks,
    long decoded,
    long tlbMisses,
    long pageFaults,
    long interrupts,
    Map<String, Long> exits) {
  /** Copies the map. */
  public CpuStats {
    exits = Map.copyOf(exits);
  }
}
