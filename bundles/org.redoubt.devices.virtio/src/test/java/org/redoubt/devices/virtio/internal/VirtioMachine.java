package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.CharInput;
import org.redoubt.api.device.CharOutput;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.Dma;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.device.MmioHandler;
import org.redoubt.api.device.PciBus;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PciSlot;
import org.redoubt.api.device.PortHandler;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.struct.Layouts;

/**
 * A machine with one virtio device, and a driver for it: the test's thread is the vCPU and the
 * clock. Queue {@code q} has its rings at {@code ring(q)}, data begin at {@link #DATA}.
 */
final class VirtioMachine implements DeviceContext, VirtualClock, Dma, PciBus, PciSlot {
  static final int MEMORY_BYTES = 1 << 22;
  static final int DATA = 1 << 20;
  private static final int RING_BYTES = 0x8000;
  private static final int NEXT = 1;
  private static final int WRITE = 2;

  final byte[] memory = new byte[MEMORY_BYTES];
  final MemorySegment ram = MemorySegment.ofArray(memory);
  final Map<String, String> options = new HashMap<>();
  final List<String> reports = new CopyOnWriteArrayList<>();
  final List<Integer> signals = new ArrayList<>();
  final List<FakeTimer> timers = new CopyOnWriteArrayList<>();
  final List<String> discarded = new CopyOnWriteArrayList<>();
  final StringBuilder console = new StringBuilder();
  boolean msix = true;
  boolean line;
  boolean master = true;
  @Nullable RuntimeException dmaFails;
  @Nullable CharInput input;

  /** What another vCPU does whenever the device writes data. */
  @Nullable Runnable onWrite;

  private @Nullable PciFunction function;
  private final Map<Integer, Integer> pushed = new HashMap<>();
  private volatile long nowNs = 1;

  /** Armed from any thread, fired by {@link #turn}. */
  final class FakeTimer implements Timer {
    private final Runnable action;
    private long deadlineNs = Long.MAX_VALUE;

    FakeTimer(Runnable action) {
      this.action = action;
    }

    @Override
    public synchronized void arm(long newDeadlineNs) {
      deadlineNs = newDeadlineNs;
    }

    @Override
    public synchronized void cancel() {
      deadlineNs = Long.MAX_VALUE;
    }

    private synchronized boolean take() {
      boolean due = deadlineNs <= nowNs;
      deadlineNs = due ? Long.MAX_VALUE : deadlineNs;
      return due;
    }
  }

  /** Lets the clock go on a little and fires what is due. */
  void turn() {
    nowNs += 1_000_000;
    for (FakeTimer timer : timers) {
      if (timer.take()) {
        timer.action.run();
      }
    }
  }

  /** Turns until a condition holds, for two minutes at most. */
  void until(java.util.function.BooleanSupplier condition) {
    long end = System.nanoTime() + 120_000_000_000L;
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        throw new AssertionError("It did not come about");
      }
      turn();
      Thread.yield();
    }
  }

  // The driver

  long read(int offset, int bytes) {
    return function().read(0, offset, bytes);
  }

  void write(int offset, int bytes, long value) {
    function().write(0, offset, bytes, value);
  }

  PciFunction function() {
    return java.util.Objects.requireNonNull(function);
  }

  static long ring(int queue) {
    return 0x1_0000L + (long) queue * RING_BYTES;
  }

  private static long available(int queue) {
    return ring(queue) + 0x2000;
  }

  private static long used(int queue) {
    return ring(queue) + 0x4000;
  }

  int features(int half) {
    write(0x00, 4, half);
    return (int) read(0x04, 4);
  }

  /** Accepts all features and starts all queues. */
  void start(int queueSize) {
    startWith(queueSize, 0, 0);
  }

  /** As {@link #start}, with one of queue 0's rings elsewhere. */
  void startWith(int queueSize, int register, long gpa) {
    write(0x14, 1, 0);
    write(0x14, 1, 1);
    write(0x14, 1, 3);
    for (int half = 0; half < 2; half++) {
      int offered = features(half);
      write(0x08, 4, half);
      write(0x0C, 4, offered);
    }
    write(0x14, 1, 0xB);
    if ((read(0x14, 1) & VirtioPci.FEATURES_OK) == 0) {
      throw new AssertionError("features refused");
    }
    int queues = (int) read(0x12, 2);
    for (int queue = 0; queue < queues; queue++) {
      write(0x16, 2, queue);
      write(0x18, 2, queueSize);
      write(0x1A, 2, queue + 1);
      write(0x20, 8, ring(queue));
      write(0x28, 4, available(queue));
      write(0x2C, 4, 0);
      write(0x30, 8, used(queue));
      if (queue == 0 && register != 0) {
        write(register, 8, gpa);
      }
      write(0x1C, 2, 1);
    }
    pushed.clear();
    java.util.Arrays.fill(memory, 0, DATA, (byte) 0);
    write(0x14, 1, 0xF);
  }

  void descriptor(int queue, int index, long gpa, int bytes, int flags, int next) {
    long at = ring(queue) + 16L * index;
    ram.set(Layouts.LE64, at, gpa);
    ram.set(Layouts.LE32, at + 8, bytes);
    ram.set(Layouts.LE16, at + 12, (short) flags);
    ram.set(Layouts.LE16, at + 14, (short) next);
  }

  /** Part of a request. */
  record Part(long gpa, int bytes, boolean write) {}

  static Part in(long gpa, int bytes) {
    return new Part(gpa, bytes, true);
  }

  static Part out(long gpa, int bytes) {
    return new Part(gpa, bytes, false);
  }

  /** Writes a chain from a descriptor on, makes it available, and does not notify. */
  void push(int queue, int head, Part... parts) {
    for (int i = 0; i < parts.length; i++) {
      descriptor(
          queue,
          head + i,
          parts[i].gpa,
          parts[i].bytes,
          (parts[i].write ? WRITE : 0) | (i + 1 < parts.length ? NEXT : 0),
          head + i + 1);
    }
    offer(queue, head);
  }

  /** Makes a head available. */
  void offer(int queue, int head) {
    write(0x16, 2, queue);
    int size = (int) read(0x18, 2);
    int index = pushed.merge(queue, 1, Integer::sum);
    ram.set(Layouts.LE16, available(queue) + 4 + 2L * (index - 1 & size - 1), (short) head);
    ram.set(Layouts.LE16, available(queue) + 2, (short) index);
  }

  void availableIndex(int queue, int index) {
    ram.set(Layouts.LE16, available(queue) + 2, (short) index);
  }

  void suppressInterrupts(int queue) {
    ram.set(Layouts.LE16, available(queue), (short) 1);
  }

  void kick(int queue) {
    write(VirtioPci.NOTIFY + 4 * queue, 2, queue);
  }

  int usedIndex(int queue) {
    return Short.toUnsignedInt(ram.get(Layouts.LE16, used(queue) + 2));
  }

  /** Head and length of the n-th used element. */
  List<Integer> usedElement(int queue, int n) {
    return List.of(
        ram.get(Layouts.LE32, used(queue) + 4 + 8L * n),
        ram.get(Layouts.LE32, used(queue) + 8 + 8L * n));
  }

  int status() {
    return (int) read(0x14, 1);
  }

  // The machine

  @Override
  public PciSlot plug(PciFunction plugged) {
    function = plugged;
    return this;
  }

  @Override
  public int device() {
    return 1;
  }

  @Override
  public boolean busMaster() {
    return master;
  }

  @Override
  public boolean msix() {
    return msix;
  }

  @Override
  public void signal(int vector) {
    signals.add(vector);
  }

  @Override
  public void line(boolean high) {
    line = high;
  }

  private boolean inRam(long gpa, long bytes) {
    if (dmaFails != null) {
      throw dmaFails;
    }
    return gpa >= 0 && gpa <= MEMORY_BYTES - bytes;
  }

  @Override
  public boolean read(long gpa, MemorySegment target) {
    if (!inRam(gpa, target.byteSize())) {
      return false;
    }
    MemorySegment.copy(ram, gpa, target, 0, target.byteSize());
    return true;
  }

  @Override
  public boolean write(long gpa, MemorySegment source) {
    if (!inRam(gpa, source.byteSize())) {
      return false;
    }
    MemorySegment.copy(source, 0, ram, gpa, source.byteSize());
    if (onWrite != null && gpa >= DATA) {
      onWrite.run();
    }
    return true;
  }

  @Override
  public void discard(long gpa, long bytes) {
    if (inRam(gpa, bytes) && bytes >= 0) {
      discarded.add("%x+%x".formatted(gpa, bytes));
    }
  }

  @Override
  public void report(String sentence) {
    reports.add(sentence);
  }

  @Override
  public String name() {
    return "dut0";
  }

  @Override
  public void claimPorts(int first, int count, PortHandler handler) {
    throw new AssertionError("no ports");
  }

  @Override
  public void claimMmio(long gpa, long bytes, MmioHandler handler) {
    throw new AssertionError("no MMIO of its own");
  }

  @Override
  public IrqLine irq(int gsi) {
    throw new AssertionError("no line of its own");
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
    throw new AssertionError("no control");
  }

  @Override
  public Optional<String> option(String key) {
    return Optional.ofNullable(options.get(key));
  }

  @Override
  public CharOutput console(CharInput device) {
    input = device;
    return new CharOutput() {
      @Override
      public void send(int value) {
        console.append((char) value);
      }

      @Override
      public void ready() {}
    };
  }

  @Override
  public <T> void offer(Class<T> type, T part) {}

  @Override
  public <T> Optional<T> part(Class<T> type) {
    return type == PciBus.class ? Optional.of(type.cast(this)) : Optional.empty();
  }

  @Override
  public int vcpus() {
    return 1;
  }

  @Override
  public long nowNs() {
    return nowNs;
  }

  @Override
  public long wallNs() {
    return nowNs;
  }

  @Override
  public long tsc() {
    return nowNs;
  }

  @Override
  public long tscHz() {
    return 1_000_000_000L;
  }

  @Override
  public Timer timer(String name, Runnable action) {
    FakeTimer timer = new FakeTimer(action);
    timers.add(timer);
    return timer;
  }

  /** Plugs a device in, checked exceptions aside. */
  <D> D plugIn(Maker<D> maker) {
    try {
      return maker.make(this);
    } catch (HypervisorException e) {
      throw new AssertionError(e);
    }
  }

  /** Makes a device here. */
  @FunctionalInterface
  interface Maker<D> {
    D make(DeviceContext context) throws HypervisorException;
  }
}
