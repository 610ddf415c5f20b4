package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KvmFaceTest {
  private final FakeMachine machine = new FakeMachine();
  private final KvmFace face = machine.plug(KvmFace::new, KvmFace.class);

  @ParameterizedTest
  @CsvSource({
    "1, 0, 0, 80000000, 0",
    "40000000, 40000010, 4B4D564B, 564B4D56, 4D",
    "40000001, 100000B, 0, 0, 0",
    "40000005, 0, 0, 0, 0",
    "40000010, 2625A0, F4240, 0, 0",
    "80000001, 0, 0, 0, 0"
  })
  void shouldAnswerCpuid(String leaf, String eax, String ebx, String ecx, String edx) {
    int[] registers = new int[4];
    face.cpuid(Integer.parseUnsignedInt(leaf, 16), 0, registers);
    int[] expected = new int[4];
    String[] texts = {eax, ebx, ecx, edx};
    for (int i = 0; i < 4; i++) {
      expected[i] = Integer.parseUnsignedInt(texts[i], 16);
    }
    assertArrayEquals(expected, registers);
  }

  @Test
  void shouldLeaveLeavesOfTheCpuAlone() {
    int[] registers = {1, 2, 3, 4};
    face.cpuid(0x8000_0000, 0, registers);
    assertArrayEquals(new int[] {1, 2, 3, 4}, registers);
  }

  private ByteBuffer memory() {
    return ByteBuffer.wrap(machine.memory).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * As Linux's pvclock does it: (delta shifted by tsc_shift) * tsc_to_system_mul / 2^32 +
   * system_time.
   */
  private long guestNs(int gpa) {
    ByteBuffer page = memory();
    assertEquals(0, page.getInt(gpa) & 1, "an even version: complete");
    long delta = machine.tsc() - page.getLong(gpa + 8);
    int shift = page.get(gpa + 28);
    delta = shift < 0 ? delta >> -shift : delta << shift;
    long scaled =
        BigInteger.valueOf(delta)
            .multiply(BigInteger.valueOf(Integer.toUnsignedLong(page.getInt(gpa + 24))))
            .shiftRight(32)
            .longValueExact();
    return scaled + page.getLong(gpa + 16);
  }

  @ParameterizedTest
  @ValueSource(ints = {KvmFace.MSR_SYSTEM_TIME, KvmFace.MSR_SYSTEM_TIME_OLD})
  void shouldLetTheGuestComputeTheClockFromItsTsc(int msr) {
    assertTrue(face.writeMsr(0, msr, 0x2001));
    assertEquals(1, memory().get(0x2000 + 29), "stable");
    for (long ns : new long[] {0, 1_000, 1_000_000_000, 3_600_000_000_000L}) {
      machine.advance(ns);
      assertEquals(
          machine.nowNs, guestNs(0x2000), 2 + machine.nowNs / 1_000_000_000, "after " + ns);
    }
    long[] value = new long[1];
    assertTrue(face.readMsr(0, msr, value));
    assertEquals(0x2001, value[0]);
  }

  @Test
  void shouldWriteNothingWhileDisabled() {
    assertTrue(face.writeMsr(0, KvmFace.MSR_SYSTEM_TIME, 0x2000));
    assertEquals(0, memory().getLong(0x2008));
  }

  @Test
  void shouldTellWhenTheMachineWasStarted() {
    assertTrue(face.writeMsr(0, KvmFace.MSR_WALL_CLOCK, 0x3000));
    assertEquals(2, memory().getInt(0x3000));
    assertEquals(FakeMachine.WALL_START_NS / 1_000_000_000, memory().getInt(0x3004));
    assertEquals(0, memory().getInt(0x3008));
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 0xFFFF, Long.MAX_VALUE, Long.MIN_VALUE + 1})
  void shouldIgnoreAnAddressThatIsNoMemory(long gpa) {
    assertTrue(face.writeMsr(0, KvmFace.MSR_SYSTEM_TIME, gpa));
    assertTrue(face.writeMsr(0, KvmFace.MSR_WALL_CLOCK, gpa));
  }

  @Test
  void shouldRefuseOtherMsrsAndHypercalls() {
    assertFalse(face.writeMsr(0, 0x4B56_4D02, 1), "ASYNC_PF");
    assertFalse(face.readMsr(0, 0x4B56_4D03, new long[1]), "STEAL_TIME");
    assertFalse(face.ownsMsr(0x4B56_4D04));
    assertTrue(face.ownsMsr(0x4B56_4D01));
    assertEquals(-1000, face.hypercall(0, 5, new long[4]));
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        1_000_000,
        999_999_999,
        1_000_000_000,
        1_000_000_001,
        2_000_000_000,
        2_599_999_872L,
        5_000_000_000L
      })
  void shouldScaleEveryFrequencyToAPartInABillion(long hz) {
    KvmFace.TscScale scale = KvmFace.TscScale.of(hz);
    double ticks =
        scale.shift() < 0 ? hz / Math.pow(2, -scale.shift()) : hz * Math.pow(2, scale.shift());
    double ns = ticks * Integer.toUnsignedLong(scale.multiplier()) / Math.pow(2, 32);
    assertEquals(1e9, ns, 2);
    assertTrue(Integer.toUnsignedLong(scale.multiplier()) >= 1L << 31, "no precision given away");
  }
}
