package org.redoubt.x86.exec.silicon;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Decoder;
import org.redoubt.x86.decode.Feature;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.CpuModel;
import org.redoubt.x86.exec.Flags;
import org.redoubt.x86.exec.GuestFault;
import org.redoubt.x86.exec.Meanings;
import org.redoubt.x86.exec.SystemHooks;

/**
 * Our side of the comparison: a {@link Cpu} in user mode, as the host's process is, whose memory is
 * one copy of the host's {@link HostCpu#DATA} window at the same addresses.
 */
final class GuestSide implements AutoCloseable {
  static final int NO_TRAP = -1;

  final Cpu cpu;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment data = arena.allocate(HostCpu.DATA_BYTES, 4096);
  private final Decoder decoder = new Decoder();
  private @Nullable CodeSize mode;
  private int trap;
  private long errorCode;

  GuestSide() {
    MemorySegment tlb = arena.allocate(TlbLayout.BYTES, 64);
    for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
      for (long page = 0; page < TlbLayout.ENTRIES; page++) {
        long entry = TlbLayout.entry(bank, page << 12);
        for (long tag = 0; tag <= TlbLayout.FETCH_TAG; tag += 8) {
          tlb.set(java.lang.foreign.ValueLayout.JAVA_LONG, entry + tag, TlbLayout.INVALID);
        }
      }
    }
    Mmu mmu = new WindowMmu(tlb, data);
    CpuModel model = new CpuModel("silicon", 0, Set.of(Feature.values()));
    cpu = new Cpu(model, tlb, mmu, refusing(CpuBus.class), refusing(SystemHooks.class));
    cpu.cr0 = Cr0.PE | Cr0.MP | Cr0.ET | Cr0.NE | Cr0.WP | Cr0.AM | Cr0.PG;
    cpu.cr4 =
        Cr4.PAE
            | Cr4.OSFXSR
            | Cr4.OSXMMEXCPT
            | Cr4.OSXSAVE
            | Cr4.FSGSBASE
            | Cr4.SMEP
            | Cr4.SMAP
            | Cr4.UMIP
            | Cr4.PGE;
    cpu.efer = Efer.SCE | Efer.LME | Efer.LMA | Efer.NXE;
    cpu.xcr0 = 7;
    cpu.cpl = 3;
    cpu.seg[Cpu.TR].limit = 0;
    mode(CodeSize.BITS64);
  }

  private void segment(int s, int selector, long base, long limit, int attributes) {
    cpu.seg[s].selector = selector;
    cpu.seg[s].base = base;
    cpu.seg[s].limit = limit;
    cpu.seg[s].attributes = attributes;
  }

  private static <T> T refusing(Class<T> type) {
    Object proxy =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              if (method.getName().equals("flushLine")) {
                return null;
              }
              if (method.getName().equals("alone")) {
                return ((java.util.function.IntSupplier) arguments[0]).getAsInt();
              }
              throw new IllegalStateException("Not for user code: " + method);
            });
    return type.cast(proxy);
  }

  /** The segments that the host has for code of that size. */
  void mode(CodeSize size) {
    if (size == mode) {
      return; // no instruction that is compared changes a segment
    }
    mode = size;
    boolean small = size == CodeSize.BITS16;
    long limit = small ? 0xffff : 0xffff_ffffL;
    int common = Seg.ATTR_P | Seg.ATTR_S | Seg.ATTR_DPL | Seg.ATTR_RW | Seg.ATTR_ACCESSED;
    common |= small ? 0 : Seg.ATTR_G;
    for (int s : new int[] {Seg.ES, Seg.SS, Seg.DS}) {
      int selector = small ? HostCpu.DATA_16 : HostCpu.FLAT;
      segment(s, selector, HostCpu.dataBase(size), limit, common | (small ? 0 : Seg.ATTR_DB));
    }
    segment(Seg.FS, 0, 0, 0, 0);
    segment(Seg.GS, 0, 0, 0, 0);
    int code =
        switch (size) {
          case BITS64 -> Seg.ATTR_L;
          case BITS32 -> Seg.ATTR_DB;
          case BITS16 -> 0;
        };
    int selector =
        switch (size) {
          case BITS64 -> HostCpu.CODE_64;
          case BITS32 -> HostCpu.CODE_32;
          case BITS16 -> HostCpu.CODE_16;
        };
    segment(Seg.CS, selector, HostCpu.codeBase(size), limit, common | Seg.ATTR_CODE | code);
    cpu.modeChanged();
  }

  MemorySegment data() {
    return data;
  }

  Insn decode(byte[] bytes, CodeSize size) {
    long rip = HostCpu.slot(size) - HostCpu.codeBase(size);
    return decoder.decode(bytes, 0, bytes.length, size, rip);
  }

  /** Executes, again while a repeated instruction asks for it. */
  void run(Insn in) {
    trap = NO_TRAP;
    errorCode = 0;
    try {
      do {
        cpu.rip = in.next;
        Meanings.of(in).run(cpu, in);
      } while (cpu.rip == in.rip && in.rep != Insn.REP_NONE);
    } catch (GuestFault fault) {
      trap = fault.vector();
      errorCode = fault.errorCode();
    }
  }

  int trap() {
    return trap;
  }

  long errorCode() {
    return errorCode;
  }

  long flags() {
    return Flags.all(cpu);
  }

  void setFlags(long flags) {
    Flags.setAll(cpu, flags | Rflags.FIXED);
    cpu.privilegeChanged();
  }

  @Override
  public void close() {
    arena.close();
  }

  /** Maps the window and nothing else. */
  private static final class WindowMmu implements Mmu {
    private final MemorySegment tlb;
    private final MemorySegment data;
    private long hostAddress;
    private long errorCode;

    WindowMmu(MemorySegment tlb, MemorySegment data) {
      this.tlb = tlb;
      this.data = data;
    }

    @Override
    public int fill(long gva, int access, int bank) {
      long offset = gva - HostCpu.DATA;
      if (offset < 0 || offset >= HostCpu.DATA_BYTES) {
        errorCode = access == WRITE ? 6 : 4;
        return gva << 16 >> 16 == gva ? PAGE_FAULT : NOT_CANONICAL;
      }
      hostAddress = data.address() + offset;
      long entry = TlbLayout.entry(bank, gva);
      long page = gva & -4096;
      tlb.set(java.lang.foreign.ValueLayout.JAVA_LONG, entry + TlbLayout.READ_TAG, page);
      tlb.set(java.lang.foreign.ValueLayout.JAVA_LONG, entry + TlbLayout.WRITE_TAG, page);
      tlb.set(
          java.lang.foreign.ValueLayout.JAVA_LONG,
          entry + TlbLayout.ADDEND,
          data.address() - HostCpu.DATA);
      return FILLED;
    }

    @Override
    public long hostAddress() {
      return hostAddress;
    }

    @Override
    public long errorCode() {
      return errorCode;
    }

    @Override
    public long gpa() {
      return 0;
    }

    @Override
    public long spa() {
      return 0;
    }

    @Override
    public int tag() {
      return 0;
    }

    @Override
    public void written(long spa, long bytes) {}

    @Override
    public void setPaging(long cr0, long cr3, long cr4, long efer) {}

    @Override
    public boolean checkPdptes(long cr3) {
      return true;
    }

    @Override
    public void invalidate(long gva) {}

    @Override
    public void invalidateAll() {}

    @Override
    public long probe(long gva) {
      return gva;
    }
  }
}
