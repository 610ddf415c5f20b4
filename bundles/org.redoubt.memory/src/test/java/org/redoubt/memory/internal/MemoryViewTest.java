package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;

class MemoryViewTest {
  private static final int PAGE = Rig.PAGE;
  private final Rig rig = new Rig();

  @ParameterizedTest
  @ValueSource(ints = {8, 9, 64, 4096})
  void shouldReadBackEveryPageAtAnyCacheSize(int cachePages) {
    try (MemorySystem system = rig.system(256, cachePages)) {
      for (int page = 0; page < 256; page++) {
        Rig.write(system, 1 + page % 3, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      for (int page = 0; page < 256; page++) {
        assertArrayEquals(
            Rig.pattern(page, PAGE), Rig.read(system, 1 + page % 3, (long) page * PAGE, PAGE));
      }
      assertTrue(system.stats().residentPages() <= cachePages);
    }
  }

  @Test
  void shouldKeepOnlyCiphertextInDramWhenFlushed() {
    try (MemorySystem system = rig.system(16, 8)) {
      byte[] known = Rig.pattern(1, PAGE);
      Rig.write(system, 2, 3 * PAGE, known);
      system.flush();
      assertTrue(system.pageInfo(3 * PAGE).resident());
      assertFalse(system.pageInfo(3 * PAGE).dirty());
      byte[] cipher = Rig.dram(system, 3 * PAGE, PAGE);
      MemorySegment back = MemorySegment.ofArray(new byte[PAGE]);
      try (MemoryEncryptionEngine alone =
          rig.alpha.create(MemorySegment.ofArray(Keys4Tests.key(2, "alpha", 0, 32)))) {
        alone.decrypt(3 * PAGE, MemorySegment.ofArray(cipher), back);
      }
      assertArrayEquals(known, back.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  @Test
  void shouldGiveCiphertextWhenHostReadsPrivatePage() {
    try (MemorySystem system = rig.system(16, 8)) {
      Rig.write(system, 1, 0, Rig.pattern(1, PAGE));
      byte[] seen = Rig.read(system, 0, 0, PAGE);
      assertArrayEquals(Rig.dram(system, 0, PAGE), seen);
      assertFalse(java.util.Arrays.equals(Rig.pattern(1, PAGE), seen));
      assertArrayEquals(Rig.pattern(1, PAGE), Rig.read(system, 1, 0, PAGE));
      assertTrue(system.stats().tagSwitches() >= 2);
    }
  }

  @Test
  void shouldKeepAPageItsWritersWhenOthersOnlyLook() {
    try (MemorySystem system = rig.system(16, 8)) {
      Rig.write(system, 1, 0, Rig.pattern(1, PAGE));
      Rig.read(system, 0, 0, PAGE);
      assertEquals(1, system.pageInfo(0).tag());
      assertTrue(system.pageInfo(0).resident());
      system.view(0).putByte(5, (byte) 1);
      assertEquals(0, system.pageInfo(0).tag());
      system.flush();
      Rig.read(system, 1, 0, PAGE);
      assertEquals(0, system.pageInfo(0).tag(), "the guest only looked");
      Rig.read(system, 1, 5 * PAGE, PAGE);
      assertEquals(1, system.pageInfo(5 * PAGE).tag(), "nobody ever wrote");
    }
  }

  @Test
  void shouldTouchNothingWhenProbed() {
    try (MemorySystem system = rig.system(16, 8)) {
      Rig.write(system, 1, PAGE, Rig.pattern(1, 2 * PAGE));
      byte[] probed = new byte[PAGE];
      system.probe(PAGE + 100, MemorySegment.ofArray(probed));
      assertArrayEquals(new byte[PAGE], probed, "not written back yet");
      assertTrue(system.pageInfo(PAGE).dirty());
      system.flush();
      system.probe(PAGE + 100, MemorySegment.ofArray(probed));
      assertTrue(system.pageInfo(PAGE).resident());
      assertArrayEquals(Rig.dram(system, PAGE + 100, PAGE), probed);
      MemorySegment outside = MemorySegment.ofArray(probed);
      assertThrows(IndexOutOfBoundsException.class, () -> system.probe(15 * PAGE + 1, outside));
    }
  }

  @Test
  void shouldGarbleExactlyItsBlockWhenHostWritesPrivatePage() {
    try (MemorySystem system = rig.system(16, 8)) {
      byte[] before = Rig.pattern(1, PAGE);
      Rig.write(system, 1, 0, before);
      byte seen = system.view(0).getByte(100);
      system.view(0).putByte(100, (byte) (seen ^ 1));
      byte[] after = Rig.read(system, 1, 0, PAGE);
      for (int block = 0; block < PAGE; block += 16) {
        boolean same = java.util.Arrays.equals(before, block, block + 16, after, block, block + 16);
        assertEquals(block != 96, same, "block at " + block);
      }
    }
  }

  @Test
  void shouldGiveUnrelatedBytesWhenAnotherGuestReads() {
    try (MemorySystem system = rig.system(16, 8)) {
      Rig.write(system, 1, 0, Rig.pattern(1, PAGE));
      byte[] other = Rig.read(system, 2, 0, PAGE);
      assertFalse(java.util.Arrays.equals(Rig.pattern(1, PAGE), other));
      assertFalse(java.util.Arrays.equals(Rig.dram(system, 0, PAGE), other));
    }
  }

  @Test
  void shouldKeepHostPagesUnderHostKeyWhenHostEncryptionIsOn() {
    try (MemorySystem system = rig.system(Rig.config(16, 8).withHostEncryption(true))) {
      assertArrayEquals(new byte[PAGE], Rig.read(system, 0, PAGE, PAGE));
      Rig.write(system, 0, 0, Rig.pattern(1, PAGE));
      system.flush();
      assertFalse(java.util.Arrays.equals(Rig.pattern(1, PAGE), Rig.dram(system, 0, PAGE)));
      system.wbinvd();
      assertArrayEquals(Rig.pattern(1, PAGE), Rig.read(system, 0, 0, PAGE));
    }
  }

  @Test
  void shouldLeaveSharedPagesPlainWhenHostEncryptionIsOff() {
    try (MemorySystem system = rig.system(16, 8)) {
      Rig.write(system, 0, 100, Rig.pattern(1, PAGE));
      system.flush();
      assertArrayEquals(Rig.pattern(1, PAGE), Rig.dram(system, 100, PAGE));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,0", "2,0", "4,0", "8,0", "2,4095", "4,4093", "8,4089", "8,4095", "8,3"})
  void shouldReadWhatWasWrittenWhenIntegerLiesAnywhere(int size, long spa) {
    try (MemorySystem system = rig.system(16, 8)) {
      MemoryView view = system.view(1);
      long value = 0x8877_6655_4433_2211L;
      switch (size) {
        case 1 -> view.putByte(spa, (byte) value);
        case 2 -> view.putShort(spa, (short) value);
        case 4 -> view.putInt(spa, (int) value);
        default -> view.putLong(spa, value);
      }
      system.wbinvd();
      byte[] bytes = Rig.read(system, 1, spa, size);
      for (int i = 0; i < size; i++) {
        assertEquals((byte) (value >>> 8 * i), bytes[i], "little-endian byte " + i);
      }
      long back =
          switch (size) {
            case 1 -> view.getByte(spa);
            case 2 -> view.getShort(spa);
            case 4 -> view.getInt(spa);
            default -> view.getLong(spa);
          };
      int unused = 64 - 8 * size;
      assertEquals(value << unused >> unused, back);
    }
  }

  @Test
  void shouldFillAcrossPages() {
    try (MemorySystem system = rig.system(16, 8)) {
      system.view(1).fill(4000, 5000, (byte) 7);
      byte[] bytes = Rig.read(system, 1, 4000, 5000);
      for (byte b : bytes) {
        assertEquals(7, b);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"-1,1", "65536,1", "65535,2", "65529,8", "0,65537", "9223372036854775807,8"})
  void shouldRefuseAndChangeNothingWhenRangeIsNotDram(long spa, int length) {
    try (MemorySystem system = rig.system(16, 8)) {
      MemoryView view = system.view(1);
      MemorySegment bytes = MemorySegment.ofArray(new byte[length]);
      for (org.junit.jupiter.api.function.Executable access :
          List.<org.junit.jupiter.api.function.Executable>of(
              () -> view.write(spa, bytes),
              () -> view.read(spa, bytes),
              () -> view.fill(spa, length, (byte) 1),
              () -> system.clflush(spa, length))) {
        String message =
            String.valueOf(assertThrows(IndexOutOfBoundsException.class, access).getMessage());
        assertTrue(message.contains(Long.toHexString(spa)) && message.contains("ffff"), message);
      }
      assertEquals(0, system.stats().fills());
    }
  }

  @Test
  void shouldFindRangesAndHolesWhenDramIsSplit() {
    AddressMap map =
        new AddressMap(
            List.of(new AddressMap.Range(0, 4 * PAGE), new AddressMap.Range(1L << 32, 4 * PAGE)));
    MemoryConfig config =
        new MemoryConfig("split", map, Optional.empty(), 8 * PAGE, Optional.empty(), false, 4);
    try (MemorySystem system = rig.system(config)) {
      byte[] high = Rig.pattern(2, 4 * PAGE);
      Rig.write(system, 1, 1L << 32, high);
      system.wbinvd();
      assertArrayEquals(high, Rig.read(system, 1, 1L << 32, 4 * PAGE));
      assertThrows(IndexOutOfBoundsException.class, () -> system.view(1).getLong(4 * PAGE - 4));
      assertThrows(IndexOutOfBoundsException.class, () -> system.view(1).getLong(4 * PAGE));
    }
  }

  @Test
  void shouldRefuseUnalignedAtomics() {
    try (MemorySystem system = rig.system(16, 8)) {
      MemoryView view = system.view(1);
      assertThrows(IllegalArgumentException.class, () -> view.getAndAddLong(4, 1));
      assertThrows(IllegalArgumentException.class, () -> view.compareAndExchangeInt(2, 0, 1));
      assertEquals(0, view.compareAndExchangeLong(8 * PAGE, view.getLong(8 * PAGE), 5) * 0);
      assertEquals(5, view.getAndAddLong(8 * PAGE, 2));
      assertEquals(7, view.getLong(8 * PAGE));
    }
  }

  @Test
  void shouldGiveTheSameViewForTheSameTag() {
    try (MemorySystem system = rig.system(16, 8)) {
      assertSame(system.view(3), system.view(3));
      assertEquals(3, system.view(3).tag());
      assertThrows(IllegalArgumentException.class, () -> system.view(510));
      assertThrows(IllegalArgumentException.class, () -> system.view(-1));
    }
  }

  @Test
  void shouldThrowInsteadOfCrashingWhenClosed() {
    MemorySystem system = rig.system(16, 8);
    MemoryView view = system.view(1);
    view.putLong(0, 1);
    system.close();
    system.close();
    assertThrows(IllegalStateException.class, () -> view.getLong(0));
    assertThrows(IllegalStateException.class, () -> view.putLong(0, 1));
    assertThrows(IllegalStateException.class, system::flush);
    assertEquals(0, rig.alpha.open.get());
    assertEquals(List.of(), rig.factory.systems());
  }
}
