package org.redoubt.api.memory;

import java.util.List;

/**
 * Which system-physical addresses are DRAM. Ranges are page-aligned, ascending and disjoint; a DRAM
 * file holds them one after the other. Everything else is a hole.
 *
 * @param dram the ranges, at least one
 */
public record AddressMap(List<Range> dram) {
  /** Bytes of a page. */
  public static final int PAGE_BYTES = 4096;

  /** The first address that no system has: 2^52, the architecture's limit. APM Vol. 2, §5.1. */
  public static final long SPA_LIMIT = 1L << 52;

  /**
   * One run of DRAM.
   *
   * @param spa first address, a multiple of 4,096
   * @param bytes length, a positive multiple of 4,096
   */
  public record Range(long spa, long bytes) {
    /** Refuses ranges that are empty, unaligned or past {@link #SPA_LIMIT}. */
    public Range {
      if (spa < 0 || bytes <= 0 || ((spa | bytes) & (PAGE_BYTES - 1)) != 0) {
        throw new IllegalArgumentException(
            "DRAM range at %xh of %d bytes: both must be multiples of 4096, the length positive"
                .formatted(spa, bytes));
      }
      if (spa >= SPA_LIMIT || bytes > SPA_LIMIT - spa) {
        throw new IllegalArgumentException(
            "DRAM range at %xh of %d bytes ends past 2^52".formatted(spa, bytes));
      }
    }

    /** The first address after the range. */
    public long end() {
      return spa + bytes;
    }
  }

  /** Copies the list and refuses ranges that are out of order or overlap. */
  public AddressMap {
    dram = List.copyOf(dram);
    if (dram.isEmpty()) {
      throw new IllegalArgumentException("An address map needs at least one DRAM range");
    }
    for (int i = 1; i < dram.size(); i++) {
      if (dram.get(i).spa() < dram.get(i - 1).end()) {
        throw new IllegalArgumentException(
            "DRAM ranges overlap or are out of order at %xh".formatted(dram.get(i).spa()));
      }
    }
  }

  /**
   * One range from address 0.
   *
   * @param bytes length, a positive multiple of 4,096
   */
  public static AddressMap flat(long bytes) {
    return new AddressMap(List.of(new Range(0, bytes)));
  }

  /** Bytes of DRAM in all ranges together. */
  public long bytes() {
    return dram.stream().mapToLong(Range::bytes).sum();
  }

  /**
   * Whether a run of bytes lies within one DRAM range.
   *
   * @param spa first address
   * @param bytes length, 0 or more
   */
  public boolean isDram(long spa, long bytes) {
    for (Range range : dram) {
      if (spa >= range.spa() && spa < range.end() && bytes >= 0 && bytes <= range.end() - spa) {
        return true;
      }
    }
    return false;
  }
}
