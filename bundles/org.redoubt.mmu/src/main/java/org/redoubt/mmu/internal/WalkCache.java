package org.redoubt.mmu.internal;

/**
 * Remembers, for each 2 MiB of linear addresses, which table of 4 KiB entries rules it and what the
 * entries above allow. As on hardware it may be stale until the guest flushes; so every flush of
 * the TLB empties it, in one step.
 */
final class WalkCache {
  private static final int SLOTS = 512;

  private final long[] regions = new long[SLOTS];
  private final long[] tables = new long[SLOTS];
  private final long[] permissions = new long[SLOTS];
  private final int[] generations = new int[SLOTS];
  private int generation = 1;

  /** Slot that rules a gva, or -1. */
  int find(long gva) {
    int slot = (int) (gva >>> 21) & (SLOTS - 1);
    return regions[slot] == gva >>> 21 && generations[slot] == generation ? slot : -1;
  }

  long table(int slot) {
    return tables[slot];
  }

  /** RW and US as granted by all levels above, NX if one of them forbids. */
  long permissions(int slot) {
    return permissions[slot];
  }

  void put(long gva, long table, long granted) {
    int slot = (int) (gva >>> 21) & (SLOTS - 1);
    regions[slot] = gva >>> 21;
    tables[slot] = table;
    permissions[slot] = granted;
    generations[slot] = generation;
  }

  void flush() {
    generation++;
  }
}
