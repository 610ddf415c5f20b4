package org.redoubt.testkit.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.VcpuSignal;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Msr;
import org.redoubt.spec.x86.Pte;

/**
 * One vCPU of the engine under test on 4 MiB of RAM: in 64-bit mode at CPL 0, with page tables, a
 * GDT, and an IDT whose handlers are all HLT. Notes what reaches its bus.
 *
 * <pre>
 *      8000h  IDT              9000h  GDT             9800h  TSS         A000h  handlers, 16 bytes each
 *   1_0000h  PML4, PDPT, PD, PT (of 20_0000h to 3F_FFFFh)         2_0000h  top of the stack
 *   40_0000h to 5F_FFFFh lead to gpa FE00_0000h, where there is no RAM
 * </pre>
 */
final class ModelVcpu implements CpuBus, AutoCloseable {
  static final int RAM_BYTES = 4 << 20;
  static final long CODE = 0x1000;
  static final long IDT = 0x8000;
  static final long GDT = 0x9000;
  static final long TSS = 0x9800;
  static final long HANDLERS = 0xa000;
  static final long TABLES = 0x1_0000;
  static final long STACK = 0x2_0000;
  static final long MMIO = 0xfe00_0000L;

  /** Pages of 4 KiB with something about them. */
  static final long ABSENT = 0x3f_f000;

  static final long READ_ONLY = 0x3f_e000;
  static final long NO_EXECUTE = 0x3f_d000;
  static final long SUPERVISOR = 0x3f_c000;

  /** Shared where the rest is private. */
  static final long SHARED = 0x3f_0000;

  static final int SELECTOR_CODE = 0x08;
  static final int SELECTOR_DATA = 0x10;
  static final int C_BIT = 47;

  final ModelSystem system;
  final CpuEngine engine;
  final MemoryView memory;
  final List<String> bus = Collections.synchronizedList(new ArrayList<>());

  /** Runs whenever a port or a device's memory is reached. */
  Runnable onBus = () -> {};

  private final Apic apic = new Apic();
  private final boolean sev;

  /**
   * @param index number of the vCPU
   * @param asid the guest's, 0 for no encryption
   */
  ModelVcpu(CpuEngineFactory factory, ModelSystem system, int index, int asid)
      throws HypervisorException {
    this.system = system;
    this.memory = system.view(asid);
    this.sev = asid != 0;
    engine =
        factory.create(
            new CpuConfig(
                index,
                factory.models().getFirst(),
                system,
                ModelMmu::new,
                NestedPaging.OFF,
                asid,
                sev ? C_BIT : 0,
                this,
                apic));
  }

  /** Writes tables, and puts the vCPU at {@link #CODE}. */
  void boot() {
    long c = sev ? 1L << C_BIT : 0;
    long all = Pte.P | Pte.RW | Pte.US;
    memory.putLong(TABLES, TABLES + 0x1000 | all);
    memory.putLong(TABLES + 0x1000, TABLES + 0x2000 | all);
    memory.putLong(TABLES + 0x2000, all | Pte.PS | c);
    memory.putLong(TABLES + 0x2008, TABLES + 0x3000 | all);
    memory.putLong(TABLES + 0x2010, MMIO | all | Pte.PS);
    long[] table = new long[512];
    for (int i = 0; i < 512; i++) {
      table[i] = 0x20_0000 + i * 4096L | all | c;
    }
    table[index(ABSENT)] = 0;
    table[index(READ_ONLY)] &= ~Pte.RW;
    table[index(NO_EXECUTE)] |= Pte.NX;
    table[index(SUPERVISOR)] &= ~Pte.US;
    table[index(SHARED)] &= ~c;
    memory.write(TABLES + 0x3000, MemorySegment.ofArray(table));
    memory.putLong(GDT, 0);
    memory.putLong(GDT + 8, 0x00af_9b00_0000_ffffL);
    memory.putLong(GDT + 16, 0x00cf_9300_0000_ffffL);
    memory.putLong(GDT + 24, 0x00cf_9b00_0000_ffffL);
    memory.putLong(TSS + 4, STACK);
    long[] idt = new long[512];
    byte[] handlers = new byte[16 * 256];
    for (int vector = 0; vector < 256; vector++) {
      long handler = HANDLERS + 16L * vector;
      idt[2 * vector] = handler & 0xffff | SELECTOR_CODE << 16 | 0x8e00L << 32;
      handlers[16 * vector] = (byte) 0xf4;
    }
    memory.write(IDT, MemorySegment.ofArray(idt));
    memory.write(HANDLERS, MemorySegment.ofArray(handlers));
    engine.importState(longMode());
  }

  private static int index(long gva) {
    return (int) (gva - 0x20_0000 >> 12);
  }

  /** Flat segments in 64-bit mode with paging, WP, NXE and SSE. */
  CpuState longMode() {
    CpuState s = new CpuState();
    s.cr0 = 0x8001_0033L;
    s.cr3 = TABLES;
    s.cr4 = 0x620;
    s.msr.put(Msr.EFER, Efer.LME | Efer.LMA | Efer.NXE);
    for (int i = 0; i < 6; i++) {
      s.selector[i] = i == CpuState.CS ? SELECTOR_CODE : SELECTOR_DATA;
      s.limit[i] = 0xffff_ffffL;
      s.attributes[i] = i == CpuState.CS ? 0xa9b : 0xc93;
    }
    s.attributes[CpuState.LDTR] = 0x82;
    s.attributes[CpuState.TR] = 0x8b;
    s.base[CpuState.TR] = TSS;
    s.limit[CpuState.TR] = 0x67;
    s.gdtBase = GDT;
    s.gdtLimit = 0x1f;
    s.idtBase = IDT;
    s.idtLimit = 0xfff;
    s.dr[6] = 0xffff_0ff0L;
    s.dr[7] = 0x400;
    s.gpr[4] = STACK;
    s.rip = CODE;
    return s;
  }

  void code(long at, String hex) {
    memory.write(at, MemorySegment.ofArray(HexFormat.of().parseHex(hex)));
  }

  /** Runs to HLT or whatever ends it first. */
  Exit run() {
    return engine.run(10_000_000);
  }

  CpuState state() {
    CpuState s = new CpuState();
    engine.exportState(s);
    return s;
  }

  /** Raises an external interrupt. */
  void interrupt(int vector) {
    apic.vector = vector;
    apic.signal().interrupt();
  }

  void nmi() {
    apic.nmi = true;
    apic.signal().interrupt();
  }

  VcpuSignal signal() {
    return apic.signal();
  }

  @Override
  public void close() {
    engine.close();
  }

  // CpuBus

  @Override
  public int in(int port, int bytes) {
    onBus.run();
    bus.add("in %x %d".formatted(port, bytes));
    return bytes == 1 ? 0x5a : bytes == 2 ? 0x5a5b : 0x5a5b_5c5d;
  }

  @Override
  public void out(int port, int bytes, int value) {
    bus.add("out %x %d %x".formatted(port, bytes, value));
  }

  @Override
  public long mmioRead(long gpa, int bytes) {
    onBus.run();
    bus.add("read %x %d".formatted(gpa, bytes));
    return bytes == 1 ? 0xa5 : bytes == 2 ? 0xa5a6 : 0xa5a6_a7a8L;
  }

  @Override
  public void mmioWrite(long gpa, int bytes, long value) {
    bus.add("write %x %d %x".formatted(gpa, bytes, value));
  }

  @Override
  public boolean readMsr(int msr, long[] value) {
    value[0] = 0x7_0000_0009L;
    return msr == 0x1234;
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    if (msr == 0x1234) {
      bus.add("wrmsr %x".formatted(value));
    }
    return msr == 0x1234;
  }

  @Override
  public void cpuid(int leaf, int subleaf, int[] registers) {
    if (leaf == 0x4000_0000) {
      registers[0] = 1;
      registers[1] = 2;
      registers[2] = 3;
      registers[3] = 4;
    }
  }

  @Override
  public long hypercall(long number, long[] arguments) {
    bus.add("hypercall " + number + " " + java.util.Arrays.toString(arguments));
    return 77;
  }

  @Override
  public long tsc() {
    return System.nanoTime();
  }

  private static final class Apic implements LocalApic {
    private volatile int vector = -1;
    private volatile boolean nmi;
    private volatile java.util.Optional<VcpuSignal> signal = java.util.Optional.empty();

    private VcpuSignal signal() {
      return signal.orElseThrow(() -> new AssertionError("the engine did not connect its signal"));
    }

    @Override
    public boolean pending() {
      return vector >= 0;
    }

    @Override
    public int acknowledge() {
      int taken = vector;
      vector = -1;
      return taken;
    }

    @Override
    public boolean takeNmi() {
      boolean taken = nmi;
      nmi = false;
      return taken;
    }

    @Override
    public int cr8() {
      return 0;
    }

    @Override
    public void setCr8(int value) {}

    @Override
    public long readMsr(int msr) {
      return 0;
    }

    @Override
    public boolean writeMsr(int msr, long value) {
      return true;
    }

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
    public void connect(VcpuSignal newSignal) {
      signal = java.util.Optional.of(newSignal);
    }
  }
}
