package org.redoubt.testkit.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.PageFault;
import org.redoubt.spec.x86.Pte;

/**
 * An MMU for engines to run on: no paging, or four levels of long mode with pages of 4 KiB and 2
 * MiB, RW, US, NX, WP and the C-bit. Not for guests.
 */
final class ModelMmu implements Mmu {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemoryPort port;
  private final MemorySegment tlb;
  private final int privateTag;
  private final long cBit;
  private long cr0;
  private long cr3;
  private long efer;
  private long gpa;
  private int tag;
  private long error;
  private long host;

  ModelMmu(MmuConfig config) {
    port = config.port();
    tlb = config.tlb();
    privateTag = config.sev() ? config.asid() : 0;
    cBit = config.sev() ? 1L << config.cBit() : 0;
    invalidateAll();
  }

  @Override
  public int fill(long gva, int access, int bank) {
    int result = walk(gva, access, bank, true);
    if (result != FILLED) {
      return result;
    }
    long page = port.page(gpa, tag, access == WRITE);
    if (page == MemoryPort.SUSPENDED) {
      return SUSPENDED;
    }
    if (page < 0) {
      return MMIO;
    }
    boolean watched = (page & MemoryPort.WATCHED) != 0;
    host = (page & -4096L) + (gpa & 4095);
    long entry = TlbLayout.entry(bank, gva);
    long mine = gva & -4096L;
    long addend = (page & -4096L) - mine;
    if (tlb.get(LONG, entry + TlbLayout.ADDEND) != addend) {
      drop(entry);
    }
    tlb.set(LONG, entry + TlbLayout.ADDEND, addend);
    if (access != FETCH) {
      tlb.set(LONG, entry + TlbLayout.READ_TAG, mine);
    } else {
      tlb.set(LONG, entry + TlbLayout.FETCH_TAG, mine);
    }
    if (access == WRITE) {
      tlb.set(LONG, entry + TlbLayout.WRITE_TAG, watched ? TlbLayout.INVALID : mine);
    }
    for (long which : new long[] {TlbLayout.READ_TAG, TlbLayout.WRITE_TAG, TlbLayout.FETCH_TAG}) {
      if (tlb.get(LONG, entry + which) != mine) {
        tlb.set(LONG, entry + which, TlbLayout.INVALID);
      }
    }
    return watched && access == WRITE ? FILLED_WATCHED : FILLED;
  }

  private int walk(long gva, int access, int bank, boolean mark) {
    if ((cr0 & Cr0.PG) == 0) {
      gpa = gva & 0xffff_ffffL;
      tag = privateTag;
      return FILLED;
    }
    if ((efer & Efer.LMA) == 0) {
      throw new AssertionError("the exam's programs use no paging but long mode's");
    }
    if (gva << 16 >> 16 != gva) {
      return NOT_CANONICAL;
    }
    long table = cr3 & Pte.ADDRESS & ~cBit;
    long granted = Pte.RW | Pte.US;
    boolean noExecute = false;
    for (int level = 4; ; level--) {
      int shift = 12 + 9 * (level - 1);
      long spa = table + ((gva >>> shift) & 511) * 8;
      long entry = port.readLong(spa, privateTag);
      if (port.lastStatus() == MemoryPort.SUSPENDED) {
        return SUSPENDED;
      }
      if ((entry & Pte.P) == 0) {
        return fault(access, bank, 0);
      }
      granted &= entry;
      noExecute |= (entry & Pte.NX) != 0;
      boolean leaf = level == 1 || (entry & Pte.PS) != 0;
      boolean user = bank == TlbLayout.BANK_USER;
      boolean allowed =
          (!user || (granted & Pte.US) != 0)
              && (access != WRITE || (granted & Pte.RW) != 0 || (!user && (cr0 & Cr0.WP) == 0))
              && (access != FETCH || !noExecute);
      if (leaf && !allowed) {
        return fault(access, bank, PageFault.P);
      }
      long wanted = entry | Pte.A | (leaf && access == WRITE ? Pte.D : 0);
      if (mark && wanted != entry) {
        port.compareAndExchangeLong(spa, privateTag, entry, wanted);
      }
      if (leaf) {
        long offset = (1L << shift) - 1;
        gpa = entry & Pte.ADDRESS & ~cBit & ~offset | gva & offset;
        tag = access == FETCH || (entry & cBit) != 0 ? privateTag : 0;
        return FILLED;
      }
      table = entry & Pte.ADDRESS & ~cBit;
    }
  }

  private int fault(int access, int bank, long present) {
    error =
        present
            | (access == WRITE ? PageFault.RW : 0)
            | (bank == TlbLayout.BANK_USER ? PageFault.US : 0)
            | (access == FETCH && (efer & Efer.NXE) != 0 ? PageFault.ID : 0);
    return PAGE_FAULT;
  }

  @Override
  public long hostAddress() {
    return host;
  }

  @Override
  public long errorCode() {
    return error;
  }

  @Override
  public long gpa() {
    return gpa;
  }

  @Override
  public long spa() {
    return gpa;
  }

  @Override
  public int tag() {
    return tag;
  }

  @Override
  public void written(long spa, long bytes) {
    port.written(spa, bytes);
  }

  @Override
  public void setPaging(long newCr0, long newCr3, long newCr4, long newEfer) {
    cr0 = newCr0;
    cr3 = newCr3;
    efer = newEfer;
    invalidateAll();
  }

  @Override
  public boolean checkPdptes(long newCr3) {
    return true;
  }

  private void drop(long entry) {
    tlb.set(LONG, entry + TlbLayout.READ_TAG, TlbLayout.INVALID);
    tlb.set(LONG, entry + TlbLayout.WRITE_TAG, TlbLayout.INVALID);
    tlb.set(LONG, entry + TlbLayout.FETCH_TAG, TlbLayout.INVALID);
  }

  @Override
  public void invalidate(long gva) {
    for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
      drop(TlbLayout.entry(bank, gva));
    }
  }

  @Override
  public void invalidateAll() {
    for (int slot = 0; slot < TlbLayout.BANKS * TlbLayout.ENTRIES; slot++) {
      drop(TlbLayout.BANKS_OFFSET + (long) slot * TlbLayout.ENTRY_BYTES);
    }
  }

  @Override
  public long probe(long gva) {
    return walk(gva, READ, TlbLayout.BANK_SUPERVISOR_AC, false) == FILLED ? gpa : -1;
  }
}
