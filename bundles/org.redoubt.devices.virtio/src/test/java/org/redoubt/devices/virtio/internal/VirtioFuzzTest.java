package org.redoubt.devices.virtio.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.PciCapability;

/**
 * Whatever a guest writes into registers and rings, at whatever moment: no exception leaves a
 * device, nothing runs without end, nothing outside its chains is written. The property {@code
 * redoubt.fuzz} is the number of inputs for each device, {@code redoubt.fuzz.seed} says with which
 * to begin.
 */
class VirtioFuzzTest {
  private static final int INPUTS = Integer.getInteger("redoubt.fuzz", 20_000);
  private static final long SEED = Long.getLong("redoubt.fuzz.seed", 0);
  private static final int[] WIDTHS = {1, 2, 4, 8};

  @TempDir private Path folder;

  private DeviceFactory factory(String name, VirtioMachine machine) throws Exception {
    return switch (name) {
      case "rng" -> new Rng.Factory();
      case "block" -> {
        Path file = folder.resolve("disk.img");
        Files.write(file, new byte[64 * 512]);
        machine.options.put("file", file.toString());
        yield new Block.Factory();
      }
      case "console" -> new Console.Factory();
      case "net" -> new Net.Factory();
      case "balloon" -> new Balloon.Factory();
      default -> throw new AssertionError(name);
    };
  }

  private static long value(Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(256);
      case 1 -> 1L << random.nextInt(64);
      case 2 -> -1L >>> random.nextInt(64);
      default -> random.nextLong();
    };
  }

  /** An address that is near something, or is not. */
  private static long gpa(Random random) {
    return switch (random.nextInt(6)) {
      case 0 -> value(random);
      case 1 -> VirtioMachine.MEMORY_BYTES - random.nextInt(64);
      case 2 -> VirtioMachine.ring(random.nextInt(3)) + random.nextInt(0x5000);
      default -> VirtioMachine.DATA + random.nextInt(0x1000);
    };
  }

  private static void step(VirtioMachine machine, Random random, Device device) {
    int queue = random.nextInt(3);
    switch (random.nextInt(24)) {
      case 0 -> machine.write(random.nextInt(0x40), width(random), value(random));
      case 1 -> machine.read(random.nextInt(0x3800), width(random));
      case 2 -> machine.write(0x2000 + random.nextInt(64), width(random), value(random));
      case 3 -> {
        for (PciCapability capability : machine.function().capabilities()) {
          int offset = 2 + random.nextInt(capability.bytes() - 2);
          capability.write(offset, 1, random.nextInt(256));
          capability.read(offset, 1);
        }
      }
      case 4 -> machine.start(1 << random.nextInt(6));
      case 5 -> {
        byte[] saved = device.save();
        device.restore(saved);
        assertArrayEquals(saved, device.save());
      }
      case 6 -> machine.availableIndex(queue, random.nextInt(0x1_0000));
      case 7, 8, 9, 10 ->
          machine.descriptor(
              queue,
              random.nextInt(16),
              gpa(random),
              random.nextInt(4) == 0 ? (int) value(random) : random.nextInt(2048),
              random.nextInt(8),
              random.nextInt(random.nextInt(16) == 0 ? 0x1_0000 : 16));
      case 11, 12, 13 -> machine.offer(queue, random.nextInt(16));
      case 14, 15, 16 -> {
        // A request that makes sense so far, with numbers that may not.
        int header = VirtioMachine.DATA + random.nextInt(4) * 16;
        machine.ram.set(org.redoubt.struct.Layouts.LE32, header, random.nextInt(10));
        machine.ram.set(
            org.redoubt.struct.Layouts.LE64,
            header + 8,
            random.nextInt(4) == 0 ? value(random) : random.nextInt(70));
        machine.push(
            queue,
            random.nextInt(8),
            VirtioMachine.out(header, 16),
            new VirtioMachine.Part(gpa(random), 512 * random.nextInt(4), random.nextBoolean()),
            VirtioMachine.in(gpa(random), 1));
      }
      case 17 -> machine.turn();
      default -> machine.kick(queue);
    }
  }

  private static int width(Random random) {
    return WIDTHS[random.nextInt(4)];
  }

  @ParameterizedTest
  @ValueSource(strings = {"rng", "block", "console", "net", "balloon"})
  void shouldSurviveAHostileGuest(String name) throws Exception {
    Random random = new Random(SEED + name.hashCode());
    VirtioMachine machine = new VirtioMachine();
    Device device = factory(name, machine).create(machine);
    machine.start(16);
    // A second vCPU rewrites the rings whenever the device has written something.
    machine.onWrite =
        () ->
            machine.descriptor(
                random.nextInt(3),
                random.nextInt(16),
                gpa(random),
                random.nextInt(4096),
                random.nextInt(8),
                random.nextInt(17));
    assertTimeoutPreemptively(
        Duration.ofSeconds(60L + INPUTS / 1000),
        () -> {
          for (int i = 0; i < INPUTS; i++) {
            step(machine, random, device);
            machine.signals.clear();
            machine.reports.clear();
            if (random.nextInt(50) == 0) {
              machine.start(16);
            }
          }
        });
    device.close();
  }
}
