package org.redoubt.struct;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Optional;

/**
 * Must-be-zero checks. A structure names its reserved bytes ({@link Layouts#reserved}), so one call
 * checks them all and a new field cannot be forgotten.
 */
public final class Reserved {
  private Reserved() {}

  /**
   * A reserved byte that is not zero.
   *
   * @param field the member it lies in
   * @param offset its place from the start of the structure
   * @param value what it holds, 1 to 255
   */
  public record Violation(String field, long offset, int value) {
    @Override
    public String toString() {
      return "%s at %Xh holds %02Xh, must be zero".formatted(field, offset, value);
    }
  }

  /**
   * The first byte of a reserved member of {@code layout} that is not zero in {@code structure},
   * which is at least as long.
   */
  public static Optional<Violation> firstNonZero(StructLayout layout, MemorySegment structure) {
    long offset = 0;
    for (MemoryLayout member : layout.memberLayouts()) {
      String name = member.name().orElse("");
      if (name.startsWith(Layouts.RESERVED)) {
        long bad = firstNonZero(structure, offset, member.byteSize());
        if (bad >= 0) {
          return Optional.of(
              new Violation(name, bad, Byte.toUnsignedInt(structure.get(Layouts.U8, bad))));
        }
      }
      offset += member.byteSize();
    }
    return Optional.empty();
  }

  /** The offset of the first non-zero byte in {@code [offset, offset + count)}, or -1. */
  public static long firstNonZero(MemorySegment segment, long offset, long count) {
    for (long i = offset; i < offset + count; i++) {
      if (segment.get(Layouts.U8, i) != 0) {
        return i;
      }
    }
    return -1;
  }
}
