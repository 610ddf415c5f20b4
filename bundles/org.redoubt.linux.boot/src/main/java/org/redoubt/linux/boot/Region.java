package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A run of whole guest pages with known contents. Everything a guest reads before it can encrypt
 * for itself is in some region; memory outside all regions holds noise and must not be relied on.
 *
 * @param name what it is, for launch logs; unique in a layout
 * @param gpa guest-physical address, a multiple of {@link #PAGE_BYTES}
 * @param bytes read-only contents, a multiple of {@link #PAGE_BYTES} long, zero beyond what was
 *     wanted
 */
public record Region(String name, long gpa, MemorySegment bytes) {
  /** The unit of placement. Whole pages, so that no launched page is partly noise. */
  public static final int PAGE_BYTES = 4096;

  /** Most bytes of a region: what one Java array holds. */
  static final int LARGEST = 0x7FFF_0000;

  public Region {
    Objects.requireNonNull(name);
    if (gpa < 0
        || gpa % PAGE_BYTES != 0
        || bytes.byteSize() == 0
        || bytes.byteSize() % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "bug: region %s at %x of %x bytes is not whole pages"
              .formatted(name, gpa, bytes.byteSize()));
    }
  }

  /** Copies {@code contents} and pads them with zeros to whole pages. */
  static Region padded(String name, long gpa, MemorySegment contents) {
    long size = Math.max(PAGE_BYTES, pageCeil(contents.byteSize()));
    byte[] padded = new byte[Math.toIntExact(size)];
    MemorySegment.copy(contents, 0, MemorySegment.ofArray(padded), 0, contents.byteSize());
    return new Region(name, gpa, MemorySegment.ofArray(padded).asReadOnly());
  }

  /** Bytes, whole pages. */
  public long size() {
    return bytes.byteSize();
  }

  /** First address after it. */
  public long end() {
    return gpa + size();
  }

  static long pageCeil(long value) {
    return Math.addExact(value, PAGE_BYTES - 1) & -PAGE_BYTES;
  }
}
