package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.devices.virtio.internal.VirtioMachine.DATA;
import static org.redoubt.devices.virtio.internal.VirtioMachine.in;
import static org.redoubt.devices.virtio.internal.VirtioMachine.out;
import static org.redoubt.devices.virtio.internal.VirtioMachine.ring;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.memory.MemorySuspendedException;

/** Transport and rings, by the simplest device there is. */
class VirtioPciTest {
  private static final int SIZE = 8;
  private static final int NEXT = 1;
  private static final int WRITE = 2;
  private static final int INDIRECT = 4;

  private final VirtioMachine machine = new VirtioMachine();
  private final Device rng = machine.plugIn(new Rng.Factory()::create);

  private boolean random(int at, int bytes) {
    byte[] zeros = new byte[bytes];
    return !Arrays.equals(Arrays.copyOfRange(machine.memory, DATA + at, DATA + at + bytes), zeros);
  }

  @Test
  void shouldOfferVersion1AndAccessPlatform() {
    assertEquals(3, machine.features(1) & 3);
    assertEquals(0, machine.features(2));
    assertEquals(1, machine.read(0x12, 2), "queues");
    assertEquals(2, machine.function().vectors());
  }

  @ParameterizedTest
  @ValueSource(longs = {0, VirtioPci.ACCESS_PLATFORM, VirtioPci.VERSION_1 | 1})
  void shouldNotSettleForTooFewOrUnknownFeatures(long accepted) {
    for (int half = 0; half < 2; half++) {
      machine.write(0x08, 4, half);
      machine.write(0x0C, 4, (int) (accepted >>> 32 * half));
    }
    machine.write(0x14, 1, 0xB);
    assertEquals(3, machine.status());
    machine.write(0x14, 1, 0xF);
    assertEquals(3, machine.status(), "no DRIVER_OK without features");
  }

  @Test
  void shouldFillWhatItIsGivenAndInterrupt() {
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 16), in(DATA + 0x1000, 48));
    machine.kick(0);
    assertEquals(1, machine.usedIndex(0));
    assertEquals(List.of(0, 64), machine.usedElement(0, 0));
    assertTrue(random(0, 16) && random(0x1000, 48));
    assertFalse(random(16, 16) || random(0x1030, 16), "no byte beyond");
    assertEquals(List.of(1), machine.signals);
  }

  @Test
  void shouldUseTheLineWithoutMessages() {
    machine.msix = false;
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 16));
    machine.kick(0);
    assertTrue(machine.line);
    assertEquals(1, machine.read(VirtioPci.ISR, 1));
    assertFalse(machine.line);
    assertEquals(0, machine.read(VirtioPci.ISR, 1));
  }

  @Test
  void shouldNotInterruptAGuestThatPolls() {
    machine.start(SIZE);
    machine.suppressInterrupts(0);
    machine.push(0, 0, in(DATA, 16));
    machine.kick(0);
    assertEquals(1, machine.usedIndex(0));
    assertEquals(List.of(), machine.signals);
  }

  @Test
  void shouldDoNothingBeforeTheDriverIsReadyOrTheBusLetsIt() {
    machine.start(SIZE);
    machine.master = false;
    machine.push(0, 0, in(DATA, 16));
    machine.kick(0);
    assertEquals(0, machine.usedIndex(0));
    machine.master = true;
    machine.write(0x14, 1, 0);
    machine.kick(0);
    machine.kick(5);
    assertEquals(0, machine.usedIndex(0));
  }

  @Test
  void shouldGoAroundTheRingManyTimes() {
    machine.start(SIZE);
    for (int i = 0; i < 70_000; i++) {
      machine.push(0, i % SIZE, in(DATA, 4));
      machine.kick(0);
    }
    assertEquals(70_000 & 0xFFFF, machine.usedIndex(0));
    assertEquals(0xF, machine.status());
  }

  @Test
  void shouldFollowAnIndirectTable() {
    machine.start(SIZE);
    machine.descriptor(1, 0, DATA, 16, WRITE | NEXT, 1); // queue 1's ring is just memory here
    machine.descriptor(1, 1, DATA + 0x100, 16, WRITE, 0);
    machine.descriptor(0, 3, ring(1), 32, INDIRECT, 0);
    machine.offer(0, 3);
    machine.kick(0);
    assertEquals(List.of(3, 32), machine.usedElement(0, 0));
    assertTrue(random(0, 16) && random(0x100, 16));
  }

  /** A guest that adds chains as fast as they are served holds nobody up. */
  @Test
  void shouldServeNoMoreThanItsTurnAtOnceAndComeBackByItself() {
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 4));
    machine.onWrite = () -> machine.offer(0, 0);
    machine.kick(0);
    int inOneGo = machine.usedIndex(0);
    assertTrue(inOneGo > 0 && inOneGo <= 256, () -> inOneGo + " in one go");
    machine.until(() -> machine.usedIndex(0) > 2 * inOneGo);
  }

  static Stream<Arguments> violations() {
    return Stream.of(
        violation(
            "a loop",
            m -> {
              m.descriptor(0, 0, DATA, 4, WRITE | NEXT, 1);
              m.descriptor(0, 1, DATA, 4, WRITE | NEXT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a loop of one",
            m -> {
              m.descriptor(0, 0, DATA, 4, WRITE | NEXT, 0);
              m.offer(0, 0);
            }),
        violation("a head outside", m -> m.offer(0, SIZE)),
        violation(
            "a successor outside",
            m -> {
              m.descriptor(0, 0, DATA, 4, WRITE | NEXT, 0xFFFF);
              m.offer(0, 0);
            }),
        violation("too many waiting", m -> m.availableIndex(0, SIZE + 1)),
        violation("an index that went back", m -> m.availableIndex(0, 0xFFFF)),
        violation("read after write", m -> m.push(0, 0, in(DATA, 4), out(DATA, 4))),
        violation(
            "an empty table",
            m -> {
              m.descriptor(0, 0, ring(1), 0, INDIRECT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a table of half descriptors",
            m -> {
              m.descriptor(0, 0, ring(1), 24, INDIRECT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a huge table",
            m -> {
              m.descriptor(0, 0, ring(1), 0xFFFF_FFF0, INDIRECT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a table outside memory",
            m -> {
              m.descriptor(0, 0, -16, 16, INDIRECT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a table in a table",
            m -> {
              m.descriptor(1, 0, ring(1), 16, INDIRECT, 0);
              m.descriptor(0, 0, ring(1), 16, INDIRECT, 0);
              m.offer(0, 0);
            }),
        violation(
            "a table with a successor",
            m -> {
              m.descriptor(0, 0, ring(1), 16, INDIRECT | NEXT, 1);
              m.offer(0, 0);
            }));
  }

  private static Arguments violation(String name, Consumer<VirtioMachine> deed) {
    return Arguments.of(name, deed);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("violations")
  void shouldStopUntilResetWhenTheGuestBreaksTheRules(String name, Consumer<VirtioMachine> deed) {
    machine.start(SIZE);
    deed.accept(machine);
    machine.kick(0);
    assertEquals(VirtioPci.NEEDS_RESET | 0xF, machine.status());
    assertEquals(1, machine.reports.size(), machine.reports::toString);
    assertEquals(0, machine.usedIndex(0));
    machine.kick(0);
    assertEquals(1, machine.reports.size(), "said once");
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 16));
    machine.kick(0);
    assertEquals(1, machine.usedIndex(0), "works again");
  }

  @ParameterizedTest
  @ValueSource(ints = {0x20, 0x28, 0x30})
  void shouldStopWhenARingIsOutsideMemory(int register) {
    for (long gpa : new long[] {VirtioMachine.MEMORY_BYTES - 2, -8, Long.MAX_VALUE - 1}) {
      machine.start(SIZE);
      machine.write(0x14, 1, 0);
      machine.startWith(SIZE, register, gpa);
      machine.push(0, 0, in(DATA, 16));
      machine.kick(0);
      assertEquals(VirtioPci.NEEDS_RESET, machine.status() & VirtioPci.NEEDS_RESET);
    }
  }

  @Test
  void shouldReturnNothingForDataOutsideMemory() {
    machine.start(SIZE);
    machine.push(0, 0, in(VirtioMachine.MEMORY_BYTES - 8, 16));
    machine.kick(0);
    assertEquals(List.of(0, 0), machine.usedElement(0, 0));
    assertEquals(0xF, machine.status());
  }

  @Test
  void shouldTakeUpWorkAgainAfterMemoryWasSuspended() {
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 16));
    machine.dmaFails = new MemorySuspendedException("no engine");
    machine.kick(0);
    machine.turn();
    machine.dmaFails = null;
    machine.until(() -> machine.usedIndex(0) == 1);
    assertTrue(random(0, 16));
  }

  @Test
  void shouldReachItsBarThroughConfigurationSpace() {
    PciCapability window =
        machine.function().capabilities().stream()
            .filter(capability -> capability.read(3, 1) % 256 == 5)
            .findFirst()
            .orElseThrow();
    window.write(4, 1, 0);
    window.write(8, 4, 0x12);
    window.write(12, 4, 2);
    assertEquals(1, window.read(16, 4));
    window.write(8, 4, 0x14);
    window.write(12, 4, 1);
    window.write(16, 4, 1);
    assertEquals(1, machine.status());
    window.write(8, 4, 0x7FFF_FFFF);
    assertEquals(0, window.read(16, 4), "outside the BAR");
  }

  @Test
  void shouldGoOnAfterSaveAndRestore() {
    machine.start(SIZE);
    machine.push(0, 0, in(DATA, 16));
    machine.kick(0);
    machine.push(0, 1, in(DATA + 0x100, 16));
    byte[] saved = rng.save();
    rng.reset();
    assertEquals(0, machine.status());
    rng.restore(saved);
    assertArrayEquals(saved, rng.save());
    machine.until(() -> machine.usedIndex(0) == 2);
    assertTrue(random(0x100, 16));
    for (int i = 0; i < saved.length; i++) {
      byte[] damaged = saved.clone();
      damaged[i] ^= 1;
      assertThrows(IllegalArgumentException.class, () -> rng.restore(damaged));
    }
    assertNotEquals(0, machine.status());
  }
}
