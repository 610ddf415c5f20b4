package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * An image's segments, checked: in RAM, disjoint, not more zeros than {@link #MOST_ZEROS}.
 * Immutable.
 */
public final class LoadSegments {
  /** Most bytes that an image may have set to zero, so that a small file cannot ask for all. */
  public static final long MOST_ZEROS = 256L << 20;

  private final List<LoadSegment> sorted;

  private LoadSegments(List<LoadSegment> sorted) {
    this.sorted = List.copyOf(sorted);
  }

  /**
   * Checks what an image claims.
   *
   * @throws LinuxBootException one sentence saying what cannot be
   */
  public static LoadSegments of(List<LoadSegment> claimed, PcMemory memory)
      throws LinuxBootException {
    if (claimed.isEmpty()) {
      throw new LinuxBootException("The kernel has no segment to load.");
    }
    long zeros = 0;
    for (LoadSegment segment : claimed) {
      if (segment.size() < segment.contents().byteSize() || segment.size() <= 0) {
        throw new LinuxBootException(
            "The kernel's segment at %xh has %d bytes in the file and %d in memory."
                .formatted(segment.gpa(), segment.contents().byteSize(), segment.size()));
      }
      if (!memory.isFree(segment.gpa(), segment.size())) {
        throw new LinuxBootException(
            "The kernel's segment at %xh, %d bytes, lies outside of the %d MiB of memory, or where a PC has none."
                .formatted(segment.gpa(), segment.size(), memory.machine().memoryBytes() >> 20));
      }
      zeros += segment.size() - segment.contents().byteSize();
      if (zeros > MOST_ZEROS) {
        throw new LinuxBootException(
            "The kernel wants more than %d MiB of zeros.".formatted(MOST_ZEROS >> 20));
      }
    }
    List<LoadSegment> sorted =
        claimed.stream().sorted(Comparator.comparingLong(LoadSegment::gpa)).toList();
    for (int i = 1; i < sorted.size(); i++) {
      if (sorted.get(i).gpa() < sorted.get(i - 1).end()) {
        throw new LinuxBootException(
            "The kernel's segments at %xh and %xh overlap."
                .formatted(sorted.get(i - 1).gpa(), sorted.get(i).gpa()));
      }
    }
    return new LoadSegments(sorted);
  }

  /** Whether an address is in one of them. */
  public boolean contains(long gpa) {
    return sorted.stream().anyMatch(s -> gpa >= s.gpa() && gpa < s.end());
  }

  /** First page after all of them. */
  public long end() {
    return Region.pageCeil(sorted.getLast().end());
  }

  /**
   * The first gap that is large enough: from {@code from} on, below or between or after them.
   *
   * @param from a multiple of 4 KiB
   * @return an address that may lie outside of memory
   */
  public long gap(long from, long bytes, PcMemory memory) {
    long at = from;
    for (LoadSegment segment : sorted) {
      if (memory.isFree(at, bytes) && at + bytes <= (segment.gpa() & -Region.PAGE_BYTES)) {
        return at;
      }
      at = Math.max(at, Region.pageCeil(segment.end()));
    }
    return memory.isFree(at, bytes) ? at : Math.max(at, PcMemory.EXTENDED_MEMORY);
  }

  /**
   * What to load: whole pages, in ascending order. Segments that share a page share a region.
   *
   * @param name of the first; the others have a number behind it
   * @throws LinuxBootException if one is larger than an array
   */
  public List<Region> regions(String name) throws LinuxBootException {
    List<Region> out = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= sorted.size(); i++) {
      long end = Region.pageCeil(sorted.get(i - 1).end());
      if (i == sorted.size() || (sorted.get(i).gpa() & -Region.PAGE_BYTES) >= end) {
        String numbered = out.isEmpty() ? name : name + "-" + (out.size() + 1);
        out.add(region(numbered, sorted.subList(first, i), end));
        first = i;
      }
    }
    return out;
  }

  private static Region region(String name, List<LoadSegment> run, long end)
      throws LinuxBootException {
    long gpa = run.getFirst().gpa() & -Region.PAGE_BYTES;
    if (end - gpa > Region.LARGEST) {
      throw new LinuxBootException(
          "The kernel has %d bytes in one piece, more than can be loaded.".formatted(end - gpa));
    }
    MemorySegment bytes = MemorySegment.ofArray(new byte[(int) (end - gpa)]);
    for (LoadSegment segment : run) {
      MemorySegment.copy(
          segment.contents(), 0, bytes, segment.gpa() - gpa, segment.contents().byteSize());
    }
    return new Region(name, gpa, bytes.asReadOnly());
  }
}
