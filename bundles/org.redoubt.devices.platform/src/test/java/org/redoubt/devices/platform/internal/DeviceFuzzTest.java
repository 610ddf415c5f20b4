package org.redoubt.devices.platform.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.LocalApics;
import org.redoubt.api.device.ParavirtualFace;
import org.redoubt.spec.x86.Msr;

/**
 * Whatever a guest writes: no exception leaves a device, nothing runs without end, and state
 * survives a round trip. The property {@code redoubt.fuzz} is the number of inputs, {@code
 * redoubt.fuzz.seed} says with which to begin.
 */
class DeviceFuzzTest {
  private static final int[] WIDTHS = {1, 2, 4, 8};
  private static final int INPUTS = Integer.getInteger("redoubt.fuzz", 300_000);
  private static final long SEED = Long.getLong("redoubt.fuzz.seed", 0);
  private static final int MACHINES = 5;

  /** The whole platform in one machine, so that devices are also fuzzed through each other. */
  private static List<Device> plugAll(FakeMachine machine) {
    List<Device> devices = new ArrayList<>();
    Stream.<FakeMachine.Maker>of(
            new Pic8259.Factory()::create,
            new ApicBus.Factory()::create,
            new IoApic.Factory()::create,
            new Pit8254.Factory()::create,
            new CmosRtc.Factory()::create,
            new Uart16550.Factory()::create,
            new AcpiPm.Factory()::create,
            new ResetPorts.Factory()::create,
            new DebugExit.Factory()::create,
            new KvmFace.Factory()::create)
        .forEach(maker -> devices.add(machine.plug(maker, Device.class)));
    return devices;
  }

  private static long value(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(256);
      case 1 -> 1L << random.nextInt(64);
      case 2 -> -1L >>> random.nextInt(64);
      default -> random.nextLong();
    };
  }

  private static void step(
      FakeMachine machine, List<Integer> ports, Random random, List<Device> devices) {
    int port = ports.get(random.nextInt(ports.size()));
    int width = WIDTHS[random.nextInt(3)];
    LocalApic apic = machine.part(LocalApics.class).orElseThrow().of(random.nextInt(machine.vcpus));
    switch (random.nextInt(12)) {
      case 0, 1, 2 -> machine.out(port, width, (int) value(random));
      case 3, 4 -> machine.in(port, width);
      case 5 -> {
        long offset = random.nextBoolean() ? random.nextInt(0x50) & ~0xF : random.nextInt(0x1000);
        var ioApic = machine.mmio.firstEntry().getValue();
        ioApic.write(offset, WIDTHS[random.nextInt(4)], value(random));
        ioApic.read(offset, WIDTHS[random.nextInt(4)]);
      }
      case 6 -> {
        int offset = random.nextBoolean() ? random.nextInt(0x400) & ~0xF : random.nextInt(0x1000);
        apic.mmioWrite(offset, WIDTHS[random.nextInt(4)], value(random));
        apic.mmioRead(offset, WIDTHS[random.nextInt(4)]);
      }
      case 7 -> {
        int msr =
            switch (random.nextInt(8)) {
              case 0 -> Msr.APIC_BASE;
              case 1 -> Msr.TSC_DEADLINE;
              default -> Msr.X2APIC_FIRST + random.nextInt(0x100);
            };
        apic.writeMsr(msr, random.nextInt(8) == 0 ? 0xFEE0_0C00L : value(random));
        apic.readMsr(msr);
      }
      case 8 -> {
        if (apic.pending()) {
          apic.acknowledge();
        }
        apic.takeNmi();
        apic.setCr8(random.nextInt());
      }
      case 9 -> {
        ParavirtualFace face = machine.part(ParavirtualFace.class).orElseThrow();
        face.writeMsr(0, KvmFace.MSR_WALL_CLOCK + random.nextInt(2), value(random));
        face.hypercall(0, value(random), new long[4]);
        face.cpuid(random.nextInt(), random.nextInt(), new int[4]);
      }
      case 10 -> {
        machine
            .part(InterruptController.class)
            .orElseThrow()
            .line(random.nextInt(64) - 8, random.nextBoolean());
        devices.stream()
            .filter(CharInput.class::isInstance)
            .map(CharInput.class::cast)
            .forEach(input -> input.receive(random.nextInt(256)));
      }
      default -> machine.advance(random.nextInt(1, 100_000));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, MACHINES})
  void shouldSurviveRandomRegisterTraffic(long seed) {
    Random random = new Random(SEED + seed);
    FakeMachine machine = new FakeMachine();
    machine.vcpus = 3;
    List<Device> devices = plugAll(machine);
    LocalApics apics = machine.part(LocalApics.class).orElseThrow();
    for (int i = 0; i < machine.vcpus; i++) {
      apics.of(i).connect(new FakeMachine.Signal());
    }
    List<Integer> ports = List.copyOf(machine.ports.keySet());
    assertTimeoutPreemptively(
        Duration.ofSeconds(60L + INPUTS / 1000),
        () -> {
          for (int i = 0; i < INPUTS / MACHINES; i++) {
            step(machine, ports, random, devices);
            machine.events.clear();
            machine.console.setLength(0);
            if (i % 20_000 == 0) {
              devices.forEach(device -> device.restore(device.save()));
            }
          }
        });
    devices.forEach(Device::close);
  }

  @Test
  void shouldComeBackFromSavedStateAsTheyWere() {
    Random random = new Random(6);
    FakeMachine machine = new FakeMachine();
    List<Device> devices = plugAll(machine);
    List<Integer> ports = List.copyOf(machine.ports.keySet());
    for (int i = 0; i < 5_000; i++) {
      step(machine, ports, random, devices);
    }
    for (Device device : devices) {
      byte[] saved = device.save();
      device.reset();
      device.restore(saved);
      assertArrayEquals(saved, device.save(), device.getClass().getSimpleName());
    }
  }

  @Test
  void shouldRefuseDamagedStateAndStayAsTheyWere() {
    FakeMachine machine = new FakeMachine();
    for (Device device : plugAll(machine)) {
      byte[] saved = device.save();
      for (int i = 0; i < saved.length; i++) {
        byte[] damaged = saved.clone();
        damaged[i] ^= 0x10;
        assertThrows(IllegalArgumentException.class, () -> device.restore(damaged));
      }
      assertThrows(IllegalArgumentException.class, () -> device.restore(new byte[0]));
      assertArrayEquals(saved, device.save());
      assertDoesNotThrow(() -> device.restore(saved));
    }
  }

  /** The fastest timers a guest can program must not keep the clock thread busy. */
  @Test
  void shouldBoundTheRateOfPeriodicTimers() {
    FakeMachine machine = new FakeMachine();
    plugAll(machine);
    LocalApic apic = machine.part(LocalApics.class).orElseThrow().of(0);
    apic.mmioWrite(0xF0, 4, 0x1FF);
    apic.mmioWrite(0x3E0, 4, 0xB);
    apic.mmioWrite(0x320, 4, 0x2_0030);
    apic.mmioWrite(0x380, 4, 1);
    machine.out(0x43, 0x34);
    machine.out(0x40, 2);
    machine.out(0x40, 0);
    machine.out(0x70, 0xA);
    machine.out(0x71, 0x23);
    machine.out(0x70, 0xB);
    machine.out(0x71, 0x42);
    machine.fired = 0;
    machine.advance(1_000_000_000);
    // 10 kHz, 20 kHz and 8192 Hz
    org.junit.jupiter.api.Assertions.assertTrue(
        machine.fired < 40_000, machine.fired + " timers in a second");
    org.junit.jupiter.api.Assertions.assertTrue(
        machine.fired > 30_000, machine.fired + " timers in a second");
  }
}
