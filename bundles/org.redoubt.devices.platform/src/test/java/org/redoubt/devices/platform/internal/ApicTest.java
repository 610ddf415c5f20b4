package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.spec.x86.Msr;

class ApicTest {
  private static final int EOI = 0xB0;
  private final FakeMachine machine = new FakeMachine();
  private final FakeMachine.Signal[] signals = {
    new FakeMachine.Signal(), new FakeMachine.Signal(), new FakeMachine.Signal()
  };
  private Pic8259 pic;
  private ApicBus bus;
  private IoApic ioApic;
  private LocalApic apic;

  ApicTest() {
    machine.vcpus = 3;
    pic = machine.plug(Pic8259::new, Pic8259.class);
    bus = machine.plug(ApicBus::new, ApicBus.class);
    ioApic = machine.plug(IoApic::new, IoApic.class);
    apic = bus.of(0);
  }

  @BeforeEach
  void enable() {
    for (int i = 0; i < 3; i++) {
      bus.of(i).connect(signals[i]);
      bus.of(i).mmioWrite(0xF0, 4, 0x1FF);
    }
  }

  private void x2apic(int vcpu) {
    assertTrue(bus.of(vcpu).writeMsr(Msr.APIC_BASE, 0xFEE0_0C00L));
  }

  private int acknowledgeAndEnd(LocalApic from) {
    int vector = from.acknowledge();
    from.mmioWrite(EOI, 4, 0);
    return vector;
  }

  private void redirect(int pin, long entry) {
    MmioHandler mmio = machine.mmio.firstEntry().getValue();
    mmio.write(0, 4, 0x11 + 2 * pin);
    mmio.write(0x10, 4, entry >>> 32);
    mmio.write(0, 4, 0x10 + 2 * pin);
    mmio.write(0x10, 4, entry & 0xFFFF_FFFFL);
  }

  private long readRedirect(int pin) {
    MmioHandler mmio = machine.mmio.firstEntry().getValue();
    mmio.write(0, 4, 0x10 + 2 * pin);
    return mmio.read(0x10, 4);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "id, 20, '', 0",
    "version, 30, '', 50014",
    "TPR keeps 8 bits, 80, 80=FFFF, FF",
    "PPR follows TPR, A0, 80=35, 35",
    "LDR keeps 8 bits, D0, D0=12345678, 12000000",
    "DFR keeps 4 bits, E0, E0=0, FFFFFFF",
    "SVR, F0, F0=1AB, 1AB",
    "LVT timer masked after disable, 320, 320=30 F0=FF, 10030",
    "LVT timer cannot be unmasked while off, 320, F0=FF 320=30, 10030",
    "LVT timer bits, 320, 320=FFFFFFFF, 700FF",
    "LVT LINT0 of the boot processor, 350, '', 700",
    "ICR without busy bit, 300, 310=FF000000 300=C4500, C4500",
    "divider, 3E0, 3E0=FF, B",
    "nothing beyond the window, 4F0, 4F0=1FF, 0",
    "no alias beyond the window, F0, 4F0=0, 1FF",
    "unknown register sets ESR, 280, 3F0=1 280=0, 80",
    "self IPI with an illegal vector, 280, 300=40005 280=0, 20"
  })
  void shouldBehaveAsTheRegisterTableSays(
      String what, String register, String writes, String expected) {
    for (String write : writes.isEmpty() ? new String[0] : writes.split(" ")) {
      String[] parts = write.split("=");
      apic.mmioWrite(Integer.parseInt(parts[0], 16), 4, Long.parseLong(parts[1], 16));
    }
    assertEquals(Long.parseLong(expected, 16), apic.mmioRead(Integer.parseInt(register, 16), 4));
  }

  @Test
  void shouldForgetACountAtReset() {
    bus.reset();
    byte[] fresh = bus.save();
    machine.advance(400_000);
    apic.mmioWrite(0x380, 4, 1_000_000);
    machine.advance(400_000);
    bus.reset();
    machine.advance(400_000);
    assertArrayEquals(fresh, bus.save());
  }

  @Test
  void shouldDeliverByPriorityAndNest() {
    bus.send(0, false, InterruptBus.FIXED, 0x41, false);
    bus.send(0, false, InterruptBus.FIXED, 0x62, false);
    assertEquals(2, signals[0].interrupts);
    assertEquals(0x62, apic.acknowledge());
    assertFalse(apic.pending(), "41h waits behind 62h");
    bus.send(0, false, InterruptBus.FIXED, 0x80, false);
    assertEquals(0x80, acknowledgeAndEnd(apic));
    assertFalse(apic.pending());
    apic.mmioWrite(EOI, 4, 0);
    assertEquals(0x41, acknowledgeAndEnd(apic));
    assertEquals(-1, apic.acknowledge());
  }

  @Test
  void shouldHoldBackWhatTheTaskPriorityExcludes() {
    apic.setCr8(5);
    bus.send(0, false, InterruptBus.FIXED, 0x55, false);
    assertFalse(apic.pending());
    int before = signals[0].interrupts;
    apic.setCr8(4);
    assertTrue(apic.pending());
    assertEquals(before + 1, signals[0].interrupts);
    assertEquals(4, apic.cr8());
  }

  @ParameterizedTest
  @CsvSource({
    "1, false, 010", // physical
    "255, false, 111", // everybody
    "3, true, 110", // flat: bits 0 and 1
    "4, true, 001",
    "8, true, 000"
  })
  void shouldReachWhomTheDestinationNames(int destination, boolean logical, String who) {
    for (int i = 0; i < 3; i++) {
      bus.of(i).mmioWrite(0xD0, 4, 1L << 24 + i);
    }
    bus.send(destination, logical, InterruptBus.FIXED, 0x40, false);
    StringBuilder reached = new StringBuilder();
    for (int i = 0; i < 3; i++) {
      reached.append(bus.of(i).pending() ? 1 : 0);
    }
    assertEquals(who, reached.toString());
  }

  @Test
  void shouldReachX2apicClusters() {
    for (int i = 0; i < 3; i++) {
      x2apic(i);
      assertEquals(i, bus.of(i).readMsr(0x802));
      assertEquals(1 << i, bus.of(i).readMsr(0x80D));
      assertEquals(-1, bus.of(i).base());
    }
    bus.of(0).writeMsr(0x830, 0x6L << 32 | 0x800 | 0x51);
    assertFalse(bus.of(0).pending());
    assertEquals(0x51, bus.of(1).acknowledge());
    assertEquals(0x51, bus.of(2).acknowledge());
  }

  @Test
  void shouldShareLowestPriorityInterrupts() {
    int[] count = new int[3];
    for (int round = 0; round < 30; round++) {
      bus.send(0xFF, false, InterruptBus.LOWEST_PRIORITY, 0x40, false);
      for (int i = 0; i < 3; i++) {
        if (bus.of(i).pending()) {
          count[i]++;
          acknowledgeAndEnd(bus.of(i));
        }
      }
    }
    assertEquals(List.of(10, 10, 10), java.util.Arrays.stream(count).boxed().toList());
  }

  @Test
  void shouldStartOtherProcessors() {
    apic.mmioWrite(0x310, 4, 1L << 24);
    apic.mmioWrite(0x300, 4, 0xC500);
    apic.mmioWrite(0x300, 4, 0x8500);
    assertEquals(1, signals[1].inits, "the de-assert does nothing");
    apic.mmioWrite(0x300, 4, 0x4699);
    assertEquals(List.of(0x99), signals[1].startups);
    assertEquals(0, signals[2].inits);
    apic.mmioWrite(0x300, 4, 0xC0400);
    assertTrue(bus.of(1).takeNmi() && bus.of(2).takeNmi());
    assertFalse(apic.takeNmi(), "all but self");
    assertFalse(bus.of(1).takeNmi());
  }

  @Test
  void shouldCountDownOnceOrAgainAndAgain() {
    apic.mmioWrite(0x3E0, 4, 0xB);
    apic.mmioWrite(0x320, 4, 0x40);
    apic.mmioWrite(0x380, 4, 1_000_000);
    machine.advance(400_000);
    assertEquals(600_000, apic.mmioRead(0x390, 4));
    assertFalse(apic.pending());
    machine.advance(600_000);
    assertEquals(0x40, acknowledgeAndEnd(apic));
    assertEquals(0, apic.mmioRead(0x390, 4));
    machine.advance(10_000_000);
    assertFalse(apic.pending());

    apic.mmioWrite(0x3E0, 4, 0); // divide by 2
    apic.mmioWrite(0x320, 4, 0x2_0041);
    apic.mmioWrite(0x380, 4, 500_000);
    for (int round = 0; round < 5; round++) {
      machine.advance(1_000_000);
      assertEquals(0x41, acknowledgeAndEnd(apic));
    }
  }

  @Test
  void shouldFireAtTheTscDeadlineAndNotBefore() {
    apic.writeMsr(Msr.TSC_DEADLINE, 1);
    assertEquals(0, apic.readMsr(Msr.TSC_DEADLINE), "ignored in another mode");
    apic.mmioWrite(0x320, 4, 0x4_0042);
    long deadline = machine.tsc() + 2_500_000;
    apic.writeMsr(Msr.TSC_DEADLINE, deadline);
    assertEquals(deadline, apic.readMsr(Msr.TSC_DEADLINE));
    machine.advance(999_999);
    assertFalse(apic.pending());
    machine.advance(1);
    assertEquals(0x42, acknowledgeAndEnd(apic));
    assertEquals(0, apic.readMsr(Msr.TSC_DEADLINE));
    apic.writeMsr(Msr.TSC_DEADLINE, machine.tsc() - 5);
    machine.advance(0);
    assertEquals(0x42, acknowledgeAndEnd(apic));
    apic.writeMsr(Msr.TSC_DEADLINE, Long.MAX_VALUE);
    machine.advance(1_000_000_000L);
    assertFalse(apic.pending());
    apic.writeMsr(Msr.TSC_DEADLINE, machine.tsc() + 100);
    apic.writeMsr(Msr.TSC_DEADLINE, 0);
    machine.advance(1_000_000);
    assertFalse(apic.pending());
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "to x2APIC, fee00c00, true",
    "off, fee00000, true",
    "x2APIC without enable, fee00400, false",
    "a reserved bit, fee00801, false",
    "moved, e0000800, true"
  })
  void shouldAllowOnlyLegalModes(String what, String value, boolean legal) {
    assertEquals(legal, apic.writeMsr(Msr.APIC_BASE, Long.parseLong(value, 16)));
    if (legal) {
      assertEquals(Long.parseLong(value, 16) | 0x100, apic.readMsr(Msr.APIC_BASE));
    }
  }

  @Test
  void shouldRefuseReservedWritesInX2apicMode() {
    x2apic(0);
    assertFalse(apic.writeMsr(Msr.APIC_BASE, 0xFEE0_0800L), "x2APIC back to xAPIC");
    for (int msr :
        new int[] {
          0x802, 0x803, 0x809, 0x80A, 0x80D, 0x80E, 0x810, 0x820, 0x831, 0x839, 0x840, 0x8FF
        }) {
      assertFalse(apic.writeMsr(msr, 0), Integer.toHexString(msr));
    }
    assertFalse(apic.writeMsr(0x80B, 1), "EOI takes 0 only");
    assertFalse(apic.writeMsr(0x808, 1L << 32));
    assertTrue(apic.writeMsr(0x83F, 0x77));
    assertEquals(0x77, apic.acknowledge());
    assertTrue(apic.writeMsr(0x80B, 0));
    assertEquals(-1, apic.acknowledge());
  }

  @Test
  void shouldRaiseAnEdgeOnceAtTheIoApic() {
    redirect(4, 1L << 56 | 0x44);
    ioApic.line(4, true);
    ioApic.line(4, true);
    assertEquals(0x44, acknowledgeAndEnd(bus.of(1)));
    assertFalse(bus.of(1).pending());
    ioApic.line(4, false);
    ioApic.line(4, true);
    assertEquals(0x44, acknowledgeAndEnd(bus.of(1)));
  }

  @Test
  void shouldRepeatALevelUntilItsSourceIsQuiet() {
    redirect(9, 0x8049);
    ioApic.line(9, true);
    assertEquals(0xC049, readRedirect(9), "remote IRR");
    for (int round = 0; round < 3; round++) {
      assertEquals(0x49, acknowledgeAndEnd(apic));
    }
    assertTrue(apic.pending());
    apic.acknowledge();
    ioApic.line(9, false);
    apic.mmioWrite(EOI, 4, 0);
    assertFalse(apic.pending());
    assertEquals(0x8049, readRedirect(9));
  }

  @Test
  void shouldDeliverAMaskedLevelWhenItIsUnmasked() {
    redirect(9, 0x1_8049);
    ioApic.line(9, true);
    assertFalse(apic.pending());
    redirect(9, 0x8049);
    assertEquals(0x49, apic.acknowledge());
  }

  @Test
  void shouldWireTheTimersLineToPinTwo() {
    redirect(2, 0x30);
    redirect(0, 0x31);
    ioApic.line(0, true);
    assertEquals(0x30, acknowledgeAndEnd(apic));
    ioApic.line(2, true);
    assertFalse(apic.pending());
  }

  @Test
  void shouldPassThePicThroughAsAVirtualWire() {
    for (int value : new int[] {0x20, 0x04, 0x01, 0x00}) {
      machine.out(0x21, value); // before ICW1: masks
    }
    machine.out(0x20, 0x11);
    machine.out(0x21, 0x20);
    machine.out(0x21, 4);
    machine.out(0x21, 1);
    pic.line(1, true);
    assertTrue(apic.pending());
    assertFalse(bus.of(1).pending());
    assertEquals(0x21, apic.acknowledge());
    machine.out(0x20, 0x20);
    pic.line(3, true);
    apic.mmioWrite(0x350, 4, 0x1_0700);
    assertFalse(apic.pending(), "LINT0 masked");
    apic.mmioWrite(0x350, 4, 0x700);
    assertEquals(0x23, apic.acknowledge());
  }

  @Test
  void shouldIgnoreMessagesWhileItIsOff() {
    apic.mmioWrite(0xF0, 4, 0xFF);
    bus.send(0, false, InterruptBus.FIXED, 0x40, false);
    assertFalse(apic.pending());
    bus.send(0, false, InterruptBus.NMI, 0, false);
    assertTrue(apic.takeNmi());
  }
}
