package org.redoubt.devices.pci.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.PciSlot;
import org.redoubt.linux.boot.Machine;

class PciHostTest {
  private static final int COMMAND = 0x04;
  private static final int MSIX = 0x40;
  private static final long MESSAGE = 0xFEE0_1000L;

  private final PciMachine machine = new PciMachine();
  private final PciHost host = machine.host();
  private final FakeFunction function = new FakeFunction(List.of(0x4000, 0x1000), 3);
  private final PciSlot slot = plug(function);

  private PciSlot plug(FakeFunction plugged) {
    try {
      return host.plug(plugged);
    } catch (HypervisorException e) {
      throw new AssertionError(e);
    }
  }

  private static int address(int device, int register) {
    return 1 << 31 | device << 11 | register;
  }

  private long config(int register, int bytes) {
    host.out(0xCF8, 4, address(1, register & ~3));
    return Integer.toUnsignedLong(host.in(0xCFC + (register & 3), bytes));
  }

  private void config(int register, int bytes, long value) {
    host.out(0xCF8, 4, address(1, register & ~3));
    host.out(0xCFC + (register & 3), bytes, (int) value);
  }

  private long bar(int index) {
    return config(0x10 + 4 * index, 4);
  }

  /** Writes an MSI-X entry and unmasks it. */
  private void entry(int vector, int data) {
    long at = bar(2) + 16L * vector;
    machine.write(at, 4, MESSAGE);
    machine.write(at + 4, 4, 0);
    machine.write(at + 8, 4, data);
    machine.write(at + 12, 4, 0);
  }

  @Test
  void shouldLieWhereTheAcpiTablesSay() {
    assertEquals(Machine.PCI_ECAM, PciHost.ECAM);
    assertEquals(Machine.PCI_ECAM_BYTES, PciHost.ECAM_BYTES);
    assertEquals(Machine.PCI_WINDOW, PciHost.WINDOW);
    assertEquals(Machine.PCI_WINDOW_BYTES, PciHost.WINDOW_BYTES);
    assertEquals(Machine.PCI_CONFIG_PORT, PciHost.CONFIG_ADDRESS);
    assertEquals(Machine.PCI_FIRST_GSI, PciHost.FIRST_GSI);
    assertEquals(Machine.PCI_GSIS, PciHost.GSIS);
  }

  @ParameterizedTest
  @CsvSource({
    "00, 4, 1042_1AF4",
    "00, 2, 1AF4",
    "02, 2, 1042",
    "03, 1, 10",
    "08, 4, 01800007",
    "0E, 1, 00",
    "2C, 4, 42_1AF4",
    "34, 1, 40",
    "3D, 1, 01",
    "40, 1, 11",
    "42, 2, 0002",
    "44, 4, 00000002",
    "48, 4, 00000802",
    "06, 2, 0010"
  })
  void shouldShowTheHeaderInAnyWidth(String register, int bytes, String expected) {
    long value = Long.parseLong(expected.replace("_", ""), 16);
    int offset = Integer.parseInt(register, 16);
    assertEquals(value, config(offset, bytes));
    assertEquals(value, machine.read(PciHost.ECAM + (1 << 15) + offset, bytes));
  }

  @Test
  void shouldHaveNothingOnEmptyDevicesFunctionsAndBuses() {
    for (int address : new int[] {address(2, 0), address(1, 0x100), 1 << 31 | 1 << 16 | 1 << 11}) {
      host.out(0xCF8, 4, address);
      assertEquals(-1, host.in(0xCFC, 4));
    }
    host.out(0xCF8, 4, address(1, 0) & Integer.MAX_VALUE);
    assertEquals(-1, host.in(0xCFC, 4), "not enabled");
    assertEquals(0xFFFF_FFFFL, machine.read(PciHost.ECAM + (2 << 15), 4));
    assertEquals(0, machine.read(PciHost.ECAM + (1 << 15) + 0x100, 4), "no extended capabilities");
  }

  @Test
  void shouldSizeBars() {
    long old = bar(0);
    config(0x10, 4, 0xFFFF_FFFFL);
    assertEquals(0xFFFF_C000L, bar(0));
    config(0x10, 4, old);
    config(0x18, 4, 0xFFFF_FFFFL);
    assertEquals(0xFFFF_F000L, bar(2), "the MSI-X table's");
    config(0x1C, 4, 0xFFFF_FFFFL);
    assertEquals(0, bar(3), "there is none");
  }

  @Test
  void shouldDecodeBarsWhereTheGuestPutsThemWhileMemoryIsOn() {
    assertEquals(0xFFFF_FFFFL, machine.read(bar(0), 4), "memory decoding is off");
    config(COMMAND, 2, 2);
    machine.write(bar(0) + 0x10, 4, 0x1234);
    assertEquals("write 0 10 4 1234", function.last);
    config(0x10, 4, 0xD800_0000L);
    machine.write(0xD800_3FF8L, 8, 5);
    assertEquals("write 0 3ff8 8 5", function.last);
    assertEquals(0x77, machine.read(0xD800_0008L, 4));
    assertEquals("read 0 8 4", function.last);
    machine.write(0xD800_3FFEL, 4, 6);
    assertEquals("read 0 8 4", function.last, "beyond the end");
  }

  @Test
  void shouldSendMessagesAndKeepThemWhileMasked() {
    config(COMMAND, 2, 6);
    assertFalse(slot.msix());
    slot.signal(0);
    assertEquals(List.of(), machine.messages);
    config(MSIX + 2, 2, 0x8000);
    assertTrue(slot.msix());
    slot.signal(1);
    assertEquals(List.of(), machine.messages, "masked at power-on");
    assertEquals(2, machine.read(bar(2) + 0x800, 4));
    entry(1, 0x4031);
    assertEquals(List.of("1 false 0 31 false"), machine.messages);
    assertEquals(0, machine.read(bar(2) + 0x800, 8));
    config(MSIX + 2, 2, 0xC000);
    slot.signal(1);
    assertEquals(1, machine.messages.size(), "the whole function is masked");
    config(MSIX + 2, 2, 0x8000);
    assertEquals(2, machine.messages.size());
    slot.signal(3);
    slot.signal(-1);
    assertEquals(2, machine.messages.size(), "no such vector");
  }

  @Test
  void shouldDriveItsLineUnlessMessagesAreOnOrItIsDisabled() {
    slot.line(true);
    assertEquals(true, machine.lines.get(PciHost.FIRST_GSI + 1));
    assertEquals(0x18, config(6, 2), "interrupt status");
    config(COMMAND, 2, 1 << 10);
    assertEquals(false, machine.lines.get(PciHost.FIRST_GSI + 1));
    config(COMMAND, 2, 0);
    assertEquals(true, machine.lines.get(PciHost.FIRST_GSI + 1));
    config(MSIX + 2, 2, 0x8000);
    assertEquals(false, machine.lines.get(PciHost.FIRST_GSI + 1));
  }

  @Test
  void shouldPassAccessesToAFunctionsOwnCapability() {
    assertEquals(FakeFunction.CAPABILITY, config(0x4C, 1));
    assertEquals(0x4C, config(MSIX + 1, 1));
    config(0x50, 4, 0xCAFE);
    assertEquals("capability 4 4 cafe", function.last);
    assertEquals(0x34, config(0x52, 1));
  }

  @Test
  void shouldRefuseWhatDoesNotFit() throws HypervisorException {
    assertThrows(
        HypervisorException.class,
        () -> host.plug(new FakeFunction(List.of(0x1000_0000), 0)),
        "no room in the window");
    assertThrows(
        IllegalArgumentException.class, () -> host.plug(new FakeFunction(List.of(0x3000), 0)));
    for (int i = 2; i < 32; i++) {
      host.plug(new FakeFunction(List.of(), 0));
    }
    assertThrows(HypervisorException.class, () -> host.plug(new FakeFunction(List.of(), 0)));
  }

  @Test
  void shouldSurviveRandomTrafficAndComeBackFromItsState() {
    Random random = new Random(7);
    int[] widths = {1, 2, 4, 8};
    for (int i = 0; i < 200_000; i++) {
      int width = widths[random.nextInt(3)];
      int value = random.nextBoolean() ? random.nextInt() : 1 << random.nextInt(32);
      switch (random.nextInt(6)) {
        case 0 -> host.out(0xCF8, 4, address(random.nextInt(3), random.nextInt(256)));
        case 1 -> host.out(0xCFC + random.nextInt(4), width, value);
        case 2 -> host.in(0xCFC + random.nextInt(4), width);
        case 3 -> {
          long gpa = PciHost.ECAM + random.nextInt(3 << 15);
          machine.write(gpa, widths[random.nextInt(4)], value);
          machine.read(gpa, widths[random.nextInt(4)]);
        }
        case 4 -> {
          long gpa =
              (random.nextBoolean() ? bar(random.nextInt(3)) : PciHost.WINDOW)
                  + random.nextInt(0x1000);
          if (gpa >= PciHost.WINDOW && gpa < PciHost.WINDOW + PciHost.WINDOW_BYTES - 8) {
            machine.write(gpa, widths[random.nextInt(4)], value);
            machine.read(gpa, widths[random.nextInt(4)]);
          }
        }
        default -> slot.signal(random.nextInt(5) - 1);
      }
      machine.messages.clear();
    }
    byte[] saved = host.save();
    host.reset();
    assertNotEquals(0, saved.length);
    host.restore(saved);
    assertArrayEquals(saved, host.save());
    for (int i = 0; i < saved.length; i += 7) {
      byte[] damaged = saved.clone();
      damaged[i] ^= 4;
      assertThrows(IllegalArgumentException.class, () -> host.restore(damaged));
    }
    assertArrayEquals(saved, host.save());
  }
}
