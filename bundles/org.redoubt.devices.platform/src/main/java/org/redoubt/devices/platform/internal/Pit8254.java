package org.redoubt.devices.platform.internal;

import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.SavedState;

/**
 * The interval timer at 1.193182 MHz, and the port that gates its speaker channel. Intel 8254 data
 * sheet (231164).
 *
 * <pre>
 *   40h to 42h  rw  counters 0 (interrupt 0), 1, 2 (speaker)
 *   43h         w   7:6 counter, 11 read-back; 5:4 access: 00 latch, 01 low, 10 high, 11 low then high; 3:1 mode; 0 BCD
 *   61h         rw  bit 0 gate of counter 2, 1 speaker; r: bit 4 refresh toggles, 5 output of counter 2
 * </pre>
 *
 * Counts are computed from the clock when they are looked at; only counter 0 has a timer. A period
 * below 50 us gives interrupts every 50 us: the count still runs at its own speed.
 */
final class Pit8254 implements Device, PortHandler {
  private static final long HZ = 1_193_182;
  private static final long NS = 1_000_000_000;
  private static final long SHORTEST_PERIOD_NS = 50_000;
  private static final int ACCESS_LOW = 1;
  private static final int ACCESS_HIGH = 2;
  private static final int ACCESS_BOTH = 3;
  private static final int KIND = 0x5049_5438;
  private static final int VERSION = 1;
  private static final int COUNTER_VALUES = 13;

  private final String name;
  private final VirtualClock clock;
  private final IrqLine irq;
  private final VirtualClock.Timer timer;
  private final Counter[] counters = {new Counter(), new Counter(), new Counter()};
  private int speaker;

  Pit8254(DeviceContext context) throws HypervisorException {
    name = context.name();
    clock = context.clock();
    irq = context.irq(0);
    timer = clock.timer(name, this::fired);
    context.claimPorts(0x40, 4, this);
    context.claimPorts(0x61, 1, this);
    reset();
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    for (Counter counter : counters) {
      counter.powerOn();
    }
    counters[2].gate = false;
    speaker = 0;
    timer.cancel();
    irq.set(false);
  }

  @Override
  public int in(int port, int bytes) {
    int value;
    if (port == 0x61) {
      int refresh = (int) (clock.nowNs() / 15_085 & 1) << 4;
      value = speaker & 0xF | refresh | (counters[2].output() ? 0x20 : 0);
    } else {
      value = port == 0x43 ? 0xFF : counters[port & 3].read();
    }
    return value | Options.onesAbove(bytes);
  }

  @Override
  public void out(int port, int bytes, int wide) {
    int value = wide & 0xFF;
    if (port == 0x61) {
      speaker = value & 0xF;
      counters[2].setGate((value & 1) != 0);
    } else if (port == 0x43) {
      control(value);
    } else {
      counters[port & 3].write(value);
    }
    boolean newMode = port == 0x43 && value >> 6 == 0 && (value & 0x30) != 0;
    if (port == 0x40 || newMode) {
      schedule();
    }
  }

  private void control(int value) {
    int which = value >> 6;
    if (which < 3) {
      counters[which].control(value);
      return;
    }
    for (int i = 0; i < 3; i++) {
      if ((value & 2 << i) != 0) {
        counters[i].readBack((value & 0x20) == 0, (value & 0x10) == 0);
      }
    }
  }

  /** Drives interrupt 0 as counter 0's output is now, and arms the timer for its next edge. */
  private void schedule() {
    irq.set(counters[0].output());
    long next = counters[0].nextEdgeNs();
    if (next < 0) {
      timer.cancel();
    } else {
      timer.arm(next);
    }
  }

  private void fired() {
    Counter counter = counters[0];
    if (counter.periodic()) {
      // The low phase is one tick of mode 2, half a period of mode 3; the edge up is what counts.
      irq.set(false);
      irq.set(true);
      timer.arm(Math.max(counter.nextEdgeNs(), clock.nowNs() + SHORTEST_PERIOD_NS));
    } else {
      schedule();
    }
  }

  @Override
  public byte[] save() {
    long[] values = new long[3 * COUNTER_VALUES + 1];
    for (int i = 0; i < 3; i++) {
      counters[i].save(values, i * COUNTER_VALUES);
    }
    values[3 * COUNTER_VALUES] = speaker;
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, 3 * COUNTER_VALUES + 1);
    for (int i = 0; i < 3; i++) {
      counters[i].restore(values, i * COUNTER_VALUES);
    }
    speaker = (int) values[3 * COUNTER_VALUES] & 0xF;
    schedule();
  }

  @Override
  public void close() {
    timer.cancel();
  }

  /** One of the three. */
  private final class Counter {
    boolean gate;
    private int mode;
    private int access;
    private boolean bcd;
    private int reload; // 1 to 65,536, or to 10,000 in BCD
    private boolean loaded; // whether a count has been written since the control word
    private boolean triggered; // modes 1 and 5: whether the gate has risen since
    private long startNs;
    private int writeLatch = -1; // the low byte, while the high one is awaited
    private boolean readHigh;
    private int latch; // the latched count; the second byte of it keeps until it is read
    private int latchedBytes; // how many bytes of it are left
    private int status = -1;

    void powerOn() {
      gate = true;
      mode = 3;
      access = ACCESS_BOTH;
      bcd = false;
      reload = 0x1_0000;
      loaded = true; // as a BIOS leaves it: Linux polls for a count before it loads one
      triggered = false;
      startNs = clock.nowNs();
      writeLatch = -1;
      readHigh = false;
      latchedBytes = 0;
      latch = 0;
      status = -1;
    }

    boolean periodic() {
      return mode == 2 || mode == 3;
    }

    private boolean running() {
      return loaded && (mode == 1 || mode == 5 ? triggered : gate);
    }

    /** Ticks since the count was loaded. Split, so that years do not overflow. */
    private long ticks() {
      long ns = Math.max(0, clock.nowNs() - startNs);
      return ns / NS * HZ + ns % NS * HZ / NS;
    }

    /** The first time at which {@link #ticks} is that many. */
    private long timeOf(long ticks) {
      return startNs + ticks / HZ * NS + Math.ceilDiv(ticks % HZ * NS, HZ);
    }

    private int modulus() {
      return bcd ? 10_000 : 0x1_0000;
    }

    private int count() {
      if (!running()) {
        return reload % modulus();
      }
      long ticks = ticks();
      long value =
          switch (mode) {
            case 2 -> reload - ticks % reload;
            case 3 -> reload - ticks * 2 % reload & ~1;
            default -> Math.floorMod(reload - ticks, modulus());
          };
      return (int) (value % modulus());
    }

    boolean output() {
      if (!loaded) {
        return mode != 0;
      }
      if (!running()) {
        return mode != 0;
      }
      long ticks = ticks();
      return switch (mode) {
        case 0, 1 -> ticks >= reload;
        case 2 -> ticks % reload != reload - 1;
        case 3 -> ticks % reload < (reload + 1) / 2;
        default -> ticks != reload;
      };
    }

    /** When the output next rises, or -1. */
    long nextEdgeNs() {
      if (!running()) {
        return -1;
      }
      long ticks = ticks();
      if (periodic()) {
        return timeOf((ticks / reload + 1) * reload);
      }
      if (ticks < reload) {
        return timeOf(reload);
      }
      return mode >= 4 && ticks == reload ? timeOf(reload + 1L) : -1;
    }

    void control(int value) {
      int newAccess = value >> 4 & 3;
      if (newAccess == 0) {
        latchCount();
        return;
      }
      access = newAccess;
      mode = (value >> 1 & 7) > 5 ? value >> 1 & 3 : value >> 1 & 7;
      bcd = (value & 1) != 0;
      loaded = false;
      triggered = false;
      writeLatch = -1;
      readHigh = false;
      latchedBytes = 0;
    }

    void readBack(boolean latchCount, boolean latchStatus) {
      if (latchCount) {
        latchCount();
      }
      if (latchStatus && status < 0) {
        status =
            (output() ? 0x80 : 0) | (loaded ? 0 : 0x40) | access << 4 | mode << 1 | (bcd ? 1 : 0);
      }
    }

    private void latchCount() {
      if (latchedBytes == 0) {
        latch = encoded(count());
        latchedBytes = access == ACCESS_BOTH ? 2 : 1;
        readHigh = access == ACCESS_HIGH;
      }
    }

    int read() {
      if (status >= 0) {
        int value = status;
        status = -1;
        return value;
      }
      int value = latchedBytes > 0 ? latch : encoded(count());
      boolean high = access == ACCESS_HIGH || (access == ACCESS_BOTH && readHigh);
      if (access == ACCESS_BOTH) {
        readHigh = !readHigh;
      }
      latchedBytes = Math.max(0, latchedBytes - 1);
      return high ? value >> 8 & 0xFF : value & 0xFF;
    }

    void write(int value) {
      switch (access) {
        case ACCESS_LOW -> load(value);
        case ACCESS_HIGH -> load(value << 8);
        default -> {
          if (writeLatch < 0) {
            writeLatch = value;
          } else {
            int low = writeLatch;
            writeLatch = -1;
            load(value << 8 | low);
          }
        }
      }
    }

    private void load(int raw) {
      int count = bcd ? decoded(raw) : raw;
      reload = count == 0 ? modulus() : count;
      if (periodic() && reload == 1) {
        reload = modulus(); // 1 is illegal there; silicon counts on
      }
      loaded = true;
      startNs = clock.nowNs();
    }

    void setGate(boolean high) {
      boolean rising = high && !gate;
      gate = high;
      if (rising && mode != 0 && mode != 4) {
        triggered = true;
        startNs = clock.nowNs();
      }
    }

    private int encoded(int value) {
      return bcd
          ? value / 1000 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10
          : value;
    }

    private int decoded(int raw) {
      return Math.min(
          (raw >> 12) * 1000 + (raw >> 8 & 0xF) * 100 + (raw >> 4 & 0xF) * 10 + (raw & 0xF), 9999);
    }

    void save(long[] to, int at) {
      long[] values = {
        gate ? 1 : 0,
        mode,
        access,
        bcd ? 1 : 0,
        reload,
        loaded ? 1 : 0,
        triggered ? 1 : 0,
        clock.nowNs() - startNs,
        writeLatch,
        readHigh ? 1 : 0,
        latch,
        latchedBytes,
        status
      };
      System.arraycopy(values, 0, to, at, COUNTER_VALUES);
    }

    void restore(long[] from, int at) {
      gate = from[at] != 0;
      mode = Math.clamp(from[at + 1], 0, 5);
      access = Math.clamp(from[at + 2], 1, 3);
      bcd = from[at + 3] != 0;
      reload = Math.clamp(from[at + 4], 1, 0x1_0000); // a BCD counter may keep a binary count
      loaded = from[at + 5] != 0 && (reload > 1 || !periodic());
      triggered = from[at + 6] != 0;
      startNs = clock.nowNs() - Math.max(0, from[at + 7]);
      writeLatch = Math.clamp(from[at + 8], -1, 0xFF);
      readHigh = from[at + 9] != 0;
      latch = (int) from[at + 10] & 0xFFFF;
      latchedBytes = Math.clamp(from[at + 11], 0, 2);
      status = Math.clamp(from[at + 12], -1, 0xFF);
    }
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=pit8254")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new Pit8254(context);
    }
  }
}
