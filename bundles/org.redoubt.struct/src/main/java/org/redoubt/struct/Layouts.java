package org.redoubt.struct;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Members of packed little-endian structures, as AMD's manuals draw them. All layouts are
 * unaligned, so that a structure can be read from any byte offset. A member whose name starts with
 * {@link #RESERVED} must be zero: see {@link Reserved}.
 *
 * <p>Thread-safe: layouts are immutable.
 */
public final class Layouts {
  /** Names of must-be-zero members start with this. */
  public static final String RESERVED = "RESERVED";

  /** One byte. */
  public static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;

  /** Two bytes, little-endian, unaligned. */
  public static final ValueLayout.OfShort LE16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Four bytes, little-endian, unaligned. */
  public static final ValueLayout.OfInt LE32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Eight bytes, little-endian, unaligned. */
  public static final ValueLayout.OfLong LE64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Layouts() {}

  /** A member of one byte. */
  public static MemoryLayout u8(String name) {
    return U8.withName(name);
  }

  /** A member of two bytes. */
  public static MemoryLayout u16(String name) {
    return LE16.withName(name);
  }

  /** A member of four bytes. */
  public static MemoryLayout u32(String name) {
    return LE32.withName(name);
  }

  /** A member of eight bytes. */
  public static MemoryLayout u64(String name) {
    return LE64.withName(name);
  }

  /** A member of {@code count} bytes without inner structure. */
  public static SequenceLayout bytes(int count, String name) {
    return MemoryLayout.sequenceLayout(count, U8).withName(name);
  }

  /**
   * {@code count} must-be-zero bytes; {@code suffix} tells several of them apart and may be empty.
   */
  public static SequenceLayout reserved(int count, String suffix) {
    return bytes(count, RESERVED + suffix);
  }

  /** A packed structure of the given members, in this order. */
  public static StructLayout struct(String name, MemoryLayout... members) {
    return MemoryLayout.structLayout(members).withName(name);
  }
}
