package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;

class UartTest {
  private final FakeMachine machine = new FakeMachine();
  private final Uart16550 uart = machine.plug(Uart16550::new, Uart16550.class);

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    // what,                        writes,              register, expected
    "LSR after reset,               '',                   5, 60",
    "MSR after reset,               '',                   6, B0",
    "IIR after reset,               '',                   2, 1",
    "scratch,                       '7=A5',               7, A5",
    "IER keeps 4 bits,              '1=FF',               1, F",
    "FIFOs on,                      '2=1',                2, C1",
    "FIFOs on then off,             '2=1 2=0',            2, 1",
    "divisor low behind DLAB,       '3=83 0=34 1=12',     0, 34",
    "divisor high behind DLAB,      '3=83 0=34 1=12',     1, 12",
    "IER untouched by the divisor,  '3=83 1=12 3=3',      1, 0",
    "MCR keeps 5 bits,              '4=FF',               4, 1F",
    "loop turns MCR into MSR,       '4=1A',               6, 92",
    "THR empty interrupt,           '1=2',                2, 2",
    "loop brings a byte back,       '4=10 0=41',          0, 41",
    "loop makes data ready,         '4=10 0=41',          5, 61",
    "overrun without FIFOs,         '4=10 0=41 0=42',     5, 63",
    "overrun keeps the first,       '4=10 0=41 0=42',     0, 41",
    "LSR is for reading,            '5=FF',               5, 60"
  })
  void shouldBehaveAsTheRegisterTableSays(
      String what, String writes, int register, String expected) {
    for (String write : writes.isEmpty() ? new String[0] : writes.split(" ")) {
      String[] parts = write.split("=");
      machine.out(0x3F8 + Integer.parseInt(parts[0]), Integer.parseInt(parts[1], 16));
    }
    assertEquals(
        expected,
        Integer.toHexString(machine.in(0x3F8 + register)).toUpperCase(java.util.Locale.ROOT));
  }

  @Test
  void shouldSendWhatIsWritten() {
    for (char c : "Linux version\n".toCharArray()) {
      assertEquals(0x60, machine.in(0x3FD));
      machine.out(0x3F8, c);
    }
    assertEquals("Linux version\n", machine.console.toString());
  }

  @Test
  void shouldInterruptForInputOnlyWhenEnabledAndGated() {
    machine.out(0x3FA, 0xC7);
    assertTrue(uart.receive('a'));
    assertFalse(machine.line(4));
    machine.out(0x3F9, 1);
    assertFalse(machine.line(4), "OUT2 gates the line");
    machine.out(0x3FC, 0xB);
    assertTrue(machine.line(4));
    assertEquals(0xCC, machine.in(0x3FA), "below the trigger level: time-out");
    assertEquals('a', machine.in(0x3F8));
    assertFalse(machine.line(4));
    assertEquals(0xC1, machine.in(0x3FA));
  }

  @Test
  void shouldHoldSixteenBytesAndAskForMoreWhenRead() {
    machine.out(0x3FA, 0x01);
    machine.events.clear();
    for (int i = 0; i < 16; i++) {
      assertTrue(uart.receive('a' + i));
    }
    assertFalse(uart.receive('z'));
    assertEquals('a', machine.in(0x3F8));
    assertTrue(machine.events.contains("ready"));
    assertTrue(uart.receive('q'));
    for (int i = 1; i < 16; i++) {
      assertEquals('a' + i, machine.in(0x3F8));
    }
    assertEquals('q', machine.in(0x3F8));
    assertEquals(0x60, machine.in(0x3FD));
  }

  /**
   * The driver's start-up test: enabling the interrupt while THR is empty raises it, reading IIR
   * clears it.
   */
  @Test
  void shouldRaiseThrEmptyAgainEachTimeItIsEnabled() {
    machine.out(0x3FC, 8);
    for (int round = 0; round < 3; round++) {
      machine.out(0x3F9, 2);
      assertTrue(machine.line(4));
      assertEquals(2, machine.in(0x3FA));
      assertFalse(machine.line(4));
      machine.out(0x3F9, 0);
    }
  }

  @Test
  void shouldTakePortAndInterruptFromOptions() throws HypervisorException {
    FakeMachine other = new FakeMachine();
    other.options.put("port", "0x2f8");
    other.options.put("gsi", "3");
    new Uart16550(other);
    other.out(0x2FC, 8);
    other.out(0x2F9, 2);
    assertTrue(other.line(3));
    other.options.put("port", "COM2");
    assertThrows(HypervisorException.class, () -> new Uart16550(other));
  }
}
