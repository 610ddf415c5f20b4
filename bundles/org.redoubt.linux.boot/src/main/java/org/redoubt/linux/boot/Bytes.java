package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** A little-endian byte table that is filled by offset. Out of bounds is a bug and throws. */
final class Bytes {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment segment;

  Bytes(int size) {
    this.segment = MemorySegment.ofArray(new byte[size]);
  }

  Bytes u8(long offset, int value) {
    segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    return this;
  }

  Bytes u16(long offset, int value) {
    segment.set(U16, offset, (short) value);
    return this;
  }

  Bytes u32(long offset, long value) {
    segment.set(U32, offset, (int) value);
    return this;
  }

  Bytes u64(long offset, long value) {
    segment.set(U64, offset, value);
    return this;
  }

  Bytes text(long offset, String ascii) {
    for (int i = 0; i < ascii.length(); i++) {
      u8(offset + i, ascii.charAt(i));
    }
    return this;
  }

  Bytes copy(long offset, MemorySegment source) {
    MemorySegment.copy(source, 0, segment, offset, source.byteSize());
    return this;
  }

  /**
   * Sets the byte at {@code at} so that the bytes [from, to) sum to zero. ACPI 6.5 section 5.2.6.
   */
  Bytes checksum(int at, int from, int to) {
    u8(at, 0);
    int sum = 0;
    for (int i = from; i < to; i++) {
      sum += segment.get(ValueLayout.JAVA_BYTE, i);
    }
    return u8(at, -sum);
  }

  MemorySegment segment() {
    return segment;
  }

  static int u8(MemorySegment from, long offset) {
    return Byte.toUnsignedInt(from.get(ValueLayout.JAVA_BYTE, offset));
  }

  static int u16(MemorySegment from, long offset) {
    return Short.toUnsignedInt(from.get(U16, offset));
  }

  static long u32(MemorySegment from, long offset) {
    return Integer.toUnsignedLong(from.get(U32, offset));
  }

  static long u64(MemorySegment from, long offset) {
    return from.get(U64, offset);
  }
}
