package org.redoubt.struct;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;

/**
 * A structure of fixed layout whose bytes are the only truth: accessors cut them out, nothing is
 * held twice. Immutable, and equal to another of its class with the same bytes.
 */
public abstract class RawStructure {
  private final byte[] raw;

  /**
   * Copies the bytes.
   *
   * @param layout what they are laid out as
   * @param raw as many bytes as the layout has
   * @throws IllegalArgumentException if the length differs
   */
  protected RawStructure(StructLayout layout, byte[] raw) {
    if (raw.length != layout.byteSize()) {
      throw new IllegalArgumentException(
          "%s has %d bytes, not %d"
              .formatted(layout.name().orElse("Structure"), layout.byteSize(), raw.length));
    }
    this.raw = raw.clone();
  }

  /** A read-only view of the bytes. */
  public final MemorySegment segment() {
    return MemorySegment.ofArray(raw).asReadOnly();
  }

  /** A copy of the bytes. */
  public final byte[] toBytes() {
    return raw.clone();
  }

  @Override
  public final boolean equals(Object other) {
    return other != null
        && getClass() == other.getClass()
        && Arrays.equals(raw, ((RawStructure) other).raw);
  }

  @Override
  public final int hashCode() {
    return Arrays.hashCode(raw);
  }
}
