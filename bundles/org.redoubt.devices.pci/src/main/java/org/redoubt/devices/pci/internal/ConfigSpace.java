package org.redoubt.devices.pci.internal;

import java.util.ArrayList;
import java.util.List;
import org.redoubt.api.device.IrqLine;
import org.redoubt.api.device.PciCapability;
import org.redoubt.api.device.PciFunction;
import org.redoubt.api.device.PciSlot;

/**
 * One function as the guest configures it. PCI Local Bus Specification 3.0, section 6.1 (header
 * type 0) and 6.8.2 (MSI-X).
 *
 * <pre>
 *   00h  VENDOR_ID        r   15:0; DEVICE_ID 31:16
 *   04h  COMMAND          rw  1 memory, 2 bus master, 10 INTx disabled; STATUS: 19 INTx asserted, 20 capabilities
 *   08h  REVISION_ID      r   7:0; CLASS_CODE 31:8
 *   0Ch  CACHE_LINE_SIZE  rw  7:0; LATENCY_TIMER, HEADER_TYPE, BIST zero
 *   10h  BAR 0 to 5       rw  32-bit memory, not prefetchable; the one after the function's own is the MSI-X table's
 *   2Ch  SUBSYSTEM        r   15:0 vendor, 31:16 id
 *   34h  CAPABILITIES     r   40h, where there are any
 *   3Ch  INTERRUPT_LINE   rw  7:0; INTERRUPT_PIN 15:8 INTA
 *   40h  MSI-X capability     id 11h; MESSAGE_CONTROL: 26:16 last vector, 30 function masked rw, 31 enabled rw;
 *                             44h table's BAR and offset, 48h pending bits' BAR and offset 800h
 *   ..   the function's own capabilities
 *
 *   MSI-X table, 16 bytes a vector: +0 address, +4 upper address, +8 data, +Ch bit 0 masked
 *   at 800h in the same BAR: pending bits, a quadword for 64 vectors
 * </pre>
 */
final class ConfigSpace implements PciSlot {
  static final int BYTES = 256;

  /** Bytes of the BAR with the MSI-X table. */
  static final int MSIX_BAR_BYTES = 4096;

  static final int MOST_VECTORS = 128;
  private static final int BARS = 6;
  private static final int COMMAND = 1;
  private static final int BAR_0 = 4;
  private static final int SUBSYSTEM = 11;
  private static final int CAPABILITIES = 13;
  private static final int INTERRUPT = 15;
  private static final int FIRST_CAPABILITY = 0x40;
  private static final int MSIX = FIRST_CAPABILITY / 4;
  private static final int MSIX_ID = 0x11;
  private static final int MSIX_BYTES = 12;
  private static final int PENDING_OFFSET = 0x800;

  private static final int COMMAND_MEMORY = 1 << 1;
  private static final int COMMAND_MASTER = 1 << 2;
  private static final int COMMAND_INTX_OFF = 1 << 10;
  private static final int STATUS_INTX = 1 << 19;
  private static final int STATUS_CAPABILITIES = 1 << 20;
  private static final int MSIX_MASKED = 1 << 30;
  private static final int MSIX_ENABLED = 1 << 31;

  private static final int ENTRY_ADDRESS = 0;
  private static final int ENTRY_DATA = 2;
  private static final int ENTRY_CONTROL = 3;

  /** Where messages go. */
  @FunctionalInterface
  interface Messages {
    void send(int address, int data);
  }

  /** A capability of the function's, and where it lies. */
  private record Placed(int at, PciCapability capability) {}

  private final int device;
  private final PciFunction function;
  private final Messages messages;
  private final IrqLine irq;
  private final int[] initial = new int[BYTES / 4];
  private final int[] writable = new int[BYTES / 4];
  private final int[] barBytes = new int[BARS];
  private final List<Placed> capabilities = new ArrayList<>();
  private final int vectors;
  private final int msixBar;

  private final int[] registers = new int[BYTES / 4];
  private final int[] table;
  private final long[] pending = new long[MOST_VECTORS / 64];
  private boolean asserted;

  /**
   * @param device number on the bus
   * @param bars where the BARs are placed at power-on, the MSI-X table's last
   */
  ConfigSpace(int device, PciFunction function, List<Long> bars, Messages messages, IrqLine irq) {
    this.device = device;
    this.function = function;
    this.messages = messages;
    this.irq = irq;
    vectors = function.vectors();
    table = new int[vectors * 4];
    msixBar = function.bars().size();
    PciFunction.Identity identity = function.identity();
    initial[0] = identity.vendor() & 0xFFFF | identity.device() << 16;
    initial[2] = identity.revision() & 0xFF | identity.classCode() << 8;
    initial[SUBSYSTEM] = identity.subsystemVendor() & 0xFFFF | identity.subsystem() << 16;
    writable[COMMAND] = COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF;
    writable[3] = 0xFF;
    for (int bar = 0; bar < bars.size(); bar++) {
      barBytes[bar] = bar < msixBar ? function.bars().get(bar) : MSIX_BAR_BYTES;
      initial[BAR_0 + bar] = bars.get(bar).intValue();
      writable[BAR_0 + bar] = -barBytes[bar];
    }
    if (vectors > 0) {
      initial[INTERRUPT] = 1 << 8;
      writable[INTERRUPT] = 0xFF;
    }
    placeCapabilities();
    reset();
  }

  /** BARs that a function needs, in bytes, the MSI-X table's last. */
  static List<Integer> barsOf(PciFunction function) {
    List<Integer> bars = new ArrayList<>(function.bars());
    if (function.vectors() > 0) {
      bars.add(MSIX_BAR_BYTES);
    }
    return bars;
  }

  private void placeCapabilities() {
    int at = FIRST_CAPABILITY;
    int link = -1; // register whose second byte points to the next capability
    if (vectors > 0) {
      initial[MSIX] = MSIX_ID | vectors - 1 << 16;
      initial[MSIX + 1] = msixBar;
      initial[MSIX + 2] = PENDING_OFFSET | msixBar;
      writable[MSIX] = MSIX_MASKED | MSIX_ENABLED;
      link = MSIX;
      at += MSIX_BYTES;
    }
    for (PciCapability capability : function.capabilities()) {
      if (at + capability.bytes() > BYTES || capability.bytes() % 4 != 0) {
        throw new IllegalArgumentException(
            "bug: capabilities of %d bytes and more in configuration space"
                .formatted(at - FIRST_CAPABILITY + capability.bytes()));
      }
      capabilities.add(new Placed(at, capability));
      initial[at / 4] = capability.id();
      if (link >= 0) {
        initial[link] |= at << 8;
      }
      link = at / 4;
      at += capability.bytes();
    }
    if (link >= 0) {
      initial[CAPABILITIES] = FIRST_CAPABILITY;
      initial[COMMAND] |= STATUS_CAPABILITIES;
    }
  }

  void reset() {
    System.arraycopy(initial, 0, registers, 0, registers.length);
    for (int i = 0; i < table.length; i++) {
      table[i] = i % 4 == ENTRY_CONTROL ? 1 : 0;
    }
    java.util.Arrays.fill(pending, 0);
    asserted = false;
    driveLine();
  }

  // Configuration accesses

  /** Any offset and width; what straddles a register is taken byte by byte. */
  int read(int offset, int bytes) {
    if (offset < 0 || offset > BYTES - bytes) {
      return 0;
    }
    int shift = offset & 3;
    if (shift + bytes > 4) {
      int value = 0;
      for (int i = 0; i < bytes; i++) {
        value |= read(offset + i, 1) << 8 * i;
      }
      return value;
    }
    Placed placed = capabilityAt(offset);
    if (placed != null) {
      return placed.capability.read(offset - placed.at, bytes) & mask(bytes);
    }
    return register(offset / 4) >>> 8 * shift & mask(bytes);
  }

  private int register(int index) {
    boolean interrupting = index == COMMAND && asserted;
    return registers[index] | (interrupting ? STATUS_INTX : 0);
  }

  private static int mask(int bytes) {
    return bytes >= 4 ? -1 : (1 << 8 * bytes) - 1;
  }

  /** The capability whose body holds an offset, id and pointer excepted. */
  private @org.jspecify.annotations.Nullable Placed capabilityAt(int offset) {
    for (Placed placed : capabilities) {
      if (offset >= placed.at + 2 && offset < placed.at + placed.capability.bytes()) {
        return placed;
      }
    }
    return null;
  }

  void write(int offset, int bytes, int value) {
    if (offset < 0 || offset > BYTES - bytes) {
      return;
    }
    int shift = offset & 3;
    if (shift + bytes > 4) {
      for (int i = 0; i < bytes; i++) {
        write(offset + i, 1, value >>> 8 * i & 0xFF);
      }
      return;
    }
    Placed placed = capabilityAt(offset);
    if (placed != null) {
      placed.capability.write(offset - placed.at, bytes, value & mask(bytes));
      return;
    }
    int index = offset / 4;
    int taken = writable[index] & mask(bytes) << 8 * shift;
    registers[index] = registers[index] & ~taken | value << 8 * shift & taken;
    if (index == COMMAND) {
      driveLine();
    } else if (index == MSIX && vectors > 0) {
      driveLine();
      sendPending();
    }
  }

  // BARs

  /** Which BAR is at an address now, or -1. */
  int barAt(long gpa, int bytes) {
    if ((registers[COMMAND] & COMMAND_MEMORY) == 0) {
      return -1;
    }
    for (int bar = 0; bar < BARS; bar++) {
      long offset = gpa - barBase(bar);
      if (barBytes[bar] != 0 && offset >= 0 && offset <= barBytes[bar] - bytes) {
        return bar;
      }
    }
    return -1;
  }

  private long barBase(int bar) {
    return Integer.toUnsignedLong(registers[BAR_0 + bar]);
  }

  long barRead(int bar, long gpa, int bytes) {
    long offset = gpa - barBase(bar);
    return bar == msixBar ? tableRead((int) offset, bytes) : function.read(bar, offset, bytes);
  }

  void barWrite(int bar, long gpa, int bytes, long value) {
    long offset = gpa - barBase(bar);
    if (bar == msixBar) {
      tableWrite((int) offset, bytes, value);
    } else {
      function.write(bar, offset, bytes, value);
    }
  }

  /** Doublewords and quadwords, aligned; others have no meaning (section 6.8.2). */
  private long tableRead(int offset, int bytes) {
    if (bytes < 4 || offset % bytes != 0) {
      return bytes == 8 ? -1 : (1L << 8 * bytes) - 1;
    }
    long low = Integer.toUnsignedLong(tableRegister(offset / 4));
    return bytes == 8 ? low | (long) tableRegister(offset / 4 + 1) << 32 : low;
  }

  private int tableRegister(int index) {
    if (index < table.length) {
      return table[index];
    }
    int pendingIndex = index - PENDING_OFFSET / 4;
    if (pendingIndex >= 0 && pendingIndex < pending.length * 2) {
      return (int) (pending[pendingIndex / 2] >>> 32 * (pendingIndex & 1));
    }
    return 0;
  }

  private void tableWrite(int offset, int bytes, long value) {
    if (bytes < 4 || offset % bytes != 0) {
      return;
    }
    for (int i = 0; i < bytes / 4; i++) {
      int index = offset / 4 + i;
      if (index < table.length) {
        int word = (int) (value >>> 32 * i);
        table[index] =
            switch (index % 4) {
              case ENTRY_ADDRESS -> word & ~3;
              case ENTRY_CONTROL -> word & 1;
              default -> word;
            };
        sendPending();
      }
    }
  }

  // Interrupts

  @Override
  public int device() {
    return device;
  }

  @Override
  public boolean busMaster() {
    return (registers[COMMAND] & COMMAND_MASTER) != 0;
  }

  @Override
  public boolean msix() {
    return vectors > 0 && (registers[MSIX] & MSIX_ENABLED) != 0;
  }

  @Override
  public void signal(int vector) {
    if (msix() && vector >= 0 && vector < vectors) {
      pending[vector / 64] |= 1L << vector % 64;
      sendPending();
    }
  }

  private void sendPending() {
    if (!msix() || (registers[MSIX] & MSIX_MASKED) != 0) {
      return;
    }
    for (int word = 0; word < pending.length; word++) {
      for (long left = pending[word]; left != 0; left &= left - 1) {
        int vector = word * 64 + Long.numberOfTrailingZeros(left);
        if (table[vector * 4 + ENTRY_CONTROL] == 0) {
          pending[word] &= ~(1L << vector % 64);
          messages.send(table[vector * 4 + ENTRY_ADDRESS], table[vector * 4 + ENTRY_DATA]);
        }
      }
    }
  }

  @Override
  public void line(boolean high) {
    asserted = high;
    driveLine();
  }

  private void driveLine() {
    irq.set(asserted && !msix() && (registers[COMMAND] & COMMAND_INTX_OFF) == 0);
  }

  // State

  /** Number of values that {@link #save} yields. */
  int values() {
    return registers.length + table.length + pending.length + 1;
  }

  void save(long[] into, int at) {
    int next = at;
    for (int register : registers) {
      into[next++] = register;
    }
    for (int word : table) {
      into[next++] = word;
    }
    for (long word : pending) {
      into[next++] = word;
    }
    into[next] = asserted ? 1 : 0;
  }

  /** What a guest could not have written is as at power-on. */
  void restore(long[] from, int at) {
    int next = at;
    for (int i = 0; i < registers.length; i++) {
      registers[i] = initial[i] & ~writable[i] | (int) from[next++] & writable[i];
    }
    for (int i = 0; i < table.length; i++) {
      table[i] = (int) from[next++] & (i % 4 == ENTRY_CONTROL ? 1 : -1);
    }
    for (int i = 0; i < pending.length; i++) {
      pending[i] = from[next++] & vectorMask(i);
    }
    asserted = from[next] != 0;
    driveLine();
  }

  private long vectorMask(int word) {
    int left = vectors - word * 64;
    return left >= 64 ? -1 : left <= 0 ? 0 : (1L << left) - 1;
  }
}
