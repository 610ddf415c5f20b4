package org.redoubt.hypervisor.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.spec.x86.Msr;

/** Reads a stopped guest's memory by linear address, for reports. Leaves no trace in the guest. */
final class GuestView {
  private static final int PHYSICAL_BITS = 52;

  private final MemorySystem memory;
  private final MmuFactory mmus;
  private final NestedPaging nested;
  private final GuestMemory guest;
  private final int asid;
  private final int cBit;

  GuestView(
      MemorySystem memory,
      MmuFactory mmus,
      NestedPaging nested,
      GuestMemory guest,
      int asid,
      int cBit) {
    this.memory = memory;
    this.mmus = mmus;
    this.nested = nested;
    this.guest = guest;
    this.asid = asid;
    this.cBit = cBit;
  }

  /**
   * Up to {@code most} bytes at a linear address; fewer where a page is not there, empty if the
   * first is not.
   */
  Optional<byte[]> read(CpuState state, long gva, int most) {
    try (Arena arena = Arena.ofConfined();
        MemoryPort port = memory.attach(new NoTlb())) {
      MemorySegment tlb = arena.allocate(TlbLayout.BYTES, 64);
      Mmu mmu = mmus.create(new MmuConfig(port, tlb, nested, asid, cBit, PHYSICAL_BITS));
      mmu.setPaging(state.cr0, state.cr3, state.cr4, state.msr.getOrDefault(Msr.EFER, 0L));
      MemorySegment one = arena.allocate(1);
      byte[] bytes = new byte[most];
      for (int i = 0; i < most; i++) {
        port.enter();
        long gpa;
        try {
          gpa = mmu.probe(gva + i);
        } finally {
          port.leave();
        }
        long spa = gpa < 0 ? -1 : guest.spa(gpa, 1);
        if (spa < 0) {
          return i == 0 ? Optional.empty() : Optional.of(Arrays.copyOf(bytes, i));
        }
        memory.view(asid).read(spa, one);
        bytes[i] = one.get(ValueLayout.JAVA_BYTE, 0);
      }
      return Optional.of(bytes);
    }
  }

  /** Guest-physical address of a linear one, or -1. */
  long gpa(CpuState state, long gva) {
    try (Arena arena = Arena.ofConfined();
        MemoryPort port = memory.attach(new NoTlb())) {
      MemorySegment tlb = arena.allocate(TlbLayout.BYTES, 64);
      Mmu mmu = mmus.create(new MmuConfig(port, tlb, nested, asid, cBit, PHYSICAL_BITS));
      mmu.setPaging(state.cr0, state.cr3, state.cr4, state.msr.getOrDefault(Msr.EFER, 0L));
      port.enter();
      try {
        return mmu.probe(gva);
      } finally {
        port.leave();
      }
    }
  }

  /** Probing keeps no host address. */
  private static final class NoTlb implements MemoryClient {
    @Override
    public void requestSafepoint() {}

    @Override
    public void revoke(long[] hostPages, int count) {}

    @Override
    public void revokeAll() {}

    @Override
    public void contentsChanged(long spa, long bytes) {}
  }
}
