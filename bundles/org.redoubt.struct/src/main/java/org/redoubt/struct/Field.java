package org.redoubt.struct;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * One named member of a structure: where it is and how wide. Made once, as a constant beside the
 * layout; a name the layout does not have stops the class from loading.
 *
 * <pre>{@code
 * private static final Field HANDLE = Field.of(LAYOUT, "HANDLE");
 * int handle = HANDLE.getInt(buffer);
 * }</pre>
 *
 * <p>Integers are little-endian and zero-extended. Every access is bounds-checked by the segment.
 * Thread-safe.
 *
 * @param name the manual's name
 * @param offset bytes from the start of the structure
 * @param size bytes
 */
public record Field(String name, long offset, int size) {

  /** The member of {@code layout} called {@code name}. */
  public static Field of(StructLayout layout, String name) {
    return new Field(
        name,
        layout.byteOffset(groupElement(name)),
        Math.toIntExact(layout.select(groupElement(name)).byteSize()));
  }

  /** The integer in this field, zero-extended; the field has 1, 2, 4 or 8 bytes. */
  public long get(MemorySegment structure) {
    return switch (size) {
      case 1 -> Byte.toUnsignedLong(structure.get(Layouts.U8, offset));
      case 2 -> Short.toUnsignedLong(structure.get(Layouts.LE16, offset));
      case 4 -> Integer.toUnsignedLong(structure.get(Layouts.LE32, offset));
      case 8 -> structure.get(Layouts.LE64, offset);
      default -> throw new IllegalStateException(name + " has " + size + " bytes: not an integer");
    };
  }

  /** The low 32 bits of {@link #get}. */
  public int getInt(MemorySegment structure) {
    return (int) get(structure);
  }

  /** Stores the low bytes of {@code value}; the field has 1, 2, 4 or 8 bytes. */
  public void set(MemorySegment structure, long value) {
    switch (size) {
      case 1 -> structure.set(Layouts.U8, offset, (byte) value);
      case 2 -> structure.set(Layouts.LE16, offset, (short) value);
      case 4 -> structure.set(Layouts.LE32, offset, (int) value);
      case 8 -> structure.set(Layouts.LE64, offset, value);
      default -> throw new IllegalStateException(name + " has " + size + " bytes: not an integer");
    }
  }

  /** A copy of the field's bytes. */
  public byte[] getBytes(MemorySegment structure) {
    return structure.asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Stores {@code value}, which is not longer than the field, and clears the rest of the field. */
  public void setBytes(MemorySegment structure, byte[] value) {
    if (value.length > size) {
      throw new IllegalArgumentException(name + " takes " + size + " bytes, not " + value.length);
    }
    MemorySegment slice = structure.asSlice(offset, size);
    slice.fill((byte) 0);
    slice.copyFrom(MemorySegment.ofArray(Arrays.copyOf(value, value.length)));
  }
}
