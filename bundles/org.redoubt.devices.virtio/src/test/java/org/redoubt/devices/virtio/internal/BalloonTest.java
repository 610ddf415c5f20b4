package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.redoubt.devices.virtio.internal.VirtioMachine.DATA;
import static org.redoubt.devices.virtio.internal.VirtioMachine.in;
import static org.redoubt.devices.virtio.internal.VirtioMachine.out;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.memory.MemorySuspendedException;

class BalloonTest {
  private static final int REPORTING = 1 << 5;

  private final VirtioMachine machine = new VirtioMachine();
  private final Device balloon = machine.plugIn(new Balloon.Factory()::create);

  @Test
  void shouldOfferReportingAndAskForNoPages() {
    assertEquals(REPORTING, machine.features(0) & 0xFFFF);
    assertEquals(3, machine.features(1) & 3, "VERSION_1 and ACCESS_PLATFORM");
    assertEquals(0, machine.read(VirtioPci.DEVICE, 4));
    assertEquals(5, machine.read(0x12, 2));
  }

  /** The specification has reports in queue 4, Linux in 2. */
  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void shouldGiveUpThePagesOfAReport(int queue) {
    machine.start(8);
    machine.push(queue, 0, in(DATA, 0x2000), in(DATA + 0x10000, 0x1000));
    machine.kick(queue);
    assertEquals(List.of("100000+2000", "110000+1000"), machine.discarded);
    assertEquals(List.of(0, 0), machine.usedElement(queue, 0));
    assertEquals(List.of(queue + 1), machine.signals);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void shouldGiveInflatedAndDeflatedPagesBackUntouched(int queue) {
    machine.start(8);
    machine.push(queue, 0, out(DATA, 8));
    machine.kick(queue);
    assertEquals(1, machine.usedIndex(queue));
    assertEquals(List.of(), machine.discarded);
  }

  @Test
  void shouldGiveUpNothingOfADriverThatDidNotAgree() {
    machine.options.put("reporting", "off");
    VirtioMachine other = machine;
    other.plugIn(new Balloon.Factory()::create);
    assertEquals(0, other.features(0) & 0xFFFF);
    other.start(8);
    other.push(2, 0, in(DATA, 0x1000));
    other.kick(2);
    assertEquals(1, other.usedIndex(2));
    assertEquals(List.of(), other.discarded);
  }

  /** Parts outside RAM, in the guest's input direction, or beyond what a report may have. */
  @ParameterizedTest
  @CsvSource({"-4096, 4096", "4194304, 4096", "4190208, 8192", "9223372036854775807, 4096"})
  void shouldIgnoreWhatIsNotRam(long gpa, int bytes) {
    machine.start(8);
    machine.push(2, 0, in(gpa, bytes), in(DATA, 0x1000));
    machine.kick(2);
    assertEquals(List.of("100000+1000"), machine.discarded);
    assertEquals(1, machine.usedIndex(2));
    assertEquals(0xF, machine.status());
  }

  @Test
  void shouldLookAtNoMoreOfAReportThanLinuxPutsInOne() {
    machine.start(8);
    machine.push(2, 0, out(DATA, 0x1000), in(DATA, 0x1000), in(DATA, Integer.MIN_VALUE));
    machine.kick(2);
    assertEquals(List.of("100000+1000"), machine.discarded);
    assertEquals(1, machine.usedIndex(2));
  }

  @Test
  void shouldKeepWhatTheGuestSaysItHasThroughASavedState() {
    machine.start(8);
    machine.write(VirtioPci.DEVICE + 4, 4, 0x01020304);
    machine.write(VirtioPci.DEVICE, 4, 7);
    byte[] saved = balloon.save();
    balloon.reset();
    assertEquals(0, machine.read(VirtioPci.DEVICE + 4, 4));
    balloon.restore(saved);
    assertEquals(0x01020304, machine.read(VirtioPci.DEVICE + 4, 4));
    assertEquals(0, machine.read(VirtioPci.DEVICE, 4), "NUM_PAGES is the host's");
    machine.push(2, 0, in(DATA, 0x1000));
    machine.kick(2);
    assertEquals(List.of("100000+1000"), machine.discarded, "and what was agreed");
  }

  @Test
  void shouldTakeAReportAgainWhenMemoryComesBack() {
    machine.start(8);
    machine.push(2, 0, in(DATA, 0x1000));
    machine.dmaFails = new MemorySuspendedException("gone");
    machine.kick(2);
    machine.dmaFails = null;
    machine.until(() -> machine.usedIndex(2) == 1);
    assertEquals(List.of("100000+1000"), machine.discarded);
  }

  @Test
  void shouldRefuseOptionsItDoesNotKnow() {
    machine.options.put("reporting", "maybe");
    String message =
        String.valueOf(
            assertThrows(HypervisorException.class, () -> new Balloon.Factory().create(machine))
                .getMessage());
    assertTrue(message.contains("reporting"), message);
  }
}
