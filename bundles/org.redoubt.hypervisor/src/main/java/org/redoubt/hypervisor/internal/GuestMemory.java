package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.spec.x86.Pte;

/**
 * A guest's RAM: which runs of DRAM it has, and where the guest sees them. Writes the nested tables
 * that say so to the MMU.
 */
final class GuestMemory {
  /** RAM below 4 GiB ends here at the latest; devices are above. */
  static final long LOW_END = 0xC000_0000L;

  /** RAM that does not fit below {@link #LOW_END} begins here. */
  static final long HIGH = 1L << 32;

  private static final long LARGE = 2L << 20;
  private static final long FLAGS = Pte.P | Pte.RW | Pte.US;

  /** One run: guest-physical, system-physical, length; all multiples of 4,096. */
  record Range(long gpa, long spa, long bytes) {}

  final List<Range> ranges;
  final long bytes;

  /** RAM of {@code bytes} bytes in one run of DRAM. */
  GuestMemory(long spa, long bytes) {
    long low = Math.min(bytes, LOW_END);
    List<Range> made = new ArrayList<>();
    made.add(new Range(0, spa, low));
    if (bytes > low) {
      made.add(new Range(HIGH, spa + low, bytes - low));
    }
    this.ranges = List.copyOf(made);
    this.bytes = bytes;
  }

  /** The system-physical address of {@code length} bytes of RAM, or -1. */
  long spa(long gpa, long length) {
    for (Range range : ranges) {
      long offset = gpa - range.gpa();
      if (offset >= 0
          && length >= 0
          && offset < range.bytes()
          && length <= range.bytes() - offset) {
        return range.spa() + offset;
      }
    }
    return -1;
  }

  /** Whether a range of guest-physical addresses touches RAM. */
  boolean overlaps(long gpa, long length) {
    for (Range range : ranges) {
      if (gpa < range.gpa() + range.bytes() && range.gpa() < gpa + length) {
        return true;
      }
    }
    return false;
  }

  /** Bytes that {@link #writeNestedTables} needs. */
  long nestedTableBytes() {
    long pages = 2;
    for (Range range : ranges) {
      pages += (range.bytes() >>> 30) + 2; // page directories
      boolean aligned = ((range.gpa() ^ range.spa()) & (LARGE - 1)) == 0;
      pages += aligned ? 1 : (range.bytes() >>> 21) + 2; // page tables
    }
    return pages * 4096;
  }

  /**
   * Writes 4-level tables with pages of 2 MiB where they fit.
   *
   * @param host host memory
   * @param at where the tables go: zeroed, {@link #nestedTableBytes} long
   */
  NestedPaging writeNestedTables(MemoryView host, long at) {
    long[] next = {at + 8192};
    host.putLong(at, at + 4096 | FLAGS);
    for (Range range : ranges) {
      long done = 0;
      while (done < range.bytes()) {
        long gpa = range.gpa() + done;
        long spa = range.spa() + done;
        long directory = below(host, at + 4096 + (gpa >>> 30) * 8, next);
        long entry = directory + (gpa >>> 21 & 511) * 8;
        if (range.bytes() - done >= LARGE && ((gpa | spa) & (LARGE - 1)) == 0) {
          host.putLong(entry, spa | FLAGS | Pte.PS);
          done += LARGE;
        } else {
          host.putLong(below(host, entry, next) + (gpa >>> 12 & 511) * 8, spa | FLAGS);
          done += 4096;
        }
      }
    }
    return new NestedPaging(true, at);
  }

  private static long below(MemoryView host, long entry, long[] next) {
    long value = host.getLong(entry);
    if ((value & Pte.P) == 0) {
      value = next[0] | FLAGS;
      next[0] += 4096;
      host.putLong(entry, value);
    }
    return value & Pte.ADDRESS;
  }
}
