package org.redoubt.testkit.device;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.IntConsumer;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.InterruptBus;
import org.redoubt.api.device.InterruptController;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PciBus;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PciSlot;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;

/**
 * A machine of one vCPU whose clock stands still until a test moves it. It has a PCI bus, an
 * interrupt bus and 1 MiB of RAM, and notes whatever a device does to it.
 */
public final class ModelMachine implements DeviceContext, VirtualClock, Dma, MachineControl {
  /** Bytes of RAM, from gpa 0. */
  public static final int RAM_BYTES = 1 << 20;

  private static final int MAX_EVENTS = 1000;
  private static final int MAX_SLOTS = 32;

  /** A device that arms its timers for the past again and again stops here, with a failure. */
  private static final int MAX_FIRED = 100_000;

  private static final long TSC_HZ = 2_500_000_000L;
  private static final long WALL_START_NS = 1_700_000_000_000_000_000L; // 2023-11-14 22:13:20 UTC

  /**
   * A claim on guest-physical addresses.
   *
   * @param gpa first address
   * @param bytes length
   * @param handler whom it belongs to
   */
  public record Mmio(long gpa, long bytes, MmioHandler handler) {}

  private final TreeMap<Integer, PortHandler> ports = new TreeMap<>();
  private final List<Mmio> mmio = new ArrayList<>();
  private final List<PciFunction> functions = new ArrayList<>();
  private final List<CharInput> inputs = new ArrayList<>();
  private final List<ModelTimer> timers = new CopyOnWriteArrayList<>();
  private final Map<Class<?>, Object> parts = new HashMap<>();
  private final List<InterruptController> controllers = new CopyOnWriteArrayList<>();
  private final List<IntConsumer> endListeners = new CopyOnWriteArrayList<>();
  private final List<String> events = new ArrayList<>();
  private final Map<String, String> options;
  private final byte[] ram = new byte[RAM_BYTES];
  private volatile long nowNs = 1_000_000;

  /**
   * @param options the device's options
   */
  public ModelMachine(Map<String, String> options) {
    this.options = Map.copyOf(options);
    parts.put(PciBus.class, (PciBus) this::plug);
    parts.put(InterruptBus.class, new Messages());
  }

  /** RAM from gpa 0; a test writes into it what a guest would. */
  public byte[] ram() {
    return ram;
  }

  /** Who has which port. */
  public TreeMap<Integer, PortHandler> ports() {
    return ports;
  }

  /** All claims on guest-physical addresses. */
  public List<Mmio> mmio() {
    return mmio;
  }

  /** All PCI functions that were plugged in. */
  public List<PciFunction> functions() {
    return functions;
  }

  /** Who takes console input. */
  public List<CharInput> inputs() {
    return inputs;
  }

  /** What was done to the machine since the last call, the first thousand events, a line each. */
  public synchronized List<String> takeEvents() {
    List<String> seen = List.copyOf(events);
    events.clear();
    return seen;
  }

  private synchronized void note(String event) {
    if (events.size() < MAX_EVENTS) {
      events.add(event);
    }
  }

  /** Moves the clock on, firing what comes due, in order. */
  public void advance(long ns) {
    long until = nowNs + ns;
    for (int fired = 0; ; fired++) {
      if (fired == MAX_FIRED) {
        throw new AssertionError(
            "more than %d timers fired in %d ns: the clock's thread never rests"
                .formatted(MAX_FIRED, ns));
      }
      ModelTimer next = null;
      for (ModelTimer timer : timers) {
        if (timer.deadlineNs <= until && (next == null || timer.deadlineNs < next.deadlineNs)) {
          next = timer;
        }
      }
      if (next == null) {
        nowNs = until;
        return;
      }
      nowNs = Math.max(nowNs, next.deadlineNs);
      next.cancel();
      next.action.run();
    }
  }

  // DeviceContext

  @Override
  public String name() {
    return "dut0";
  }

  @Override
  public void claimPorts(int first, int count, PortHandler handler) throws HypervisorException {
    for (int port = first; port < first + count; port++) {
      if (port < 0 || port > 0xffff || ports.containsKey(port)) {
        throw new HypervisorException("Port %xh is taken by another device".formatted(port));
      }
    }
    for (int port = first; port < first + count; port++) {
      ports.put(port, handler);
    }
  }

  @Override
  public void claimMmio(long gpa, long bytes, MmioHandler handler) throws HypervisorException {
    if (((gpa | bytes) & 4095) != 0 || gpa < RAM_BYTES || bytes <= 0) {
      throw new HypervisorException("%d bytes at %xh cannot be claimed".formatted(bytes, gpa));
    }
    for (Mmio other : mmio) {
      if (gpa < other.gpa + other.bytes && other.gpa < gpa + bytes) {
        throw new HypervisorException("Address %xh is taken by another device".formatted(gpa));
      }
    }
    mmio.add(new Mmio(gpa, bytes, handler));
  }

  @Override
  public IrqLine irq(int gsi) {
    return new IrqLine() {
      private boolean isHigh;

      @Override
      public void set(boolean high) {
        if (high != isHigh) {
          isHigh = high;
          note("line " + gsi + (high ? " up" : " down"));
          controllers.forEach(controller -> controller.line(gsi, high));
        }
      }
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
    inputs.add(input);
    return new CharOutput() {
      @Override
      public void send(int value) {
        note("sent " + value);
      }

      @Override
      public void ready() {}
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
  public void report(String sentence) {
    note("reported " + sentence);
  }

  @Override
  public int vcpus() {
    return 1;
  }

  // PCI and messages

  private PciSlot plug(PciFunction function) throws HypervisorException {
    if (functions.size() == MAX_SLOTS) {
      throw new HypervisorException("The PCI bus is full");
    }
    functions.add(function);
    int number = functions.size();
    return new PciSlot() {
      @Override
      public int device() {
        return number;
      }

      @Override
      public boolean busMaster() {
        return true;
      }

      @Override
      public boolean msix() {
        return true;
      }

      @Override
      public void signal(int vector) {
        note("MSI-X " + vector);
      }

      @Override
      public void line(boolean high) {
        note("INTA " + (high ? "up" : "down"));
      }
    };
  }

  private final class Messages implements InterruptBus {
    @Override
    public void send(int destination, boolean logical, int mode, int vector, boolean level) {
      note("message %d to %xh".formatted(vector, destination));
    }

    @Override
    public void onEndOfInterrupt(IntConsumer listener) {
      endListeners.add(listener);
    }
  }

  /** Tells the I/O APICs of the end of an interrupt. */
  public void endOfInterrupt(int vector) {
    endListeners.forEach(listener -> listener.accept(vector));
  }

  // VirtualClock

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
    ModelTimer timer = new ModelTimer(action);
    timers.add(timer);
    return timer;
  }

  private static final class ModelTimer implements Timer {
    private final Runnable action;
    private volatile long deadlineNs = Long.MAX_VALUE;

    ModelTimer(Runnable action) {
      this.action = action;
    }

    @Override
    public void arm(long newDeadlineNs) {
      deadlineNs = newDeadlineNs;
    }

    @Override
    public void cancel() {
      deadlineNs = Long.MAX_VALUE;
    }
  }

  // Dma

  private static boolean isRam(long gpa, long bytes) {
    return gpa >= 0 && gpa <= RAM_BYTES - bytes;
  }

  @Override
  public boolean read(long gpa, MemorySegment target) {
    if (!isRam(gpa, target.byteSize())) {
      return false;
    }
    MemorySegment.copy(MemorySegment.ofArray(ram), gpa, target, 0, target.byteSize());
    return true;
  }

  @Override
  public boolean write(long gpa, MemorySegment source) {
    if (!isRam(gpa, source.byteSize())) {
      return false;
    }
    MemorySegment.copy(source, 0, MemorySegment.ofArray(ram), gpa, source.byteSize());
    note("wrote %d bytes at %xh".formatted(source.byteSize(), gpa));
    return true;
  }

  // MachineControl

  @Override
  public void powerOff() {
    note("power off");
  }

  @Override
  public void reset(String cause) {
    note("reset: " + cause);
  }

  @Override
  public void exit(int code) {
    note("exit " + code);
  }
}
