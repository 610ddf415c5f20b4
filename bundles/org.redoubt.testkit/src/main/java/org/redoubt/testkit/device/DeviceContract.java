package org.redoubt.testkit.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.LocalApics;
import org.redoubt.api.device.ParavirtualFace;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PicOutput;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VcpuSignal;

/**
 * The exam of a {@link Device}: extend it, supply the factory, and the options and earlier devices
 * that it cannot be made without. The guest is hostile: it writes any value at any width anywhere,
 * and into memory that the device looks at.
 *
 * <p>What a vendor must implement: {@link DeviceFactory#create} claims ranges and passes refusals
 * on; handlers let no exception out, end in bounded time, and return zero-extended values; {@link
 * Device#reset} leads back to the state after {@code create}; {@link Device#save} and {@link
 * Device#restore} are a round trip that refuses what is damaged, changing nothing; after {@link
 * Device#close} the device does nothing to its machine any more. {@code -Dredoubt.fuzz=10000000}
 * makes the hostile guest as busy as that, {@code -Dredoubt.fuzz.seed=N} another one.
 */
@Timeout(value = 6, unit = java.util.concurrent.TimeUnit.HOURS)
public abstract class DeviceContract {
  private static final int[] PORT_WIDTHS = {1, 2, 4};
  private static final int[] WIDTHS = {1, 2, 4, 8};
  private static final int INPUTS = Integer.getInteger("redoubt.fuzz", 20_000);
  private static final long SEED = Long.getLong("redoubt.fuzz.seed", 0);

  /** No device needs longer for so much; the second term is for long runs. */
  private static final Duration PATIENCE = Duration.ofSeconds(60L + INPUTS / 1000);

  /** Offsets of a large range that are tried one by one. */
  private static final int OFFSETS = 0x3000;

  private final List<Device> open = new ArrayList<>();

  /** Makes the factory under test; called once per test or more often. */
  protected abstract DeviceFactory factory();

  /** The device's options, without its name in front: none, unless overridden. */
  protected Map<String, String> options() {
    return Map.of();
  }

  /** What must be in the machine before the device: nothing but a PCI bus and an interrupt bus. */
  protected List<DeviceFactory> earlierDevices() {
    return List.of();
  }

  /**
   * Whether a battery keeps some of its state over {@link Device#reset}: not, unless overridden.
   */
  protected boolean hasBattery() {
    return false;
  }

  /** A device in its machine. */
  private record Bench(ModelMachine machine, Device device) {}

  private Bench bench() {
    ModelMachine machine = new ModelMachine(options());
    try {
      for (DeviceFactory earlier : earlierDevices()) {
        open.add(earlier.create(machine));
      }
      // The hostile guest talks to the device alone, but for what it offers.
      machine.ports().clear();
      machine.mmio().clear();
      machine.functions().clear();
      machine.inputs().clear();
      Device device = factory().create(machine);
      open.add(device);
      machine.part(LocalApics.class).ifPresent(apics -> apics.of(0).connect(new Deaf()));
      machine.takeEvents();
      return new Bench(machine, device);
    } catch (HypervisorException e) {
      throw new AssertionError("the device cannot be made: " + e.getMessage(), e);
    }
  }

  @AfterEach
  final void closeDevices() {
    for (Device device : open.reversed()) {
      device.close();
    }
    open.clear();
  }

  // Making

  @Test
  final void shouldHaveAName() {
    assertFalse(bench().device.name().isBlank(), "the name is blank");
  }

  @Test
  final void shouldPassOnThatARangeIsTaken() {
    Bench bench = bench();
    if (bench.machine.ports().isEmpty() && bench.machine.mmio().isEmpty()) {
      return; // it claims none
    }
    assertThrows(
        HypervisorException.class,
        () -> open.add(factory().create(bench.machine)),
        "a second device took the first one's ranges");
  }

  @Test
  final void shouldShareNothingWithAnotherOfItsKind() {
    Bench mine = bench();
    Bench other = bench();
    byte[] before = mine.device.save();
    traffic(other, new Random(1), INPUTS / 10, false);
    assertArrayEquals(before, mine.device.save(), "another device's guest changed this one");
    assertEquals(List.of(), mine.machine.takeEvents(), "another device's guest acts here");
  }

  // Registers

  @Test
  final void shouldTakeAnyWidthAtAnyOffset() {
    Bench bench = bench();
    Random random = new Random(2);
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          for (int round = 0; round < 3; round++) {
            for (Map.Entry<Integer, PortHandler> port : bench.machine.ports().entrySet()) {
              for (int width : PORT_WIDTHS) {
                checkedIn(port.getValue(), port.getKey(), width);
                out(port.getValue(), port.getKey(), width, hostile(random));
                checkedIn(port.getValue(), port.getKey(), width);
              }
            }
            for (ModelMachine.Mmio range : bench.machine.mmio()) {
              for (long i = 0; i < Math.min(range.bytes(), OFFSETS); i++) {
                everyWidth(range, i, random);
                everyWidth(range, range.bytes() - 1 - i, random);
              }
            }
            for (PciFunction function : bench.machine.functions()) {
              everyBar(function, random);
            }
          }
        },
        "the device hangs");
  }

  private static void everyWidth(ModelMachine.Mmio range, long offset, Random random) {
    for (int width : WIDTHS) {
      if (offset <= range.bytes() - width) {
        checkWidth(range.handler().read(offset, width), width, "MMIO offset " + offset);
        range.handler().write(offset, width, truncated(hostile(random), width));
      }
    }
  }

  private static void everyBar(PciFunction function, Random random) {
    List<Integer> bars = function.bars();
    for (int bar = 0; bar < bars.size(); bar++) {
      for (int offset = 0; offset < Math.min(bars.get(bar), OFFSETS); offset++) {
        for (int width : WIDTHS) {
          if (offset <= bars.get(bar) - width) {
            checkWidth(function.read(bar, offset, width), width, "BAR offset " + offset);
            function.write(bar, offset, width, truncated(hostile(random), width));
          }
        }
      }
    }
    for (PciCapability capability : function.capabilities()) {
      for (int offset = 2; offset < capability.bytes(); offset++) {
        for (int width : PORT_WIDTHS) {
          if (offset <= capability.bytes() - width) {
            checkWidth(
                Integer.toUnsignedLong(capability.read(offset, width)), width, "a capability");
            capability.write(offset, width, (int) truncated(hostile(random), width));
          }
        }
      }
    }
  }

  private static void checkedIn(PortHandler handler, int port, int width) {
    checkWidth(Integer.toUnsignedLong(handler.in(port, width)), width, "port " + port);
  }

  private static void out(PortHandler handler, int port, int width, long value) {
    handler.out(port, width, (int) truncated(value, width));
  }

  private static void checkWidth(long value, int width, String where) {
    if (value != truncated(value, width)) {
      fail("%s: a read of %d bytes gave %x, not zero-extended".formatted(where, width, value));
    }
  }

  private static long truncated(long value, int width) {
    return width == 8 ? value : value & ((1L << 8 * width) - 1);
  }

  // The hostile guest

  @Test
  final void shouldSurviveAHostileGuest() {
    Bench bench = bench();
    assertTimeoutPreemptively(
        PATIENCE, () -> traffic(bench, new Random(SEED + 3), INPUTS, true), "the device hangs");
  }

  /** One thread at a time, as the device lock has it, but not always the same one. */
  @Test
  final void shouldWorkOnWhicheverThreadCalls() throws InterruptedException {
    Bench bench = bench();
    List<ExecutorService> threads = new ArrayList<>();
    try {
      for (int i = 0; i < 3; i++) {
        threads.add(Executors.newSingleThreadExecutor());
      }
      for (int turn = 0; turn < 60; turn++) {
        int seed = turn;
        threads
            .get(turn % threads.size())
            .submit(() -> traffic(bench, new Random(seed), 50, true))
            .get();
      }
    } catch (ExecutionException e) {
      throw new AssertionError("calls from several threads in turn: " + e.getCause(), e.getCause());
    } finally {
      threads.forEach(ExecutorService::shutdownNow);
    }
  }

  private static void traffic(Bench bench, Random random, int steps, boolean time) {
    for (int i = 0; i < steps; i++) {
      try {
        step(bench, random, time);
      } catch (RuntimeException e) {
        throw new AssertionError("step %d: an exception left the device: %s".formatted(i, e), e);
      }
      if (i % 1000 == 0) {
        bench.machine.takeEvents();
      }
    }
  }

  private static void step(Bench bench, Random random, boolean time) {
    ModelMachine machine = bench.machine;
    switch (random.nextInt(8)) {
      case 0, 1 -> port(machine, random);
      case 2 -> {
        if (!machine.mmio().isEmpty()) {
          ModelMachine.Mmio range = machine.mmio().get(random.nextInt(machine.mmio().size()));
          int width = WIDTHS[random.nextInt(4)];
          long offset = offset(random, range.bytes(), width);
          range.handler().write(offset, width, truncated(hostile(random), width));
          checkWidth(range.handler().read(offset, width), width, "MMIO");
        }
      }
      case 3 -> function(machine, random);
      case 4 -> {
        for (CharInput input : machine.inputs()) {
          input.receive(random.nextInt(256));
        }
      }
      case 5 -> {
        // Rings, descriptors and tables that the device may look at.
        int at = random.nextInt(ModelMachine.RAM_BYTES / 8) * 8;
        long value = random.nextBoolean() ? hostile(random) : random.nextInt(0x10_0000);
        for (int i = 0; i < 8; i++) {
          machine.ram()[at + i] = (byte) (value >>> 8 * i);
        }
      }
      case 6 -> offered(machine, random);
      default -> {
        if (time) {
          machine.advance(random.nextInt(1, 1_000_000));
        }
      }
    }
  }

  private static void port(ModelMachine machine, Random random) {
    if (!machine.ports().isEmpty()) {
      var ports = List.copyOf(machine.ports().entrySet());
      int at = random.nextInt(ports.size());
      int port = ports.get(at).getKey();
      PortHandler handler = ports.get(at).getValue();
      int width = PORT_WIDTHS[random.nextInt(3)];
      if (random.nextBoolean()) {
        out(handler, port, width, hostile(random));
      } else {
        checkedIn(handler, port, width);
      }
    }
  }

  private static void function(ModelMachine machine, Random random) {
    for (PciFunction function : machine.functions()) {
      List<Integer> bars = function.bars();
      if (bars.isEmpty()) {
        continue;
      }
      int bar = random.nextInt(bars.size());
      int width = WIDTHS[random.nextInt(4)];
      long offset = offset(random, bars.get(bar), width);
      function.write(bar, offset, width, truncated(hostile(random), width));
      checkWidth(function.read(bar, offset, width), width, "BAR");
    }
  }

  /** What the device offered to others: an interrupt controller's lines, an APIC's registers. */
  private static void offered(ModelMachine machine, Random random) {
    machine
        .part(InterruptController.class)
        .ifPresent(part -> part.line(random.nextInt(24), random.nextBoolean()));
    machine.part(PicOutput.class).filter(PicOutput::asserted).ifPresent(PicOutput::acknowledge);
    machine.part(LocalApics.class).ifPresent(apics -> apic(apics.of(0), random));
    machine.part(ParavirtualFace.class).ifPresent(face -> face(face, random));
    machine.endOfInterrupt(random.nextInt(256));
  }

  private static void apic(LocalApic apic, Random random) {
    int width = WIDTHS[random.nextInt(4)];
    int offset = random.nextInt(0x1000 / width) * width;
    apic.mmioWrite(offset, width, truncated(hostile(random), width));
    apic.mmioRead(offset, width);
    int msr = 0x800 + random.nextInt(0x100);
    apic.writeMsr(msr, hostile(random));
    apic.readMsr(msr);
    apic.setCr8(random.nextInt(16));
    apic.takeNmi();
    if (apic.pending()) {
      int vector = apic.acknowledge();
      assertTrue(vector >= -1 && vector < 256, () -> "vector " + vector);
    }
  }

  private static void face(ParavirtualFace face, Random random) {
    int[] msrs = {0x11, 0x12, 0x4b56_4d00 + random.nextInt(16), (int) hostile(random)};
    int msr = msrs[random.nextInt(msrs.length)];
    if (face.ownsMsr(msr)) {
      face.writeMsr(0, msr, hostile(random));
      face.readMsr(0, msr, new long[1]);
    }
    face.hypercall(0, hostile(random), new long[] {hostile(random), 0, hostile(random), -1});
    face.cpuid(0x4000_0000 + random.nextInt(4), random.nextInt(), new int[4]);
  }

  private static long offset(Random random, long bytes, int width) {
    long most = bytes - width;
    long near = Math.min(most, random.nextInt(0x100));
    return random.nextBoolean() ? near : random.nextLong(most + 1);
  }

  /** What a guest writes that means harm: few bits, many bits, addresses at edges, noise. */
  private static long hostile(Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> random.nextInt(256);
      case 1 -> 1L << random.nextInt(64);
      case 2 -> -1L >>> random.nextInt(64);
      case 3 -> ModelMachine.RAM_BYTES - random.nextInt(64);
      case 4 -> random.nextInt(ModelMachine.RAM_BYTES) & -16;
      default -> random.nextLong();
    };
  }

  // State

  @Test
  final void shouldGoBackToItsPowerOnState() {
    Bench bench = bench();
    byte[] fresh = bench.device.save();
    traffic(bench, new Random(4), INPUTS / 10, false);
    // What others drive is theirs.
    bench
        .machine
        .part(InterruptController.class)
        .ifPresent(part -> {
          for (int gsi = 0; gsi < 24; gsi++) {
            part.line(gsi, false);
          }
        });
    bench.device.reset();
    if (hasBattery()) {
      byte[] kept = bench.device.save();
      bench.device.reset();
      assertArrayEquals(kept, bench.device.save(), "a second reset() changes it again");
      return;
    }
    assertArrayEquals(fresh, bench.device.save(), "after reset() another state than after create");
  }

  @Test
  final void shouldComeBackFromItsSavedState() {
    Bench bench = bench();
    for (int seed = 10; seed < 20; seed++) {
      traffic(bench, new Random(seed), INPUTS / 50, true);
      byte[] saved = bench.device.save();
      byte[] again = bench.device.save();
      assertNotSame(saved, again, "save() gives the same array twice");
      assertArrayEquals(saved, again, "to save it changed the device");
      byte[] kept = saved.clone();
      traffic(bench, new Random(seed + 100), INPUTS / 50, false);
      assertArrayEquals(kept, saved, "the device writes into an array that it gave away");
      bench.device.restore(saved);
      assertArrayEquals(kept, bench.device.save(), "another state than was restored");
      assertArrayEquals(kept, saved, "restore() changed its argument");
    }
  }

  @Test
  final void shouldComeBackInAnotherDevice() {
    Bench first = bench();
    traffic(first, new Random(5), INPUTS / 10, false);
    byte[] saved = first.device.save();
    Bench second = bench();
    second.device.restore(saved);
    assertArrayEquals(saved, second.device.save(), "another state than was restored");
  }

  @Test
  final void shouldRefuseDamagedStateAndStayAsItWas() {
    Bench bench = bench();
    traffic(bench, new Random(6), INPUTS / 10, false);
    byte[] saved = bench.device.save();
    byte[] other = bench().device.save();
    List<byte[]> damaged = new ArrayList<>();
    damaged.add(new byte[0]);
    damaged.add(Arrays.copyOf(saved, saved.length + 1));
    damaged.add(Arrays.copyOf(saved, Math.max(0, saved.length - 1)));
    int stride = Math.max(1, saved.length / 500);
    for (int i = 0; i < saved.length; i += stride) {
      byte[] flipped = saved.clone();
      flipped[i] ^= (byte) (1 << i % 8);
      damaged.add(flipped);
      byte[] flippedOther = other.clone();
      if (i < other.length) {
        flippedOther[i] ^= 0x40;
        damaged.add(flippedOther);
      }
    }
    for (byte[] state : damaged) {
      if (Arrays.equals(state, saved) || Arrays.equals(state, other)) {
        continue;
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> bench.device.restore(state),
          () -> "a damaged state of %d bytes was taken".formatted(state.length));
      assertArrayEquals(saved, bench.device.save(), "a refused state changed the device");
    }
  }

  // The end

  @Test
  final void shouldDoNothingToTheMachineOnceItIsClosed() {
    Bench bench = bench();
    traffic(bench, new Random(7), INPUTS / 10, true);
    bench.device.close();
    open.remove(bench.device);
    bench.machine.takeEvents();
    bench.machine.advance(10_000_000_000L);
    List<String> after = bench.machine.takeEvents();
    assertEquals(List.of(), after, "it goes on after close()");
  }

  /** A vCPU that nobody runs. */
  private static final class Deaf implements VcpuSignal {
    @Override
    public void interrupt() {}

    @Override
    public void init() {}

    @Override
    public void startup(int vector) {}
  }
}
