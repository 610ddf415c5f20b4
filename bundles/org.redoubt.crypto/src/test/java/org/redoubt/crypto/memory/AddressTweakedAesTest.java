package org.redoubt.crypto.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AddressTweakedAesTest {
  private static final int PAGE = Tweak.PAGE_BYTES;

  /** Else the tests below would compare the JDK with itself. */
  @Test
  void shouldUseHostCodeWhereTheHostHasVaes() throws IOException {
    boolean vaes =
        System.getProperty("os.arch").equals("amd64")
            && Files.exists(Path.of("/proc/cpuinfo"))
            && Files.readString(Path.of("/proc/cpuinfo")).contains(" vaes");
    try (var cipher = cipher(1, AddressTweakedAes.Mode.XEX, true)) {
      assertEquals(vaes, cipher.usesHostCode());
    }
    try (var cipher = cipher(1, AddressTweakedAes.Mode.XEX, false)) {
      assertEquals(false, cipher.usesHostCode());
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldGiveTheSameBytesWithHostCodeAndWithout(AddressTweakedAes.Mode mode) {
    Random random = new Random(2);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment room = arena.allocate(8 * PAGE, PAGE);
      for (int round = 0; round < 500; round++) {
        int bytes = 16 * random.nextInt(3 * PAGE / 16);
        if (round % 2 == 0) {
          bytes = 256 * (1 + round / 2 % 16);
        }
        long spa = (random.nextLong() & (1L << 51) - 1) & -16;
        byte[] plain = new byte[bytes];
        random.nextBytes(plain);
        MemorySegment from = room.asSlice(random.nextInt(PAGE), bytes);
        MemorySegment to = room.asSlice(4 * PAGE + random.nextInt(PAGE), bytes);
        byte[] expected = new byte[bytes];
        try (var host = cipher(round, mode, true);
            var jdk = cipher(round, mode, false)) {
          jdk.encrypt(spa, MemorySegment.ofArray(plain), MemorySegment.ofArray(expected));
          room.fill((byte) 0x5A);
          from.copyFrom(MemorySegment.ofArray(plain));
          host.encrypt(spa, from, to);
          String what = mode + ", " + bytes + " bytes at spa " + Long.toHexString(spa);
          assertArrayEquals(expected, to.toArray(ValueLayout.JAVA_BYTE), what);
          from.fill((byte) 0);
          host.decrypt(spa, to, from);
          assertArrayEquals(plain, from.toArray(ValueLayout.JAVA_BYTE), what);
          from.fill((byte) 0x5A);
          to.fill((byte) 0x5A);
          assertTrue(
              room.mismatch(MemorySegment.ofArray(new byte[8 * PAGE]).fill((byte) 0x5A)) < 0,
              () -> "written outside: " + what);
        }
      }
    }
  }

  @Test
  void shouldRefuseToWriteReadOnlyMemory() {
    try (Arena arena = Arena.ofConfined();
        var cipher = cipher(3, AddressTweakedAes.Mode.XEX, true)) {
      MemorySegment from = arena.allocate(PAGE, PAGE);
      MemorySegment to = arena.allocate(PAGE, PAGE);
      assertThrows(RuntimeException.class, () -> cipher.encrypt(0, from, to.asReadOnly()));
      assertThrows(RuntimeException.class, () -> cipher.decrypt(0, from, to.asReadOnly()));
      assertTrue(to.mismatch(MemorySegment.ofArray(new byte[PAGE])) < 0);
    }
  }

  @Test
  void shouldRefuseMemoryThatIsGone() {
    try (var cipher = cipher(4, AddressTweakedAes.Mode.XEX, true);
        Arena open = Arena.ofConfined()) {
      MemorySegment gone;
      try (Arena arena = Arena.ofConfined()) {
        gone = arena.allocate(PAGE, PAGE);
      }
      MemorySegment from = open.allocate(PAGE, PAGE);
      assertThrows(IllegalStateException.class, () -> cipher.encrypt(0, from, gone));
      assertThrows(IllegalStateException.class, () -> cipher.decrypt(0, gone, from));
    }
  }

  @Test
  void shouldRefuseToWorkWhenClosed() {
    try (Arena arena = Arena.ofConfined()) {
      var cipher = cipher(5, AddressTweakedAes.Mode.XE, true);
      cipher.close();
      MemorySegment from = arena.allocate(PAGE, PAGE);
      MemorySegment to = arena.allocate(PAGE, PAGE);
      assertThrows(IllegalStateException.class, () -> cipher.encrypt(0, from, to));
    }
  }

  private static AddressTweakedAes cipher(
      long seed, AddressTweakedAes.Mode mode, boolean hostCode) {
    byte[] key = new byte[16];
    new Random(seed).nextBytes(key);
    return new AddressTweakedAes(key, mode, hostCode);
  }
}
