package org.redoubt.devices.platform.internal;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VcpuSignal;
import org.redoubt.api.device.VirtualClock;

/** A machine of one thread whose clock stands still until a test moves it. */
final class FakeMachine implements DeviceContext, VirtualClock, Dma, MachineControl {
  static final long TSC_HZ = 2_500_000_000L;
  static final long WALL_START_NS = 1_700_000_000_000_000_000L; // 2023-11-14 22:13:20 UTC

  final TreeMap<Integer, PortHandler> ports = new TreeMap<>();
  final TreeMap<Long, MmioHandler> mmio = new TreeMap<>();
  final List<FakeTimer> timers = new ArrayList<>();
  final Map<Integer, Boolean> lines = new HashMap<>();
  final List<String> events = new ArrayList<>();
  final StringBuilder console = new StringBuilder();
  final Map<String, String> options = new HashMap<>();
  final byte[] memory = new byte[0x10000];
  private final Map<Class<?>, Object> parts = new HashMap<>();
  private final List<InterruptController> controllers = new ArrayList<>();
  int vcpus = 1;
  long nowNs = 1_000_000;
  int fired;

  final class FakeTimer implements Timer {
    final Runnable action;
    long deadlineNs = -1;

    FakeTimer(Runnable action) {
      this.action = action;
    }

    @Override
    public void arm(long newDeadlineNs) {
      deadlineNs = Math.max(0, newDeadlineNs);
    }

    @Override
    public void cancel() {
      deadlineNs = -1;
    }
  }

  /** Moves the clock, firing what comes due, in order. */
  void advance(long ns) {
    long until = nowNs + ns;
    while (true) {
      FakeTimer next =
          timers.stream()
              .filter(t -> t.deadlineNs >= 0 && t.deadlineNs <= until)
              .min(Comparator.comparingLong(t -> t.deadlineNs))
              .orElse(null);
      if (next == null) {
        break;
      }
      nowNs = Math.max(nowNs, next.deadlineNs);
      next.cancel();
      fired++;
      next.action.run();
    }
    nowNs = until;
  }

  void out(int port, int value) {
    out(port, 1, value);
  }

  void out(int port, int bytes, int value) {
    handler(port).out(port, bytes, value);
  }

  int in(int port) {
    return in(port, 1);
  }

  int in(int port, int bytes) {
    return handler(port).in(port, bytes);
  }

  private PortHandler handler(int port) {
    PortHandler handler = ports.get(port);
    if (handler == null) {
      throw new AssertionError("no device at port %x".formatted(port));
    }
    return handler;
  }

  boolean line(int gsi) {
    return lines.getOrDefault(gsi, false);
  }

  @Override
  public String name() {
    return "dut";
  }

  @Override
  public void claimPorts(int first, int count, PortHandler handler) {
    for (int port = first; port < first + count; port++) {
      if (ports.put(port, handler) != null) {
        throw new AssertionError("port %x is taken".formatted(port));
      }
    }
  }

  @Override
  public void claimMmio(long gpa, long bytes, MmioHandler handler) {
    mmio.put(gpa, handler);
  }

  @Override
  public IrqLine irq(int gsi) {
    return high -> {
      if (line(gsi) != high) {
        lines.put(gsi, high);
        events.add("irq %d %s".formatted(gsi, high ? "up" : "down"));
      }
      controllers.forEach(controller -> controller.line(gsi, high));
    };
  }

  @Override
  public VirtualClock clock() {
    return this;
  }

  @Override
  public Dma dma() {
    return this;
  }

  @Override
  public MachineControl control() {
    return this;
  }

  @Override
  public Optional<String> option(String key) {
    return Optional.ofNullable(options.get(key));
  }

  @Override
  public CharOutput console(CharInput input) {
    return new CharOutput() {
      @Override
      public void send(int value) {
        console.append((char) value);
      }

      @Override
      public void ready() {
        events.add("ready");
      }
    };
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
    return Optional.ofNullable(type.cast(parts.get(type)));
  }

  @Override
  public int vcpus() {
    return vcpus;
  }

  @Override
  public long nowNs() {
    return nowNs;
  }

  @Override
  public long wallNs() {
    return WALL_START_NS + nowNs;
  }

  @Override
  public long tsc() {
    return nowNs / 1000 * (TSC_HZ / 1_000_000) + nowNs % 1000 * (TSC_HZ / 1_000_000) / 1000;
  }

  @Override
  public long tscHz() {
    return TSC_HZ;
  }

  @Override
  public Timer timer(String name, Runnable action) {
    FakeTimer timer = new FakeTimer(action);
    timers.add(timer);
    return timer;
  }

  @Override
  public boolean read(long gpa, MemorySegment target) {
    if (gpa < 0 || gpa > memory.length - target.byteSize()) {
      return false;
    }
    MemorySegment.copy(MemorySegment.ofArray(memory), gpa, target, 0, target.byteSize());
    return true;
  }

  @Override
  public boolean write(long gpa, MemorySegment source) {
    if (gpa < 0 || gpa > memory.length - source.byteSize()) {
      return false;
    }
    MemorySegment.copy(source, 0, MemorySegment.ofArray(memory), gpa, source.byteSize());
    return true;
  }

  @Override
  public void powerOff() {
    events.add("power off");
  }

  @Override
  public void reset(String cause) {
    events.add("reset: " + cause);
  }

  @Override
  public void exit(int code) {
    events.add("exit " + code);
  }

  /** Counts what a vCPU is told. */
  static final class Signal implements VcpuSignal {
    int interrupts;
    int inits;
    final List<Integer> startups = new ArrayList<>();

    @Override
    public void interrupt() {
      interrupts++;
    }

    @Override
    public void init() {
      inits++;
    }

    @Override
    public void startup(int vector) {
      startups.add(vector);
    }
  }

  /** Makes a device here, checked exceptions aside. */
  @FunctionalInterface
  interface Maker {
    Device make(DeviceContext context) throws HypervisorException;
  }

  <D extends Device> D plug(Maker maker, Class<D> type) {
    try {
      return type.cast(maker.make(this));
    } catch (HypervisorException e) {
      throw new AssertionError(e);
    }
  }

  @Nullable Object partOrNull(Class<?> type) {
    return parts.get(type);
  }
}
