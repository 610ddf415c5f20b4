package org.redoubt.struct;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.struct.Layouts.bytes;
import static org.redoubt.struct.Layouts.reserved;
import static org.redoubt.struct.Layouts.struct;
import static org.redoubt.struct.Layouts.u16;
import static org.redoubt.struct.Layouts.u32;
import static org.redoubt.struct.Layouts.u64;
import static org.redoubt.struct.Layouts.u8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class StructTest {
  private static final StructLayout LAYOUT =
      struct(
          "EXAMPLE",
          u8("A"),
          reserved(2, "_1"),
          u64("B"),
          u16("C"),
          bytes(3, "D"),
          u32("RESERVED_2"),
          u32("E"));

  @ParameterizedTest
  @CsvSource({"A,0,1", "B,3,8", "C,11,2", "D,13,3", "RESERVED_2,16,4", "E,20,4"})
  void shouldPackMembersWhenTheyAreNotAligned(String name, long offset, int size) {
    assertEquals(new Field(name, offset, size), Field.of(LAYOUT, name));
    assertEquals(24, LAYOUT.byteSize());
  }

  @ParameterizedTest
  @CsvSource({"A,FF", "B,FEDCBA9876543210", "C,8001", "E,80000001"})
  void shouldReadBackZeroExtendedWhenTheTopBitIsSet(String name, String hex) {
    MemorySegment s = MemorySegment.ofArray(new byte[24]);
    long value = Long.parseUnsignedLong(hex, 16);
    Field f = Field.of(LAYOUT, name);
    f.set(s, value);
    assertEquals(value, f.get(s));
    assertEquals((byte) value, s.get(Layouts.U8, f.offset()), "little-endian");
  }

  @Test
  void shouldClearTheRestWhenBytesAreShort() {
    MemorySegment s = MemorySegment.ofArray(new byte[24]);
    Field d = Field.of(LAYOUT, "D");
    d.setBytes(s, new byte[] {1, 2, 3});
    d.setBytes(s, new byte[] {9});
    assertArrayEquals(new byte[] {9, 0, 0}, d.getBytes(s));
    assertThrows(IllegalArgumentException.class, () -> d.setBytes(s, new byte[4]));
    assertThrows(IllegalStateException.class, () -> d.get(s));
    assertThrows(IllegalStateException.class, () -> d.set(s, 0));
  }

  @Test
  void shouldNameTheByteWhenAnyReservedByteIsSet() {
    for (int i = 0; i < 24; i++) {
      byte[] raw = new byte[24];
      raw[i] = (byte) 0x80;
      Optional<Reserved.Violation> got = Reserved.firstNonZero(LAYOUT, MemorySegment.ofArray(raw));
      boolean isReserved = i == 1 || i == 2 || i >= 16 && i < 20;
      assertEquals(isReserved, got.isPresent(), "byte " + i);
      if (isReserved) {
        assertEquals(i, got.orElseThrow().offset());
        assertEquals(0x80, got.orElseThrow().value());
      }
    }
    assertEquals(
        "RESERVED_1 at 1h holds 80h, must be zero",
        new Reserved.Violation("RESERVED_1", 1, 0x80).toString());
  }

  @Test
  void shouldCutBitsAsTheManualNumbersThem() {
    assertTrue(Bits.bit(1L << 63, 63));
    assertFalse(Bits.bit(1L << 62, 63));
    assertEquals(0xAB, Bits.field(0x12AB34L, 15, 8));
    assertEquals(-1L, Bits.mask(63, 0));
    assertEquals(0x12CD34L, Bits.with(0x12AB34L, 15, 8, 0xCD));
    assertEquals(-1L, Bits.with(0, 63, 0, -1L));
    assertThrows(IllegalArgumentException.class, () -> Bits.with(0, 15, 8, 0x100));
    assertThrows(IllegalArgumentException.class, () -> Bits.with(0, 63, 56, 0x100));
    assertThrows(IllegalArgumentException.class, () -> Bits.mask(0, 1));
  }
}
