package org.redoubt.hypervisor.internal;

import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;

/**
 * What the devices of one VM are plugged into: port and MMIO ranges, interrupt lines, parts that
 * they offer each other. Its lock is the device lock.
 */
final class Machine {
  private static final System.Logger LOG = System.getLogger("org.redoubt.hypervisor");
  private static final int PORTS = 0x1_0000;

  /** Which device has the machine's console; the first serial one if it is not said. */
  private static final String CONSOLE_OPTION = "console";

  private static final int LINES = 256;

  /** One claim on guest-physical addresses. */
  private record MmioRange(long gpa, long bytes, MmioHandler handler, String owner) {}

  final ReentrantLock deviceLock = new ReentrantLock();
  private final MachineClock clock;
  private final SerialConsole console = new SerialConsole(deviceLock);
  private final GuestMemory memory;
  private final DmaGate dmaGate;
  private final MachineControl control;
  private final Map<String, String> options;
  private final int vcpus;
  private final Optional<Repetition> repetition;
  private final SecureRandom random = new SecureRandom();

  private final @Nullable PortHandler[] ports = new @Nullable PortHandler[PORTS];
  private final @Nullable String[] portOwners = new @Nullable String[PORTS];
  private volatile List<MmioRange> mmio = List.of();
  private final int[] drivers = new int[LINES];
  private final List<InterruptController> controllers = new CopyOnWriteArrayList<>();
  private final Map<Class<?>, Object> parts = new HashMap<>();
  private final List<Device> devices = new ArrayList<>();

  Machine(
      GuestMemory memory,
      DmaGate dmaGate,
      MachineControl control,
      Map<String, String> options,
      int vcpus,
      Optional<Repetition> repetition) {
    this.memory = memory;
    this.dmaGate = dmaGate;
    this.control = control;
    this.options = options;
    this.vcpus = vcpus;
    this.repetition = repetition;
    this.clock =
        repetition.isPresent()
            ? new CountedClock(deviceLock, repetition.get().epochNs())
            : new HostClock(deviceLock);
    repetition.ifPresent(one -> console.holdBack());
  }

  MachineClock clock() {
    return clock;
  }

  DmaGate dmaGate() {
    return dmaGate;
  }

  SerialConsole console() {
    return console;
  }

  Optional<Repetition> repetition() {
    return repetition;
  }

  /** 64 random bits for the guest. */
  long random() {
    return repetition.isPresent() ? repetition.get().random() : random.nextLong();
  }

  List<Device> devices() {
    return List.copyOf(devices);
  }

  /** Makes a device and plugs it in. */
  void plug(String name, DeviceFactory factory) throws HypervisorException {
    deviceLock.lock();
    try {
      devices.add(factory.create(new Context(name)));
    } finally {
      deviceLock.unlock();
    }
  }

  <T> Optional<T> part(Class<T> type) {
    return Optional.ofNullable(parts.get(type)).map(type::cast);
  }

  /** Closes the devices, the last first. */
  void close() {
    clock.close();
    deviceLock.lock();
    try {
      for (int i = devices.size() - 1; i >= 0; i--) {
        devices.get(i).close();
      }
      devices.clear();
    } finally {
      deviceLock.unlock();
    }
    console.end();
  }

  // Dispatch

  int in(int port, int bytes) {
    PortHandler handler = ports[port & 0xffff];
    if (handler == null) {
      return bytes == 4 ? -1 : (1 << (bytes * 8)) - 1;
    }
    deviceLock.lock();
    try {
      return handler.in(port & 0xffff, bytes);
    } finally {
      deviceLock.unlock();
    }
  }

  void out(int port, int bytes, int value) {
    PortHandler handler = ports[port & 0xffff];
    if (handler == null) {
      return;
    }
    deviceLock.lock();
    try {
      handler.out(port & 0xffff, bytes, value);
    } finally {
      deviceLock.unlock();
    }
  }

  long mmioRead(long gpa, int bytes) {
    MmioRange range = range(gpa, bytes);
    if (range == null) {
      return bytes == 8 ? -1 : (1L << (bytes * 8)) - 1;
    }
    deviceLock.lock();
    try {
      return range.handler.read(gpa - range.gpa, bytes);
    } finally {
      deviceLock.unlock();
    }
  }

  void mmioWrite(long gpa, int bytes, long value) {
    MmioRange range = range(gpa, bytes);
    if (range == null) {
      return;
    }
    deviceLock.lock();
    try {
      range.handler.write(gpa - range.gpa, bytes, value);
    } finally {
      deviceLock.unlock();
    }
  }

  private @Nullable MmioRange range(long gpa, int bytes) {
    List<MmioRange> now = mmio;
    for (int i = 0; i < now.size(); i++) {
      MmioRange range = now.get(i);
      long offset = gpa - range.gpa;
      if (offset >= 0 && offset <= range.bytes - bytes) {
        return range;
      }
    }
    return null;
  }

  private synchronized void drive(int gsi, boolean high) {
    drivers[gsi] += high ? 1 : -1;
    if (drivers[gsi] == (high ? 1 : 0)) {
      for (InterruptController controller : controllers) {
        controller.line(gsi, high);
      }
    }
  }

  private final class Line implements IrqLine {
    private final int gsi;
    private boolean high;

    Line(int gsi) {
      this.gsi = gsi;
    }

    @Override
    public synchronized void set(boolean nowHigh) {
      if (nowHigh != high) {
        high = nowHigh;
        drive(gsi, nowHigh);
      }
    }
  }

  /** The machine as one device sees it. */
  private final class Context implements DeviceContext {
    private final String name;

    Context(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void claimPorts(int first, int count, PortHandler handler) throws HypervisorException {
      if (first < 0 || count < 1 || first > PORTS - count) {
        throw new HypervisorException(
            "Device %s claims ports from %xh, %d of them: there are 65536"
                .formatted(name, first, count));
      }
      for (int port = first; port < first + count; port++) {
        if (ports[port] != null) {
          throw new HypervisorException(
              "Device %s claims port %xh, which %s has".formatted(name, port, portOwners[port]));
        }
      }
      for (int port = first; port < first + count; port++) {
        ports[port] = handler;
        portOwners[port] = name;
      }
    }

    @Override
    public void claimMmio(long gpa, long bytes, MmioHandler handler) throws HypervisorException {
      if (gpa < 0 || bytes <= 0 || ((gpa | bytes) & 4095) != 0 || gpa + bytes < gpa) {
        throw new HypervisorException(
            "Device %s claims %d bytes at %xh: both are multiples of 4096"
                .formatted(name, bytes, gpa));
      }
      if (memory.overlaps(gpa, bytes)) {
        throw new HypervisorException("Device %s claims %xh, which is RAM".formatted(name, gpa));
      }
      for (MmioRange other : mmio) {
        if (gpa < other.gpa + other.bytes && other.gpa < gpa + bytes) {
          throw new HypervisorException(
              "Device %s claims %xh, which %s has".formatted(name, gpa, other.owner));
        }
      }
      List<MmioRange> grown = new ArrayList<>(mmio);
      grown.add(new MmioRange(gpa, bytes, handler, name));
      mmio = List.copyOf(grown);
    }

    @Override
    public IrqLine irq(int gsi) {
      if (gsi < 0 || gsi >= LINES) {
        throw new IllegalArgumentException("bug: device %s, line %d".formatted(name, gsi));
      }
      return new Line(gsi);
    }

    @Override
    public VirtualClock clock() {
      return clock;
    }

    @Override
    public Dma dma() {
      return dmaGate.forDevice(name);
    }

    @Override
    public MachineControl control() {
      return control;
    }

    @Override
    public Optional<String> option(String key) {
      return Optional.ofNullable(options.get(name + "." + key));
    }

    @Override
    public CharOutput console(CharInput input) {
      String wanted = options.get(CONSOLE_OPTION);
      boolean mine = wanted == null ? !console.connected() : wanted.equals(name);
      return mine ? console.connect(input) : new Unconnected();
    }

    @Override
    public <T> void offer(Class<T> type, T part) {
      parts.put(type, part);
      if (part instanceof InterruptController controller && type == InterruptController.class) {
        controllers.add(controller);
      }
    }

    @Override
    public <T> Optional<T> part(Class<T> type) {
      return Machine.this.part(type);
    }

    @Override
    public void report(String sentence) {
      LOG.log(System.Logger.Level.WARNING, "Device %s: %s".formatted(name, sentence));
    }

    @Override
    public void random(byte[] target) {
      if (repetition.isPresent()) {
        repetition.get().random(target);
      } else {
        random.nextBytes(target);
      }
    }

    @Override
    public int vcpus() {
      return vcpus;
    }
  }

  /** A serial line with nobody at its other end. */
  private static final class Unconnected implements CharOutput {
    @Override
    public void send(int value) {}

    @Override
    public void ready() {}
  }
}
