package org.redoubt.cpu.interpreter.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.util.HexFormat;
import java.util.TreeMap;
import java.util.TreeSet;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;

/**
 * A vCPU in long mode over flat memory: linear addresses are offsets in one segment, there are no
 * page tables, and pages can be taken away. What is beyond the segment faults.
 */
final class FlatMachine implements AutoCloseable {
  static final int BYTES = 1 << 20;
  static final long IDT = 0x8000;
  static final long GDT = 0x9000;
  static final long STACK = 0x20000;
  static final int CODE = 0x08;
  static final int DATA = 0x10;

  private final Arena arena = Arena.ofShared();
  final MemorySegment memory = arena.allocate(BYTES, 4096);
  final TreeSet<Long> watched = new TreeSet<>();

  /** Addresses that CLFLUSH and its kin named. */
  final TreeSet<Long> flushed = new TreeSet<>();

  final TreeSet<Long> absent = new TreeSet<>();

  /** Pages that lie elsewhere while CR3 is not 0: gva to offset. */
  final TreeMap<Long, Long> moved = new TreeMap<>();

  final CpuEngine engine;
  int pendingVector = -1;
  private MemoryClient client = none(MemoryClient.class);
  private org.redoubt.api.device.VcpuSignal signal = none(org.redoubt.api.device.VcpuSignal.class);

  FlatMachine() throws HypervisorException {
    this(0);
  }

  FlatMachine(int index) throws HypervisorException {
    this(index, none(CpuBus.class));
  }

  FlatMachine(int index, CpuBus bus) throws HypervisorException {
    MemorySystem system =
        (MemorySystem)
            Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {MemorySystem.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("attach")) {
                    client = (MemoryClient) arguments[0];
                    return port();
                  }
                  if (method.getName().equals("clflush")) {
                    flushed.add((long) arguments[0]);
                  }
                  return null;
                });
    engine =
        new InterpreterFactory()
            .create(
                new CpuConfig(
                    index, "EPYC", system, FlatMmu::new, NestedPaging.OFF, 0, 0, bus, new Apic()));
    engine.importState(longMode());
  }

  private static <T> T none(Class<T> type) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) -> zero(method.getReturnType())));
  }

  private static @org.jspecify.annotations.Nullable Object zero(Class<?> type) {
    if (type == long.class) {
      return 0L;
    }
    if (type == int.class) {
      return 0;
    }
    return type == boolean.class ? false : null;
  }

  private MemoryPort port() {
    return (MemoryPort)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {MemoryPort.class},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "watch" -> {
                  watched.add((long) arguments[0] & -4096);
                  client.revokeAll();
                }
                case "unwatch" -> watched.remove((long) arguments[0] & -4096);
                case "alone" -> {
                  return ((java.util.function.IntSupplier) arguments[0]).getAsInt();
                }
                default -> {}
              }
              return null;
            });
  }

  /** Flat 64-bit segments, an IDT whose handlers are all HLT at IDT + 1000h + 16 * vector. */
  CpuState longMode() {
    CpuState s = new CpuState();
    s.cr0 = 0x8000_0011L;
    s.cr4 = 0x620;
    s.msr.put(0xc000_0080, 0x500L);
    for (int i = 0; i < 6; i++) {
      s.selector[i] = i == CpuState.CS ? CODE : DATA;
      s.limit[i] = 0xffff_ffffL;
      s.attributes[i] = i == CpuState.CS ? 0xa9b : 0xc93;
    }
    s.attributes[CpuState.LDTR] = 0x82;
    s.attributes[CpuState.TR] = 0x8b;
    s.limit[CpuState.TR] = 0x67;
    s.gdtBase = GDT;
    s.gdtLimit = 0x17;
    s.idtBase = IDT;
    s.idtLimit = 0xfff;
    put64(GDT + 8, 0x00af_9b00_0000_ffffL);
    put64(GDT + 16, 0x00cf_9300_0000_ffffL);
    for (int v = 0; v < 256; v++) {
      long handler = IDT + 0x2000 + 16L * v;
      put64(IDT + 16L * v, handler & 0xffff | CODE << 16 | 0x8e00L << 32 | handler >>> 16 << 48);
      put64(IDT + 16L * v + 8, 0);
      memory.set(ValueLayout.JAVA_BYTE, handler, (byte) 0xf4);
    }
    s.gpr[4] = STACK;
    s.rip = 0x1000;
    s.rflags = 2;
    return s;
  }

  /** Writes as another party would: the engine hears of it. */
  void code(long at, String hex) {
    code(at, HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  void code(long at, byte[] bytes) {
    MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, at, bytes.length);
    client.contentsChanged(at, bytes.length);
  }

  void put64(long at, long value) {
    memory.set(ValueLayout.JAVA_LONG_UNALIGNED, at, value);
  }

  long get64(long at) {
    return memory.get(ValueLayout.JAVA_LONG_UNALIGNED, at);
  }

  CpuState state() {
    CpuState s = new CpuState();
    engine.exportState(s);
    return s;
  }

  org.redoubt.api.device.VcpuSignal signal() {
    return signal;
  }

  /** Raises an external interrupt. */
  void interrupt(int vector) {
    pendingVector = vector;
    signal.interrupt();
  }

  @Override
  public void close() {
    engine.close();
    arena.close();
  }

  private final class Apic implements LocalApic {
    @Override
    public boolean pending() {
      return pendingVector >= 0;
    }

    @Override
    public int acknowledge() {
      int vector = pendingVector;
      pendingVector = -1;
      return vector;
    }

    @Override
    public boolean takeNmi() {
      return false;
    }

    @Override
    public int cr8() {
      return 0;
    }

    @Override
    public void setCr8(int value) {}

    @Override
    public long base() {
      return -1;
    }

    @Override
    public long mmioRead(int offset, int bytes) {
      return 0;
    }

    @Override
    public void mmioWrite(int offset, int bytes, long value) {}

    @Override
    public long readMsr(int msr) {
      return 0;
    }

    @Override
    public boolean writeMsr(int msr, long value) {
      return true;
    }

    @Override
    public void connect(org.redoubt.api.device.VcpuSignal newSignal) {
      signal = newSignal;
    }
  }

  private final class FlatMmu implements Mmu {
    private final MemorySegment tlb;
    private long gva;
    private long offset;
    private long error;
    private boolean isMoved;

    FlatMmu(MmuConfig config) {
      tlb = config.tlb();
    }

    @Override
    public int fill(long address, int access, int bank) {
      gva = address;
      if (address < 0 || address >= BYTES || absent.contains(address & -4096)) {
        error = access == WRITE ? 2 : access == FETCH ? 16 : 0;
        return PAGE_FAULT;
      }
      long page = address & -4096;
      long place = isMoved ? moved.getOrDefault(page, page) : page;
      offset = place - page;
      long entry = TlbLayout.entry(bank, address);
      boolean isWatched = watched.contains(place);
      boolean same = tlb.get(ValueLayout.JAVA_LONG, entry + TlbLayout.READ_TAG) == page;
      tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.READ_TAG, page);
      if (access == WRITE && !isWatched) {
        tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.WRITE_TAG, page);
      } else if (!same) {
        tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.WRITE_TAG, TlbLayout.INVALID);
      }
      if (access == FETCH) {
        tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.FETCH_TAG, page);
      } else if (!same) {
        tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.FETCH_TAG, TlbLayout.INVALID);
      }
      tlb.set(ValueLayout.JAVA_LONG, entry + TlbLayout.ADDEND, memory.address() + offset);
      return access == WRITE && isWatched ? FILLED_WATCHED : FILLED;
    }

    @Override
    public long hostAddress() {
      return memory.address() + gva + offset;
    }

    @Override
    public long errorCode() {
      return error;
    }

    @Override
    public long gpa() {
      return gva + offset;
    }

    @Override
    public long spa() {
      return gva + offset;
    }

    @Override
    public int tag() {
      return 0;
    }

    @Override
    public void written(long spa, long bytes) {
      client.contentsChanged(spa, bytes);
    }

    @Override
    public void setPaging(long cr0, long cr3, long cr4, long efer) {
      isMoved = cr3 != 0;
      client.revokeAll();
    }

    @Override
    public boolean checkPdptes(long cr3) {
      return true;
    }

    @Override
    public void invalidate(long address) {
      client.revokeAll();
    }

    @Override
    public void invalidateAll() {
      client.revokeAll();
    }

    @Override
    public long probe(long address) {
      return address;
    }
  }
}
