package org.redoubt.devices.platform.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.struct.SavedState;

/**
 * The I/O APIC. Intel 82093AA data sheet (290566), sections 3.1 and 3.2; the EOI register is a
 * later addition.
 *
 * <pre>
 *   FEC00000h  +00  IOREGSEL   rw   bits 7:0 index
 *              +10  IOWIN      rw   the register it selects
 *              +40  EOI        w    vector
 *
 *   index 00h  ID        bits 27:24
 *         01h  VERSION   r  20h, bits 23:16 last entry
 *         02h  ARB       r
 *         10h + 2n  entry n, low:  7:0 vector, 10:8 mode, 11 logical, 12 delivering (r), 13 polarity, 14 remote IRR (r),
 *                                  15 level, 16 masked
 *         11h + 2n  entry n, high: 31:24 destination
 * </pre>
 *
 * A line is high when its source asserts it, whatever polarity the guest programs. Line 0 arrives
 * at pin 2, as the MADT says. Any thread: state is guarded by this object's lock; messages are sent
 * while it is held, to APICs that never call back with theirs held.
 */
final class IoApic implements Device, MmioHandler, InterruptController {
  private static final long GPA = 0xFEC0_0000L;
  private static final int PINS = 24;
  private static final int TIMER_PIN = 2;
  private static final int VERSION_VALUE = PINS - 1 << 16 | 0x20;
  private static final long REMOTE_IRR = 1 << 14;
  private static final long LEVEL = 1 << 15;
  private static final long MASKED = 1 << 16;
  private static final long WRITABLE = 0xFF00_0000_0001_AFFFL;
  private static final int KIND = 0x494F_4150;
  private static final int VERSION = 1;

  private final String name;
  private final InterruptBus bus;
  private final long[] entries = new long[PINS];
  private int lines;
  private int index;
  private int id;

  IoApic(DeviceContext context) throws HypervisorException {
    name = context.name();
    bus =
        context
            .part(InterruptBus.class)
            .orElseThrow(() ->
                new HypervisorException(
                    "Device %s needs local APICs; make lapic before it.".formatted(name)));
    context.claimMmio(GPA, 0x1000, this);
    context.offer(InterruptController.class, this);
    bus.onEndOfInterrupt(this::ended);
    reset();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public synchronized void reset() {
    java.util.Arrays.fill(entries, MASKED);
    index = 0;
    id = 0;
  }

  @Override
  public synchronized void line(int gsi, boolean high) {
    if (gsi < 0 || gsi >= PINS || gsi == TIMER_PIN) {
      return;
    }
    int pin = gsi == 0 ? TIMER_PIN : gsi;
    boolean rising = high && (lines & 1 << pin) == 0;
    lines = high ? lines | 1 << pin : lines & ~(1 << pin);
    if (isLevel(pin)) {
      offerLevel(pin);
    } else if (rising && (entries[pin] & MASKED) == 0) {
      send(pin);
    }
  }

  private boolean isLevel(int pin) {
    return (entries[pin] & LEVEL) != 0;
  }

  /** Sends a level interrupt that is high, not masked, and not in service. */
  private void offerLevel(int pin) {
    if ((lines & 1 << pin) != 0 && (entries[pin] & (MASKED | REMOTE_IRR)) == 0) {
      entries[pin] |= REMOTE_IRR;
      send(pin);
    }
  }

  private void send(int pin) {
    long entry = entries[pin];
    bus.send(
        (int) (entry >>> 56),
        (entry & 1 << 11) != 0,
        (int) entry >> 8 & 7,
        (int) entry & 0xFF,
        isLevel(pin));
  }

  /** An EOI of a level interrupt with this vector. */
  private synchronized void ended(int vector) {
    for (int pin = 0; pin < PINS; pin++) {
      if (isLevel(pin) && (entries[pin] & 0xFF) == vector) {
        entries[pin] &= ~REMOTE_IRR;
        offerLevel(pin);
      }
    }
  }

  @Override
  public synchronized long read(long offset, int bytes) {
    long value =
        switch ((int) offset) {
          case 0x00 -> index;
          case 0x10 -> readRegister();
          default -> 0;
        };
    return bytes == 4 ? value & 0xFFFF_FFFFL : value & (bytes >= 8 ? -1L : (1L << 8 * bytes) - 1);
  }

  @Override
  public synchronized void write(long offset, int bytes, long value) {
    switch ((int) offset) {
      case 0x00 -> index = (int) value & 0xFF;
      case 0x10 -> writeRegister((int) value);
      case 0x40 -> ended((int) value & 0xFF);
      default -> {} // nothing there
    }
  }

  private long readRegister() {
    return switch (index) {
      case 0, 2 -> (long) id << 24;
      case 1 -> VERSION_VALUE;
      default -> {
        int pin = index - 0x10 >> 1;
        if (pin < 0 || pin >= PINS) {
          yield 0;
        }
        yield (index & 1) == 0 ? entries[pin] & 0xFFFF_FFFFL : entries[pin] >>> 32;
      }
    };
  }

  private void writeRegister(int value) {
    if (index == 0) {
      id = value >> 24 & 0xF;
      return;
    }
    int pin = index - 0x10 >> 1;
    if (pin < 0 || pin >= PINS) {
      return;
    }
    long wide = Integer.toUnsignedLong(value);
    long merged =
        (index & 1) == 0
            ? entries[pin] & 0xFFFF_FFFF_0000_0000L | wide
            : entries[pin] & 0xFFFF_FFFFL | wide << 32;
    long remoteIrr = (merged & LEVEL) != 0 ? entries[pin] & REMOTE_IRR : 0;
    entries[pin] = merged & WRITABLE | remoteIrr;
    if (isLevel(pin)) {
      offerLevel(pin);
    }
  }

  @Override
  public synchronized byte[] save() {
    long[] values = java.util.Arrays.copyOf(entries, PINS + 3);
    values[PINS] = lines;
    values[PINS + 1] = index;
    values[PINS + 2] = id;
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public synchronized void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, PINS + 3);
    for (int pin = 0; pin < PINS; pin++) {
      entries[pin] = values[pin] & (WRITABLE | REMOTE_IRR);
    }
    lines = (int) values[PINS] & (1 << PINS) - 1;
    index = (int) values[PINS + 1] & 0xFF;
    id = (int) values[PINS + 2] & 0xF;
  }

  @Override
  public void close() {}

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=ioapic")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new IoApic(context);
    }
  }
}
