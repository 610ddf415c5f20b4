package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.linux.boot.Machine;

/** PIT, RTC, PM timer, power-off and the small ports. */
class TimersTest {
  private final FakeMachine machine = new FakeMachine();

  // ---- PIT

  private void load(int port, int count) {
    machine.out(port, count & 0xFF);
    machine.out(port, count >> 8);
  }

  private int latched(int counter) {
    machine.out(0x43, counter << 6);
    int low = machine.in(0x40 + counter);
    return machine.in(0x40 + counter) << 8 | low;
  }

  @ParameterizedTest(name = "mode {0}")
  @CsvSource({
    // control, count, after us, count then
    "30, 10000, 1000, 8807", // mode 0
    "34, 10000, 1000, 8807", // mode 2
    "34, 1000, 2000, 614", // mode 2, third period
    "36, 10000, 1000, 7614", // mode 3 counts by two
    "31, 4096, 1000, 38919", // BCD: 1000 less 1193 ticks is 9807
    "38, 100, 100, 65517" // mode 4 counts on below zero
  })
  void shouldCountAt1193182Hz(String control, int count, int us, int expected) {
    machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x43, Integer.parseInt(control, 16));
    load(0x40, count);
    machine.advance(us * 1000L);
    assertEquals(expected, latched(0));
  }

  @Test
  void shouldGive1000InterruptsASecond() {
    machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x43, 0x34);
    load(0x40, 1193);
    machine.events.clear();
    machine.advance(1_000_000_000);
    assertEquals(1000, Collections.frequency(machine.events, "irq 0 up"), 1);
  }

  @Test
  void shouldInterruptOnceInModeZero() {
    machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x43, 0x30);
    load(0x40, 1193);
    assertFalse(machine.line(0));
    machine.advance(999_000);
    assertFalse(machine.line(0));
    machine.advance(2_000);
    assertTrue(machine.line(0));
    machine.events.clear();
    machine.advance(1_000_000_000);
    assertTrue(machine.events.isEmpty());
  }

  /** How Linux calibrates: gate off, speaker off, mode 0, count, gate on, wait for bit 5. */
  @Test
  void shouldRaiseTheSpeakersOutputAfterTheCount() {
    machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x61, machine.in(0x61) & ~2 | 1);
    machine.out(0x43, 0xB0);
    load(0x42, 11931);
    assertEquals(0, machine.in(0x61) & 0x20);
    machine.advance(9_990_000);
    assertEquals(0, machine.in(0x61) & 0x20);
    machine.advance(20_000);
    assertEquals(0x20, machine.in(0x61) & 0x20);
  }

  /**
   * The kernel's decompressor takes entropy from counter 0, waiting for the null-count bit to
   * clear.
   */
  @Test
  void shouldHaveACountAfterResetButNoInterrupt() {
    machine.plug(Pit8254::new, Pit8254.class);
    assertEquals(0, statusOf0() & 0x40);
    machine.advance(1_000_000_000);
    assertTrue(machine.events.isEmpty());
  }

  @Test
  void shouldReadBackStatusThenCount() {
    machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x43, 0x34);
    assertEquals(0x40, statusOf0() & 0x40, "null count");
    load(0x40, 0x1234);
    assertEquals(0xB4, statusOf0());
    machine.out(0x43, 0xC2);
    assertEquals(0xB4, machine.in(0x40));
    assertEquals(0x34, machine.in(0x40));
    assertEquals(0x12, machine.in(0x40));
  }

  @ParameterizedTest
  @CsvSource({
    "a count of one, 0x30, 1, -1",
    "binary 65536 behind a BCD control word, 0x30, 0, 0x31",
    "one behind a control word for mode 2, 0x30, 1, 0x34",
  })
  void shouldComeBackWithWhateverCountItHad(String what, String control, int count, String next) {
    Pit8254 pit = machine.plug(Pit8254::new, Pit8254.class);
    machine.out(0x43, Integer.decode(control));
    load(0x40, count);
    if (!next.equals("-1")) {
      machine.out(0x43, Integer.decode(next));
    }
    byte[] saved = pit.save();
    load(0x40, 1000);
    pit.restore(saved);
    assertArrayEquals(saved, pit.save(), what);
  }

  private int statusOf0() {
    machine.out(0x43, 0xE2);
    return machine.in(0x40);
  }

  // ---- RTC

  private int cmos(int index) {
    machine.out(0x70, index);
    return machine.in(0x71);
  }

  private void cmos(int index, int value) {
    machine.out(0x70, index);
    machine.out(0x71, value);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 20", "2, 13", "4, 22", "6, 3", "7, 14", "8, 11", "9, 23", "32, 20", "a, 26", "b, 2",
    "d, 80", "c, 0"
  })
  void shouldTellTheTimeInBcd(String index, String expected) {
    machine.plug(CmosRtc::new, CmosRtc.class);
    assertEquals(Integer.parseInt(expected, 16), cmos(Integer.parseInt(index, 16)));
  }

  @Test
  void shouldTellTheTimeInBinaryAndTwelveHours() {
    machine.plug(CmosRtc::new, CmosRtc.class);
    cmos(0xB, 4);
    assertEquals(0x80 | 10, cmos(4));
    assertEquals(13, cmos(2));
    cmos(4, 12);
    assertEquals(12, cmos(4), "midnight");
  }

  @Test
  void shouldKeepTheTimeItIsSet() {
    machine.plug(CmosRtc::new, CmosRtc.class);
    cmos(0xB, 0x82);
    int[][] fields = {{9, 0x31}, {8, 0x02}, {7, 0x28}, {4, 0x23}, {2, 0x59}, {0, 0x58}};
    for (int[] field : fields) {
      cmos(field[0], field[1]);
    }
    machine.advance(5_000_000_000L);
    for (int[] field : fields) {
      assertEquals(field[1], cmos(field[0]), "stopped");
    }
    cmos(0xB, 0x02);
    machine.advance(3_000_000_000L);
    assertEquals(0x01, cmos(0));
    assertEquals(0x01, cmos(7));
    assertEquals(0x03, cmos(8));
  }

  @Test
  void shouldInterruptPeriodicallyAtTheAlarmAndAfterUpdates() {
    machine.plug(CmosRtc::new, CmosRtc.class);
    cmos(0xB, 0x42);
    machine.advance(1_000_000);
    assertTrue(machine.line(8));
    assertEquals(0xC0, cmos(0xC));
    assertFalse(machine.line(8));
    assertEquals(0, cmos(0xC));
    cmos(1, 0x25);
    cmos(3, 0xC0);
    cmos(5, 0xFF);
    cmos(0xB, 0x22);
    machine.advance(4_900_000_000L);
    assertFalse(machine.line(8));
    machine.advance(200_000_000L);
    assertTrue(machine.line(8));
    assertEquals(0xB0, cmos(0xC));
    cmos(0xB, 0x12);
    machine.advance(1_000_000_000L);
    assertEquals(0x90, cmos(0xC));
  }

  @Test
  void shouldRememberWhatIsWrittenToMemory() {
    CmosRtc rtc = machine.plug(CmosRtc::new, CmosRtc.class);
    cmos(0x40, 0x5A);
    rtc.reset();
    assertEquals(0x5A, cmos(0x40));
  }

  // ---- ACPI

  @Test
  void shouldLieWhereTheTablesSay() {
    machine.plug(AcpiPm::new, AcpiPm.class);
    machine.plug(ResetPorts::new, ResetPorts.class);
    machine.plug(Uart16550::new, Uart16550.class);
    machine.plug(CmosRtc::new, CmosRtc.class);
    for (int port :
        new int[] {
          Machine.PM1_EVENT_PORT,
          Machine.PM1_CONTROL_PORT,
          Machine.PM_TIMER_PORT,
          Machine.RESET_PORT,
          Machine.COM1_PORT,
          Machine.RTC_PORT
        }) {
      assertTrue(machine.ports.containsKey(port), Integer.toHexString(port));
    }
    machine.out(Machine.RESET_PORT, Machine.RESET_VALUE);
    machine.out(Machine.PM1_CONTROL_PORT, 2, Machine.S5_SLEEP_TYPE << 10 | 1 << 13);
    assertEquals(java.util.List.of("reset: reset control register", "power off"), machine.events);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "S5 in one word, '604:2=2001', 'power off'",
    "S5 in two bytes, '604:1=01 605:1=20', 'power off'",
    "S5 without SLP_EN, '604:2=1', ''",
    "S3, '604:2=2C01', ''",
    "a write to the timer, '608:4=FFFFFFFF', ''"
  })
  void shouldPowerOffForS5Only(String what, String writes, String event) {
    machine.plug(AcpiPm::new, AcpiPm.class);
    for (String write : writes.split(" ")) {
      String[] parts = write.split("[:=]");
      machine.out(
          Integer.parseInt(parts[0], 16),
          Integer.parseInt(parts[1]),
          Integer.parseUnsignedInt(parts[2], 16));
    }
    assertEquals(event, String.join(",", machine.events));
    assertEquals(1, machine.in(0x604, 2) & 1, "SCI_EN");
  }

  @Test
  void shouldRunThePmTimerAt3579545Hz() {
    machine.plug(AcpiPm::new, AcpiPm.class);
    int before = machine.in(0x608, 4);
    machine.advance(1_000_000_000);
    assertEquals(3_579_545, machine.in(0x608, 4) - before, 1);
    assertEquals(machine.in(0x608, 4) & 0xFF, machine.in(0x608, 1));
  }

  @Test
  void shouldRaiseTheSciWhenTheTimerTurns() {
    machine.plug(AcpiPm::new, AcpiPm.class);
    machine.out(0x602, 2, 1);
    machine.advance(600_000_000_000L);
    assertTrue(machine.line(9));
    assertEquals(1, machine.in(0x600, 2));
    machine.out(0x600, 2, 1);
    assertFalse(machine.line(9));
    assertEquals(0, machine.in(0x600, 2));
  }

  // ---- small ports

  @ParameterizedTest
  @CsvSource({
    "cf9, 6, reset: reset control register",
    "cf9, 2, ''",
    "92, 1, reset: system control port A",
    "92, 2, ''",
    "64, fe, reset: keyboard controller",
    "64, d1, ''",
    "60, df, ''",
    "f4, 2a, exit 42"
  })
  void shouldResetOrExit(String port, String value, String event) {
    machine.plug(ResetPorts::new, ResetPorts.class);
    machine.plug(DebugExit::new, DebugExit.class);
    machine.out(Integer.parseInt(port, 16), Integer.parseInt(value, 16));
    assertEquals(event, String.join(",", machine.events));
  }
}
