package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.PageTag;
import org.redoubt.spec.sev.FirmwareStatus;

/**
 * One command on its way: the platform, and the copy of the command buffer that everything is read
 * from and answers go into.
 *
 * @param platform the platform
 * @param buffer the copy; the host can no longer change it
 * @param bufferSpa where it came from
 */
public record Call(Platform platform, MemorySegment buffer, long bufferSpa) {
  /**
   * A range that a command names: where, how long, and the manual's name of its address field.
   *
   * @param field for reasons
   * @param spa first address
   * @param bytes length
   */
  public record Range(String field, long spa, long bytes) {
    boolean overlaps(Range other) {
      return Long.compareUnsigned(spa, other.spa + other.bytes) < 0
          && Long.compareUnsigned(other.spa, spa + bytes) < 0;
    }
  }

  /**
   * Checks that ranges are aligned and in DRAM, and that neither two of them nor one and the
   * command buffer overlap.
   *
   * @param alignment a power of two; 1 for none
   */
  public Optional<Refusal> check(long alignment, Range... ranges) {
    AddressMap map = platform.memory().config().addressMap();
    for (Range r : ranges) {
      if ((r.spa & alignment - 1) != 0) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.INVALID_ADDRESS,
                "%s: expected a multiple of %d, found %Xh",
                r.field,
                alignment,
                r.spa));
      }
      if (!map.isDram(r.spa, r.bytes)) {
        return Optional.of(
            Refusal.of(
                FirmwareStatus.INVALID_ADDRESS,
                "%s: expected %d bytes of memory, found %Xh outside of it",
                r.field,
                r.bytes,
                r.spa));
      }
    }
    for (int i = 0; i < ranges.length; i++) {
      if (ranges[i].overlaps(new Range("", bufferSpa, buffer.byteSize()))) {
        return overlap(ranges[i].field, "the command buffer");
      }
      for (int j = 0; j < i; j++) {
        if (ranges[i].overlaps(ranges[j])) {
          return overlap(ranges[j].field, ranges[i].field);
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<Refusal> overlap(String a, String b) {
    return Optional.of(
        Refusal.of(
            FirmwareStatus.INVALID_ADDRESS, "%s: expected no overlap with %s, found one", a, b));
  }

  /** Copies a checked range of shared memory. */
  public byte[] read(Range range) {
    byte[] out = new byte[Math.toIntExact(range.bytes)];
    platform.memory().view(PageTag.SHARED).read(range.spa, MemorySegment.ofArray(out));
    return out;
  }

  /** Writes to checked shared memory. */
  public void write(long spa, byte[] bytes) {
    platform.memory().view(PageTag.SHARED).write(spa, MemorySegment.ofArray(bytes));
  }
}
