package org.redoubt.devices.virtio.internal;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.device.Device;
import org.redoubt.api.device.DeviceContext;
import org.redoubt.api.device.PciBus;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PciSlot;
import org.redoubt.api.device.VirtualClock;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.struct.SavedState;

/**
 * A virtio device on PCI, without the legacy interface. Virtio 1.2, section 4.1.
 *
 * <pre>
 *   BAR 0  +0000h  common configuration
 *                  00h DEVICE_FEATURE_SELECT rw   04h DEVICE_FEATURE r     08h DRIVER_FEATURE_SELECT rw
 *                  0Ch DRIVER_FEATURE rw          10h CONFIG_MSIX_VECTOR rw 12h NUM_QUEUES r
 *                  14h DEVICE_STATUS rw           15h CONFIG_GENERATION r  16h QUEUE_SELECT rw
 *                  18h QUEUE_SIZE rw              1Ah QUEUE_MSIX_VECTOR rw 1Ch QUEUE_ENABLE rw
 *                  1Eh QUEUE_NOTIFY_OFF r         20h QUEUE_DESC rw        28h QUEUE_DRIVER rw
 *                  30h QUEUE_DEVICE rw
 *          +1000h  ISR status, cleared by reading: 0 a queue, 1 configuration
 *          +2000h  device-specific configuration
 *          +3000h  notifications, 4 bytes for each queue
 * </pre>
 *
 * Every device offers VERSION_1 and ACCESS_PLATFORM, so that its driver works through bounce
 * buffers in an encrypted guest. A guest that breaks a ring's rules finds DEVICE_NEEDS_RESET set,
 * and the device does nothing until it is reset.
 */
final class VirtioPci implements Device, PciFunction, Transport {
  static final long INDIRECT_DESC = 1L << 28;
  static final long VERSION_1 = 1L << 32;
  static final long ACCESS_PLATFORM = 1L << 33;
  static final int DRIVER_OK = 4;
  static final int FEATURES_OK = 8;
  static final int NEEDS_RESET = 0x40;

  static final int ISR = 0x1000;
  static final int DEVICE = 0x2000;
  static final int NOTIFY = 0x3000;
  private static final int BAR_BYTES = 0x4000;
  private static final int COMMON_BYTES = 0x38;
  private static final int NOTIFY_BYTES = 4;
  private static final int ISR_QUEUE = 1;
  private static final int ISR_CONFIG = 2;
  private static final int VENDOR = 0x1AF4;
  private static final int FIRST_DEVICE = 0x1040;
  private static final long RETRY_NS = 1_000_000;

  /** Chains served in one go. */
  private static final int TURN = 256;

  private static final int KIND = 0x5649_5254;
  private static final int VERSION = 1;
  private static final int OWN_VALUES = 8;

  private final DeviceContext context;
  private final String name;
  private final Model model;
  private final Virtqueue[] queues;
  private final PciSlot slot;
  private final VirtualClock.Timer retry;
  private final CfgWindow window = new CfgWindow();

  private int deviceFeatureSelect;
  private int driverFeatureSelect;
  private long driverFeatures;
  private int configVector = Virtqueue.NO_VECTOR;
  private int status;
  private int generation;
  private int queueSelect;
  private int isr;

  VirtioPci(DeviceContext context, Model.Maker maker) throws HypervisorException {
    this.context = context;
    name = context.name();
    PciBus bus =
        context
            .part(PciBus.class)
            .orElseThrow(() ->
                new HypervisorException(
                    "Device %s needs a PCI bus; make pci-host before it.".formatted(name)));
    model = maker.make(this);
    int[] sizes = model.queues();
    queues = new Virtqueue[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      queues[i] = new Virtqueue(context.dma(), i, sizes[i]);
    }
    retry = context.clock().timer(name + " retry", this::serveAll);
    try {
      slot = bus.plug(this);
    } catch (HypervisorException e) {
      model.close();
      throw e;
    }
  }

  // As a PCI function

  @Override
  public Identity identity() {
    return new Identity(
        VENDOR, FIRST_DEVICE + model.type(), 1, model.classCode(), VENDOR, 0x40 + model.type());
  }

  @Override
  public List<Integer> bars() {
    return List.of(BAR_BYTES);
  }

  /** One for each queue, one for the configuration. */
  @Override
  public int vectors() {
    return queues.length + 1;
  }

  @Override
  public List<PciCapability> capabilities() {
    return List.of(
        new Structure(1, 0, COMMON_BYTES, new int[0]),
        new Structure(3, ISR, 4, new int[0]),
        new Structure(4, DEVICE, 0x1000, new int[0]),
        new Structure(2, NOTIFY, queues.length * NOTIFY_BYTES, new int[] {NOTIFY_BYTES}),
        window);
  }

  /**
   * Where a structure is: section 4.1.4.
   *
   * <pre>
   *   02h  CAP_LEN  1    03h  CFG_TYPE  1    04h  BAR  1    05h  ID  1    08h  OFFSET  4    0Ch  LENGTH  4
   *   10h  notifications only: bytes from one queue's to the next
   * </pre>
   */
  private record Structure(int type, int offset, int length, int[] more) implements PciCapability {
    private static final int VENDOR_SPECIFIC = 9;

    @Override
    public int id() {
      return VENDOR_SPECIFIC;
    }

    @Override
    public int bytes() {
      return 16 + 4 * more.length;
    }

    @Override
    public int read(int at, int bytes) {
      int register =
          switch (at / 4) {
            case 0 -> bytes() << 16 | type << 24;
            case 1 -> 0;
            case 2 -> offset;
            case 3 -> length;
            default -> more[at / 4 - 4];
          };
      return register >>> 8 * (at & 3) & -1 >>> 32 - 8 * bytes;
    }

    @Override
    public void write(int at, int bytes, int value) {}
  }

  /**
   * BAR accesses by way of configuration space: section 4.1.4.9. BAR, offset and length (1, 2 or 4)
   * are the guest's; an access to the data at 10h is made there.
   */
  private final class CfgWindow implements PciCapability {
    private static final int BYTES = 20;
    private static final int DATA = 16;
    private final int[] registers = new int[4];

    @Override
    public int id() {
      return 9;
    }

    @Override
    public int bytes() {
      return BYTES;
    }

    private boolean valid() {
      int length = registers[3];
      return (registers[1] & 0xFF) == 0
          && (length == 1 || length == 2 || length == 4)
          && Integer.remainderUnsigned(registers[2], length) == 0
          && Integer.compareUnsigned(registers[2], BAR_BYTES) < 0;
    }

    @Override
    public int read(int at, int bytes) {
      int register;
      if (at >= DATA) {
        register = valid() ? (int) VirtioPci.this.read(0, registers[2], registers[3]) : 0;
      } else {
        register = at < 4 ? BYTES << 16 | 5 << 24 : registers[at / 4];
      }
      return register >>> 8 * (at & 3) & -1 >>> 32 - 8 * bytes;
    }

    @Override
    public void write(int at, int bytes, int value) {
      if (at >= DATA) {
        if (at == DATA && valid()) {
          VirtioPci.this.write(0, registers[2], registers[3], Integer.toUnsignedLong(value));
        }
      } else if (at >= 4) {
        int shift = 8 * (at & 3);
        int mask = (bytes == 4 ? -1 : (1 << 8 * bytes) - 1) << shift;
        registers[at / 4] = registers[at / 4] & ~mask | value << shift & mask;
      }
    }
  }

  @Override
  public long read(int bar, long offset, int bytes) {
    int at = (int) offset;
    if (at < COMMON_BYTES) {
      return commonRead(at, bytes);
    }
    if (at == ISR) {
      int value = isr;
      isr = 0;
      slot.line(false);
      return value;
    }
    if (at >= DEVICE && at < NOTIFY) {
      return configRead(at - DEVICE, bytes);
    }
    return 0;
  }

  private long configRead(int at, int bytes) {
    byte[] config = model.config();
    long value = 0;
    for (int i = 0; i < bytes && at + i < config.length; i++) {
      value |= (config[at + i] & 0xFFL) << 8 * i;
    }
    return value;
  }

  @Override
  public void write(int bar, long offset, int bytes, long value) {
    int at = (int) offset;
    if (at < COMMON_BYTES) {
      commonWrite(at, bytes, value);
    } else if (at >= NOTIFY) {
      serve((at - NOTIFY) / NOTIFY_BYTES);
    } else if (at >= DEVICE) {
      for (int i = 0; i < bytes; i++) {
        model.writeConfig(at - DEVICE + i, (int) (value >>> 8 * i) & 0xFF);
      }
    }
  }

  // Common configuration: section 4.1.4.3

  private long offered() {
    return model.features() | VERSION_1 | ACCESS_PLATFORM | INDIRECT_DESC;
  }

  private @Nullable Virtqueue selected() {
    return queueSelect < queues.length ? queues[queueSelect] : null;
  }

  private long commonRead(int at, int bytes) {
    // A field's upper half, and quadwords over two fields, are what their bytes are.
    int base = at & ~3;
    long low = Integer.toUnsignedLong(commonRegister(base));
    long both = bytes == 8 ? low | (long) commonRegister(base + 4) << 32 : low;
    long value = both >>> 8 * (at & 3);
    return bytes == 8 ? value : value & (1L << 8 * bytes) - 1;
  }

  private int commonRegister(int base) {
    Virtqueue queue = selected();
    return switch (base) {
      case 0x00 -> deviceFeatureSelect;
      case 0x04 -> half(offered(), deviceFeatureSelect);
      case 0x08 -> driverFeatureSelect;
      case 0x0C -> half(driverFeatures, driverFeatureSelect);
      case 0x10 -> configVector | queues.length << 16;
      case 0x14 -> status | generation << 8 | queueSelect << 16;
      case 0x18 -> queue == null ? Virtqueue.NO_VECTOR << 16 : queue.size | queue.vector << 16;
      case 0x1C -> queue == null ? 0 : (queue.enabled ? 1 : 0) | queueSelect << 16;
      case 0x20 -> queue == null ? 0 : (int) queue.descriptors;
      case 0x24 -> queue == null ? 0 : (int) (queue.descriptors >>> 32);
      case 0x28 -> queue == null ? 0 : (int) queue.available;
      case 0x2C -> queue == null ? 0 : (int) (queue.available >>> 32);
      case 0x30 -> queue == null ? 0 : (int) queue.used;
      case 0x34 -> queue == null ? 0 : (int) (queue.used >>> 32);
      default -> 0;
    };
  }

  private static int half(long bits, int select) {
    return select == 0 ? (int) bits : select == 1 ? (int) (bits >>> 32) : 0;
  }

  /** Accesses have the width of their field; addresses may be written in halves. */
  private void commonWrite(int at, int bytes, long value) {
    int word = (int) value;
    int low = word & 0xFFFF;
    switch (at) {
      case 0x00 -> deviceFeatureSelect = word;
      case 0x08 -> driverFeatureSelect = word;
      case 0x0C -> writeFeatures(word);
      case 0x10 -> configVector = vector(low);
      case 0x14 -> writeStatus(word & 0xFF);
      case 0x16 -> queueSelect = low;
      default -> {
        Virtqueue queue = selected();
        if (queue != null && !queue.enabled) {
          writeQueue(queue, at, bytes, value);
        } else if (queue != null && at == 0x1A) {
          queue.vector = vector(low);
        }
      }
    }
  }

  private int vector(int wanted) {
    return wanted < vectors() ? wanted : Virtqueue.NO_VECTOR;
  }

  private void writeQueue(Virtqueue queue, int at, int bytes, long value) {
    switch (at) {
      case 0x18 -> queue.resize((int) value & 0xFFFF);
      case 0x1A -> queue.vector = vector((int) value & 0xFFFF);
      case 0x1C -> queue.enabled = (value & 0xFFFF) == 1;
      case 0x20 -> queue.descriptors = address(queue.descriptors, bytes, value);
      case 0x24 -> queue.descriptors = upper(queue.descriptors, value);
      case 0x28 -> queue.available = address(queue.available, bytes, value);
      case 0x2C -> queue.available = upper(queue.available, value);
      case 0x30 -> queue.used = address(queue.used, bytes, value);
      case 0x34 -> queue.used = upper(queue.used, value);
      default -> {} // read-only, or nothing there
    }
  }

  private static long address(long old, int bytes, long value) {
    return bytes == 8 ? value : old & 0xFFFF_FFFF_0000_0000L | value & 0xFFFF_FFFFL;
  }

  private static long upper(long old, long value) {
    return old & 0xFFFF_FFFFL | value << 32;
  }

  private void writeFeatures(int word) {
    if ((status & FEATURES_OK) == 0) {
      long wide = Integer.toUnsignedLong(word);
      if (driverFeatureSelect == 0) {
        driverFeatures = driverFeatures & 0xFFFF_FFFF_0000_0000L | wide;
      } else if (driverFeatureSelect == 1) {
        driverFeatures = driverFeatures & 0xFFFF_FFFFL | wide << 32;
      }
    }
  }

  /** Section 3.1.1: features are settled once, and only bits that are on stay on. */
  private void writeStatus(int value) {
    if (value == 0) {
      reset();
      return;
    }
    int wanted = value;
    boolean acceptable = (driverFeatures & ~offered()) == 0 && (driverFeatures & VERSION_1) != 0;
    if ((wanted & FEATURES_OK) != 0 && (status & FEATURES_OK) == 0 && !acceptable) {
      wanted &= ~FEATURES_OK;
    }
    if ((wanted & FEATURES_OK) == 0) {
      wanted &= ~DRIVER_OK;
    }
    boolean starts = (wanted & DRIVER_OK) != 0 && (status & DRIVER_OK) == 0;
    status |= wanted & ~NEEDS_RESET;
    if (starts) {
      model.started(driverFeatures);
      serveAll();
    }
  }

  // As the model's transport

  @Override
  public DeviceContext context() {
    return context;
  }

  @Override
  public Virtqueue queue(int index) {
    return queues[index];
  }

  private boolean ready() {
    return (status & (DRIVER_OK | NEEDS_RESET)) == DRIVER_OK && slot.busMaster();
  }

  private void serveAll() {
    for (int i = 0; i < queues.length; i++) {
      serve(i);
    }
  }

  @Override
  public void resume(int queue) {
    serve(queue);
  }

  private void serve(int index) {
    if (index >= queues.length || !queues[index].enabled || !ready()) {
      return;
    }
    Virtqueue queue = queues[index];
    try {
      queue.allow(TURN);
      model.serve(queue);
      if (queue.exhausted()) {
        retry.arm(context.clock().nowNs());
      }
    } catch (MemorySuspendedException e) {
      // Time stands still while memory is suspended: this fires when it has come back.
      retry.arm(context.clock().nowNs() + RETRY_NS);
    }
    refuseViolation(queue);
  }

  private void refuseViolation(Virtqueue queue) {
    String violation = queue.violation();
    if (violation != null && (status & NEEDS_RESET) == 0) {
      status |= NEEDS_RESET;
      context.report("stopped until the guest resets it: " + violation);
      interrupt(ISR_CONFIG, configVector);
    }
  }

  @Override
  public void finish(Virtqueue queue, Chain chain, long written) {
    if (queue.finish(chain, written)) {
      interrupt(ISR_QUEUE, queue.vector);
    }
    refuseViolation(queue);
  }

  private void interrupt(int cause, int vector) {
    if (slot.msix()) {
      slot.signal(vector);
    } else {
      isr |= cause;
      slot.line(true);
    }
  }

  @Override
  public void configChanged() {
    generation = generation + 1 & 0xFF;
    if ((status & DRIVER_OK) != 0) {
      interrupt(ISR_CONFIG, configVector);
    }
  }

  // As a device

  @Override
  public String name() {
    return name;
  }

  @Override
  public void reset() {
    model.reset();
    retry.cancel();
    for (Virtqueue queue : queues) {
      queue.reset();
    }
    deviceFeatureSelect = 0;
    driverFeatureSelect = 0;
    driverFeatures = 0;
    configVector = Virtqueue.NO_VECTOR;
    status = 0;
    queueSelect = 0;
    isr = 0;
    slot.line(false);
  }

  @Override
  public byte[] save() {
    long[] more = model.save();
    long[] all = new long[values(more.length)];
    long[] own = {
      deviceFeatureSelect,
      driverFeatureSelect,
      driverFeatures,
      configVector,
      status,
      generation,
      queueSelect,
      isr
    };
    System.arraycopy(own, 0, all, 0, OWN_VALUES);
    for (int i = 0; i < window.registers.length; i++) {
      all[OWN_VALUES + i] = window.registers[i];
    }
    int at = OWN_VALUES + window.registers.length;
    for (Virtqueue queue : queues) {
      queue.save(all, at);
      at += Virtqueue.VALUES;
    }
    System.arraycopy(more, 0, all, at, more.length);
    return SavedState.write(KIND + model.type(), VERSION, all);
  }

  private int values(int more) {
    return OWN_VALUES + window.registers.length + queues.length * Virtqueue.VALUES + more;
  }

  @Override
  public void restore(byte[] state) {
    int more = model.save().length;
    long[] all = SavedState.read(state, KIND + model.type(), VERSION, values(more));
    reset();
    deviceFeatureSelect = (int) all[0];
    driverFeatureSelect = (int) all[1];
    driverFeatures = all[2];
    configVector = vector((int) all[3] & 0xFFFF);
    status = (int) all[4] & 0xFF;
    generation = (int) all[5] & 0xFF;
    queueSelect = (int) all[6] & 0xFFFF;
    isr = (int) all[7] & 3;
    for (int i = 0; i < window.registers.length; i++) {
      window.registers[i] = (int) all[OWN_VALUES + i];
    }
    int at = OWN_VALUES + window.registers.length;
    for (Virtqueue queue : queues) {
      queue.restore(all, at);
      at += Virtqueue.VALUES;
    }
    model.restore(java.util.Arrays.copyOfRange(all, at, at + more));
    slot.line(isr != 0 && !slot.msix());
    if ((status & DRIVER_OK) != 0) {
      model.started(driverFeatures);
      retry.arm(context.clock().nowNs());
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
