package org.redoubt.devices.platform.internal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.PicOutput;
import org.redoubt.api.device.PortHandler;
import org.redoubt.struct.SavedState;

/**
 * The pair of interrupt controllers; the second hangs on line 2 of the first. Intel 8259A data
 * sheet (231468).
 *
 * <pre>
 *   20h, A0h    w   ICW1: bit 4 set; bit 0 ICW4 follows, 1 single, 3 level
 *               w   OCW2: bits 4:3 = 00; 7:5 command (001 EOI, 011 specific EOI, 101 rotate, 110 set priority, ...), 2:0 line
 *               w   OCW3: bits 4:3 = 01; 6:5 special mask, 2 poll, 1:0 = 10 read IRR, 11 read ISR
 *               r   IRR, ISR, or the poll word
 *   21h, A1h    w   ICW2 vector base, ICW3 wiring, ICW4 (bit 1 automatic EOI, 4 special fully nested), after ICW1
 *               rw  OCW1: mask
 *   4D0h, 4D1h  rw  ELCR: one bit a line, 1 level-triggered; lines 0, 1, 2, 8, 13 are always edge
 * </pre>
 */
final class Pic8259 implements Device, PortHandler, InterruptController, PicOutput {
  private static final int LINES = 16;
  private static final int CASCADE = 2;
  private static final int SPURIOUS = 7;
  private static final int KIND = 0x5049_4332;
  private static final int VERSION = 1;
  private static final int CHIP_VALUES = 14;

  private final String name;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final Chip first = new Chip(0xF8);
  private final Chip second = new Chip(0xDE);
  private boolean output;

  Pic8259(DeviceContext context) throws HypervisorException {
    name = context.name();
    context.claimPorts(0x20, 2, this);
    context.claimPorts(0xA0, 2, this);
    context.claimPorts(0x4D0, 2, this);
    context.offer(InterruptController.class, this);
    context.offer(PicOutput.class, this);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    synchronized (this) {
      first.powerOn();
      second.powerOn();
    }
    update();
  }

  @Override
  public void line(int gsi, boolean high) {
    if (gsi < 0 || gsi >= LINES || gsi == CASCADE) {
      return;
    }
    synchronized (this) {
      (gsi < 8 ? first : second).line(gsi & 7, high);
    }
    update();
  }

  @Override
  public synchronized boolean asserted() {
    return output;
  }

  @Override
  public void onChange(Runnable listener) {
    listeners.add(listener);
  }

  @Override
  public int acknowledge() {
    int vector;
    synchronized (this) {
      cascade();
      int line = first.acknowledge();
      if (line == CASCADE) {
        vector = second.base + second.acknowledge();
        first.line(
            CASCADE,
            false); // its INT falls in the cycle, so that the next request is an edge again
      } else {
        vector = first.base + line;
      }
    }
    update();
    return vector;
  }

  @Override
  public int in(int port, int bytes) {
    int value;
    synchronized (this) {
      value =
          switch (port) {
            case 0x20 -> first.readCommand();
            case 0x21 -> first.mask;
            case 0xA0 -> second.readCommand();
            case 0xA1 -> second.mask;
            case 0x4D0 -> first.elcr;
            default -> second.elcr;
          };
    }
    update();
    return value | Options.onesAbove(bytes);
  }

  @Override
  public void out(int port, int bytes, int wide) {
    int value = wide & 0xFF;
    synchronized (this) {
      switch (port) {
        case 0x20 -> first.writeCommand(value);
        case 0x21 -> first.writeData(value);
        case 0xA0 -> second.writeCommand(value);
        case 0xA1 -> second.writeData(value);
        case 0x4D0 -> first.elcr = value & first.elcrMask;
        default -> second.elcr = value & second.elcrMask;
      }
    }
    update();
  }

  private void cascade() {
    first.line(CASCADE, second.pending() >= 0);
  }

  /** Recomputes INTR; tells the listeners outside the lock. */
  private void update() {
    boolean changed;
    synchronized (this) {
      cascade();
      boolean now = first.pending() >= 0;
      changed = now != output;
      output = now;
    }
    if (changed) {
      listeners.forEach(Runnable::run);
    }
  }

  @Override
  public synchronized byte[] save() {
    long[] values = new long[2 * CHIP_VALUES];
    first.save(values, 0);
    second.save(values, CHIP_VALUES);
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, 2 * CHIP_VALUES);
    synchronized (this) {
      first.restore(values, 0);
      second.restore(values, CHIP_VALUES);
    }
    update();
  }

  @Override
  public void close() {
    listeners.clear();
  }

  /** One 8259A. */
  private static final class Chip {
    final int elcrMask;
    int elcr;
    int mask;
    int base;
    private int irr;
    private int isr;
    private int levels;
    private int lowest = 7; // the line of lowest priority; the one after it is highest
    private int expecting; // the next ICW at the data port, 0 for none
    private boolean icw4;
    private boolean autoEoi;
    private boolean rotateOnAutoEoi;
    private boolean specialMask;
    private boolean fullyNested;
    private boolean poll;
    private boolean readIsr;

    Chip(int elcrMask) {
      this.elcrMask = elcrMask;
    }

    void powerOn() {
      initialise();
      elcr = 0;
      base = 0;
      mask = 0;
      expecting = 0;
      levels = 0;
      icw4 = false;
    }

    private void initialise() {
      irr = levels & elcr;
      isr = 0;
      mask = 0;
      lowest = 7;
      autoEoi = false;
      rotateOnAutoEoi = false;
      specialMask = false;
      fullyNested = false;
      poll = false;
      readIsr = false;
    }

    void line(int line, boolean high) {
      int bit = 1 << line;
      boolean rising = high && (levels & bit) == 0;
      levels = high ? levels | bit : levels & ~bit;
      if ((elcr & bit) != 0) {
        irr = high ? irr | bit : irr & ~bit;
      } else if (rising) {
        irr |= bit;
      } else if (!high) {
        irr &= ~bit; // the request is gone before it was acknowledged
      }
    }

    /** Line of highest priority in a set, or -1. */
    private int highest(int set) {
      for (int i = 1; i <= 8; i++) {
        int line = lowest + i & 7;
        if ((set & 1 << line) != 0) {
          return line;
        }
      }
      return -1;
    }

    private int rank(int line) {
      return line - lowest - 1 & 7;
    }

    /** The line that asks for the processor now, or -1. */
    int pending() {
      int request = highest(irr & ~mask);
      if (request < 0) {
        return -1;
      }
      int serving = specialMask ? isr & ~mask : isr;
      if (fullyNested) {
        serving &= ~(1 << CASCADE);
      }
      int inService = highest(serving);
      return inService < 0 || rank(request) < rank(inService) ? request : -1;
    }

    int acknowledge() {
      int line = pending();
      if (line < 0) {
        return SPURIOUS;
      }
      int bit = 1 << line;
      if ((elcr & bit) == 0) {
        irr &= ~bit;
      }
      if (autoEoi) {
        if (rotateOnAutoEoi) {
          lowest = line;
        }
      } else {
        isr |= bit;
      }
      return line;
    }

    int readCommand() {
      if (poll) {
        poll = false;
        int line = pending();
        return line < 0 ? 0 : 0x80 | acknowledge();
      }
      return readIsr ? isr : irr;
    }

    void writeCommand(int value) {
      if ((value & 0x10) != 0) {
        initialise();
        icw4 = (value & 1) != 0;
        expecting = 2;
      } else if ((value & 8) != 0) {
        ocw3(value);
      } else {
        ocw2(value >> 5, value & 7);
      }
    }

    private void ocw3(int value) {
      poll = (value & 4) != 0;
      if ((value & 2) != 0) {
        readIsr = (value & 1) != 0;
      }
      if ((value & 0x40) != 0) {
        specialMask = (value & 0x20) != 0;
      }
    }

    private void ocw2(int command, int line) {
      switch (command) {
        case 0 -> rotateOnAutoEoi = false;
        case 4 -> rotateOnAutoEoi = true;
        case 1, 5 -> {
          int done = highest(isr);
          if (done >= 0) {
            isr &= ~(1 << done);
            lowest = command == 5 ? done : lowest;
          }
        }
        case 3 -> isr &= ~(1 << line);
        case 7 -> {
          isr &= ~(1 << line);
          lowest = line;
        }
        case 6 -> lowest = line;
        default -> {} // 010: no operation
      }
    }

    void writeData(int value) {
      switch (expecting) {
        case 2 -> {
          base = value & 0xF8;
          expecting = 3;
        }
        case 3 -> expecting = icw4 ? 4 : 0;
        case 4 -> {
          autoEoi = (value & 2) != 0;
          fullyNested = (value & 0x10) != 0;
          expecting = 0;
        }
        default -> mask = value;
      }
    }

    void save(long[] to, int at) {
      long[] values = {
        elcr,
        mask,
        base,
        irr,
        isr,
        levels,
        lowest,
        expecting,
        flag(icw4),
        flag(autoEoi) | flag(rotateOnAutoEoi) << 1,
        flag(specialMask),
        flag(fullyNested),
        flag(poll),
        flag(readIsr)
      };
      System.arraycopy(values, 0, to, at, CHIP_VALUES);
    }

    void restore(long[] from, int at) {
      elcr = (int) from[at] & elcrMask;
      mask = (int) from[at + 1] & 0xFF;
      base = (int) from[at + 2] & 0xF8;
      irr = (int) from[at + 3] & 0xFF;
      isr = (int) from[at + 4] & 0xFF;
      levels = (int) from[at + 5] & 0xFF;
      lowest = (int) from[at + 6] & 7;
      expecting = (int) from[at + 7] & 7;
      icw4 = from[at + 8] != 0;
      autoEoi = (from[at + 9] & 1) != 0;
      rotateOnAutoEoi = (from[at + 9] & 2) != 0;
      specialMask = from[at + 10] != 0;
      fullyNested = from[at + 11] != 0;
      poll = from[at + 12] != 0;
      readIsr = from[at + 13] != 0;
    }

    private static long flag(boolean value) {
      return value ? 1 : 0;
    }
  }

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=pic8259")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new Pic8259(context);
    }
  }
}
