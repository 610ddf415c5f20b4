package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.redoubt.api.memory.AddressMap;

/**
 * Hands out runs of DRAM, the lowest first, so that what one VM has given back serves the next and
 * the host's memory does not grow with every VM there ever was. Thread-safe.
 */
final class SpaAllocator {
  /**
   * A run of DRAM.
   *
   * @param spa first address
   * @param bytes length
   * @param fresh whether it was never handed out before
   */
  record Run(long spa, long bytes, boolean fresh) {}

  /** Free runs: start to end. */
  private final TreeMap<Long, Long> free = new TreeMap<>();

  /** Nothing at or above this was ever handed out; below, everything may have been. */
  private long untouched;

  SpaAllocator(AddressMap map) {
    for (AddressMap.Range range : map.dram()) {
      free.put(range.spa(), range.end());
    }
  }

  /**
   * Takes a run.
   *
   * @param align a power of two
   * @return empty if there is no room
   */
  synchronized Optional<Run> take(long bytes, long align) {
    for (Map.Entry<Long, Long> run : List.copyOf(free.entrySet())) {
      long start = (run.getKey() + align - 1) & -align;
      long end = run.getValue();
      if (start > end || end - start < bytes) {
        continue;
      }
      long first = run.getKey();
      free.remove(first);
      if (first < start) {
        free.put(first, start);
      }
      if (start + bytes < end) {
        free.put(start + bytes, end);
      }
      boolean fresh = start >= untouched;
      untouched = Math.max(untouched, start + bytes);
      return Optional.of(new Run(start, bytes, fresh));
    }
    return Optional.empty();
  }

  /** Gives a run back. */
  synchronized void give(Run run) {
    long start = run.spa();
    long end = start + run.bytes();
    Map.Entry<Long, Long> before = free.floorEntry(start);
    Long following = free.ceilingKey(start);
    if ((before != null && before.getValue() > start) || (following != null && following < end)) {
      throw new IllegalStateException("bug: run at %xh is free already".formatted(start));
    }
    if (before != null && before.getValue() == start) {
      free.remove(before.getKey());
      start = before.getKey();
    }
    Long next = free.get(end);
    if (next != null) {
      free.remove(end);
      end = next;
    }
    free.put(start, end);
  }
}
