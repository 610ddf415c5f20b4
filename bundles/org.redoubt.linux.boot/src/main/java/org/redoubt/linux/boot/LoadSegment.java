package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;

/**
 * Bytes of an image and where they go; what an image claims, to be checked by {@link LoadSegments}.
 *
 * @param gpa guest-physical address
 * @param contents what is in the file; read-only
 * @param size bytes in memory; those beyond the contents are zero
 */
public record LoadSegment(long gpa, MemorySegment contents, long size) {
  /** First address after it. */
  public long end() {
    return gpa + size;
  }
}
