package org.redoubt.devices.pci.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PciBus;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PciSlot;
import org.redoubt.api.device.PortHandler;
import org.redoubt.struct.SavedState;

/**
 * The host bridge: bus 0, where every device has one function. PCI Local Bus Specification 3.0,
 * section 3.2.2.3.2 (configuration mechanism 1); PCI Express Base Specification 3.0, section 7.2.2
 * (ECAM).
 *
 * <pre>
 *   CF8h       CONFIG_ADDRESS  rw  32 bits only: 31 enabled, 23:16 bus, 15:11 device, 10:8 function, 7:2 register
 *   CFCh..CFFh CONFIG_DATA     rw  the register it selects; 1, 2 or 4 bytes
 *
 *   E0000000h  ECAM, 1 MiB: 19:15 device, 14:12 function, 11:0 register
 *   D0000000h  BARs, 256 MiB
 *   message to FEExxxxxh: 19:12 destination, 2 logical; data 7:0 vector, 10:8 mode, 15 level
 *   INTA of device n is global system interrupt 16 + n mod 8
 * </pre>
 *
 * CF9h between them is the reset register, another device's. BARs are placed at power-on, as
 * firmware would; the guest may move them within the window.
 */
final class PciHost implements Device, PciBus, PortHandler {
  static final int CONFIG_ADDRESS = 0xCF8;
  static final int CONFIG_DATA = 0xCFC;
  static final long ECAM = 0xE000_0000L;
  static final long ECAM_BYTES = 1 << 20;
  static final long WINDOW = 0xD000_0000L;
  static final long WINDOW_BYTES = 256 << 20;
  static final int FIRST_GSI = 16;
  static final int GSIS = 8;
  private static final int DEVICES = 32;
  private static final int MOST_BARS = 6;
  private static final int ENABLED = 1 << 31;
  private static final int KIND = 0x5043_4948;
  private static final int VERSION = 1;

  private final String name;
  private final DeviceContext context;
  private final InterruptBus interrupts;
  private final List<ConfigSpace> functions = new ArrayList<>();
  private long nextBar = WINDOW;
  private int address;

  PciHost(DeviceContext context) throws HypervisorException {
    this.context = context;
    name = context.name();
    interrupts =
        context
            .part(InterruptBus.class)
            .orElseThrow(() ->
                new HypervisorException(
                    "Device %s needs local APICs; make lapic before it.".formatted(name)));
    context.claimPorts(CONFIG_ADDRESS, 1, this);
    context.claimPorts(CONFIG_ADDRESS + 2, 2, this);
    context.claimPorts(CONFIG_DATA, 4, this);
    context.claimMmio(ECAM, ECAM_BYTES, new Ecam());
    context.claimMmio(WINDOW, WINDOW_BYTES, new Window());
    plug(new Bridge());
    context.offer(PciBus.class, this);
  }

  @Override
  public PciSlot plug(PciFunction function) throws HypervisorException {
    List<Integer> sizes = ConfigSpace.barsOf(function);
    if (functions.size() == DEVICES) {
      throw new HypervisorException("The PCI bus is full: it has %d devices.".formatted(DEVICES));
    }
    if (sizes.size() > MOST_BARS || function.vectors() > ConfigSpace.MOST_VECTORS) {
      throw new IllegalArgumentException(
          "bug: a function with %d BARs and %d vectors"
              .formatted(sizes.size(), function.vectors()));
    }
    List<Long> bars = new ArrayList<>();
    long next = nextBar;
    for (int size : sizes) {
      if (size < 4096 || Integer.bitCount(size) != 1) {
        throw new IllegalArgumentException("bug: a BAR of %d bytes".formatted(size));
      }
      long at = next + size - 1 & -(long) size;
      next = at + size;
      if (next > WINDOW + WINDOW_BYTES) {
        throw new HypervisorException(
            "A PCI BAR of %d bytes finds no room: all have %d MiB."
                .formatted(size, WINDOW_BYTES >> 20));
      }
      bars.add(at);
    }
    nextBar = next;
    int device = functions.size();
    ConfigSpace made =
        new ConfigSpace(
            device, function, bars, this::message, context.irq(FIRST_GSI + device % GSIS));
    functions.add(made);
    return made;
  }

  /** AMD64 Architecture Programmer's Manual, Volume 2, section 16.12, as for any message. */
  private void message(int to, int data) {
    if ((to & 0xFFF0_0000) == 0xFEE0_0000) {
      interrupts.send(
          to >>> 12 & 0xFF, (to & 1 << 2) != 0, data >> 8 & 7, data & 0xFF, (data & 1 << 15) != 0);
    }
  }

  private @Nullable ConfigSpace function(int bus, int device, int function) {
    return bus == 0 && function == 0 && device < functions.size() ? functions.get(device) : null;
  }

  // Configuration mechanism 1

  @Override
  public int in(int port, int bytes) {
    if (port == CONFIG_ADDRESS && bytes == 4) {
      return address;
    }
    ConfigSpace selected = selected(port);
    int ones = bytes == 4 ? -1 : (1 << 8 * bytes) - 1;
    return selected == null ? ones : selected.read(register(port), bytes);
  }

  @Override
  public void out(int port, int bytes, int value) {
    if (port == CONFIG_ADDRESS && bytes == 4) {
      address = value & ~(0x7F00_0000 | 3);
      return;
    }
    ConfigSpace selected = selected(port);
    if (selected != null) {
      selected.write(register(port), bytes, value);
    }
  }

  private @Nullable ConfigSpace selected(int port) {
    return port < CONFIG_DATA || (address & ENABLED) == 0
        ? null
        : function(address >>> 16 & 0xFF, address >>> 11 & 0x1F, address >>> 8 & 7);
  }

  private int register(int port) {
    return address & 0xFC | port - CONFIG_DATA;
  }

  /** Enhanced configuration accesses; a function has no more than the first 256 bytes. */
  private final class Ecam implements MmioHandler {
    private @Nullable ConfigSpace at(long offset) {
      return function(0, (int) (offset >>> 15) & 0x1F, (int) (offset >>> 12) & 7);
    }

    @Override
    public long read(long offset, int bytes) {
      ConfigSpace function = at(offset);
      if (function == null) {
        return bytes == 8 ? -1 : (1L << 8 * bytes) - 1;
      }
      int register = (int) offset & 0xFFF;
      if (bytes == 8) {
        return Integer.toUnsignedLong(function.read(register, 4))
            | (long) function.read(register + 4, 4) << 32;
      }
      return Integer.toUnsignedLong(function.read(register, bytes));
    }

    @Override
    public void write(long offset, int bytes, long value) {
      ConfigSpace function = at(offset);
      if (function == null) {
        return;
      }
      int register = (int) offset & 0xFFF;
      if (bytes == 8) {
        function.write(register, 4, (int) value);
        function.write(register + 4, 4, (int) (value >>> 32));
      } else {
        function.write(register, bytes, (int) value);
      }
    }
  }

  /** Where the BARs are. */
  private final class Window implements MmioHandler {
    @Override
    public long read(long offset, int bytes) {
      long gpa = WINDOW + offset;
      for (ConfigSpace function : functions) {
        int bar = function.barAt(gpa, bytes);
        if (bar >= 0) {
          return function.barRead(bar, gpa, bytes);
        }
      }
      return bytes == 8 ? -1 : (1L << 8 * bytes) - 1;
    }

    @Override
    public void write(long offset, int bytes, long value) {
      long gpa = WINDOW + offset;
      for (ConfigSpace function : functions) {
        int bar = function.barAt(gpa, bytes);
        if (bar >= 0) {
          function.barWrite(bar, gpa, bytes, value);
          return;
        }
      }
    }
  }

  /** Device 0: the bridge itself, as QEMU's generic PCI Express host bridge. */
  private static final class Bridge implements PciFunction {
    @Override
    public Identity identity() {
      return new Identity(0x1B36, 0x0008, 0, 0x06_0000, 0x1AF4, 0x1100);
    }

    @Override
    public List<Integer> bars() {
      return List.of();
    }

    @Override
    public int vectors() {
      return 0;
    }

    @Override
    public List<PciCapability> capabilities() {
      return List.of();
    }

    @Override
    public long read(int bar, long offset, int bytes) {
      throw new IllegalStateException("bug: the bridge has no BAR " + bar);
    }

    @Override
    public void write(int bar, long offset, int bytes, long value) {
      throw new IllegalStateException("bug: the bridge has no BAR " + bar);
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    address = 0;
    functions.forEach(ConfigSpace::reset);
  }

  private int values() {
    return 1 + functions.stream().mapToInt(ConfigSpace::values).sum();
  }

  @Override
  public byte[] save() {
    long[] values = new long[values()];
    values[0] = address;
    int at = 1;
    for (ConfigSpace function : functions) {
      function.save(values, at);
      at += function.values();
    }
    return SavedState.write(KIND, VERSION, values);
  }

  @Override
  public void restore(byte[] state) {
    long[] values = SavedState.read(state, KIND, VERSION, values());
    address = (int) values[0];
    int at = 1;
    for (ConfigSpace function : functions) {
      function.restore(values, at);
      at += function.values();
    }
  }

  @Override
  public void close() {}

  /** Makes it. */
  @Component(property = DeviceFactory.DEVICE_NAME + "=pci-host")
  public static final class Factory implements DeviceFactory {
    @Override
    public Device create(DeviceContext context) throws HypervisorException {
      return new PciHost(context);
    }
  }
}
