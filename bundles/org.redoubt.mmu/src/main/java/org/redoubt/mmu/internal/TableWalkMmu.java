package org.redoubt.mmu.internal;

import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuConfig;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.PageTag;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr3;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.PageFault;
import org.redoubt.spec.x86.Pte;

/**
 * The MMU of one vCPU: walks the guest's tables in each paging mode (APM Vol. 2, chapter 5), then
 * the nested ones, and enters the page into the TLB.
 *
 * <p>The C-bit (APM Vol. 2, 15.34.5 and 7.10): stripped from CR3 and from every entry; the leaf's
 * decides the tag of a data access. Table walks and instruction fetches are private whatever it
 * says, and so is everything outside long mode and PAE.
 */
final class TableWalkMmu implements Mmu {
  private static final long GRANTS = Pte.RW | Pte.US;

  /** Bits 62:52, reserved in legacy PAE entries. APM Vol. 2, 5.2.3. */
  private static final long RSVD_PAE = 0x7ff0_0000_0000_0000L;

  /** Reserved in a PML4 or PML5 entry: bits 8:7. APM Vol. 2, 5.3.3. */
  private static final long RSVD_TOP = Pte.PS | Pte.G;

  private static final long RSVD_1G = 0x3fff_e000L;
  private static final long RSVD_2M = 0x1f_e000L;

  /** Reserved in a 4 MiB PDE: bit 21; bits 20:13 are address bits 39:32. APM Vol. 2, 5.2.2. */
  private static final long RSVD_4M = 1L << 21;

  /** Reserved in a PDPTE of legacy PAE mode: bits 2:1 and 8:5. APM Vol. 2, 5.2.3. */
  private static final long RSVD_PDPTE = 0x1e6L;

  private enum Mode {
    OFF,
    LEGACY,
    PAE,
    LONG
  }

  private final MemoryPort port;
  private final NestedWalk nested;
  private final Tlb tlb;
  private final WalkCache cache = new WalkCache();

  /** Tag of private accesses: the ASID, or {@link PageTag#SHARED} without SEV. */
  private final int privateTag;

  private final long cBitMask;

  /** Address bits of an entry, without C-bit; and those of 51:12 that must be zero. */
  private final long addressMask;

  private final long addressRsvd;

  private Mode mode = Mode.OFF;
  private int levels = 4;
  private long cr0;
  private long cr3;
  private long cr4;
  private long efer;
  private boolean writeProtect;
  private boolean smep;
  private boolean smap;
  private boolean pse;
  private boolean pge;

  /** CR4.PKE in long mode: user pages have protection keys. */
  private boolean keyed;

  private int keyRights;
  private long nxRsvd = Pte.NX;
  private final long[] pdptes = new long[4];
  private boolean pdptesLoaded;
  private boolean pdptesWaiting;
  private long waitingCr3;

  // What the last walk found.
  private long gpa;
  private long spa;
  private int tag;
  private long errorCode;
  private long hostAddress;
  private boolean global;
  private int shift;

  /** Protection key of a user's page, or {@link Tlb#NO_KEY}. */
  private int key;

  TableWalkMmu(MmuConfig config) {
    port = config.port();
    nested = new NestedWalk(port, config.nested());
    tlb = new Tlb(config.tlb());
    privateTag = config.sev() ? config.asid() : PageTag.SHARED;
    cBitMask = config.sev() ? 1L << config.cBit() : 0;
    addressMask = Pte.ADDRESS & ((1L << config.physicalBits()) - 1) & ~cBitMask;
    addressRsvd = Pte.ADDRESS & ~addressMask & ~cBitMask;
  }

  @Override
  public int fill(long gva, int access, int bank) {
    int result = walk(gva, access, bank, false);
    if (result != FILLED) {
      return result;
    }
    long found = nested.translate(gpa, access == WRITE, access == FETCH, PageFault.FINAL, false);
    if (found < 0) {
      return nestedFailure(found);
    }
    spa = found;
    // The last call of the port: until here it may have taken host addresses away.
    long page = port.page(found, tag, access == WRITE);
    if (page < 0) {
      return pageFailure(page);
    }
    boolean watched = (page & MemoryPort.WATCHED) != 0;
    long hostPage = page & -4096L;
    hostAddress = hostPage + (found & 4095);
    // A fetch of a shared page reads another view than loads do: they must not use its entry.
    boolean data = access != FETCH;
    tlb.insert(
        bank,
        gva,
        hostPage,
        data,
        access == WRITE && !watched,
        access == FETCH,
        global,
        shift,
        key);
    return watched && access == WRITE ? FILLED_WATCHED : FILLED;
  }

  private int nestedFailure(long result) {
    if (result == NestedWalk.SUSPENDED) {
      return SUSPENDED;
    }
    errorCode = nested.errorCode();
    return result == NestedWalk.NOT_PRESENT ? MMIO : NESTED_PAGE_FAULT;
  }

  private int pageFailure(long result) {
    if (result == MemoryPort.SUSPENDED) {
      return SUSPENDED;
    }
    if (result == MemoryPort.NOT_DRAM) {
      return MMIO;
    }
    errorCode = PageFault.FINAL | PageFault.US | PageFault.P;
    return NESTED_PAGE_FAULT;
  }

  /** Guest walk: sets {@link #gpa}, {@link #tag} and so on. */
  private int walk(long gva, int access, int bank, boolean quiet) {
    switch (mode) {
      case OFF -> {
        found(gva & 0xffff_ffffL, privateTag, false, 12);
        return FILLED;
      }
      case LEGACY -> {
        return walkLegacy(gva, access, bank, quiet);
      }
      case PAE -> {
        return walkPae(gva, access, bank, quiet);
      }
      case LONG -> {
        int unused = 64 - (12 + 9 * levels);
        if (gva << unused >> unused != gva) {
          return NOT_CANONICAL;
        }
        return walkEntries(gva, access, bank, quiet, cr3 & addressMask, levels);
      }
    }
    throw new AssertionError("bug: mode " + mode);
  }

  private void found(long foundGpa, int foundTag, boolean foundGlobal, int foundShift) {
    gpa = foundGpa;
    tag = foundTag;
    key = Tlb.NO_KEY;
    global = foundGlobal;
    shift = foundShift;
  }

  // Legacy PAE

  private int walkPae(long gva, int access, int bank, boolean quiet) {
    if (!pdptesLoaded) {
      int result = readPdptes(cr3, quiet);
      if (result != FILLED) {
        return result;
      }
      pdptesLoaded = true;
    }
    long pdpte = pdptes[(int) (gva >>> 30) & 3];
    if ((pdpte & Pte.P) == 0) {
      return fault(access, bank, 0);
    }
    if ((pdpte & (RSVD_PDPTE | addressRsvd | RSVD_PAE | Pte.NX) & ~cBitMask) != 0) {
      return fault(access, bank, PageFault.P | PageFault.RSVD);
    }
    return walkEntries(gva & 0xffff_ffffL, access, bank, quiet, pdpte & addressMask, 2);
  }

  private int readPdptes(long fromCr3, boolean quiet) {
    long table = fromCr3 & Cr3.ADDRESS_PAE;
    for (int i = 0; i < 4; i++) {
      long entrySpa = nested.translate(table + i * 8L, false, false, PageFault.TABLE, quiet);
      if (entrySpa < 0) {
        return tableFailure(entrySpa, table + i * 8L);
      }
      pdptes[i] = port.readLong(entrySpa, privateTag);
      if (port.lastStatus() != 0) {
        return portFailure(table + i * 8L);
      }
    }
    return FILLED;
  }

  @Override
  public boolean checkPdptes(long newCr3) {
    pdptesLoaded = false;
    pdptesWaiting = false;
    if (readPdptes(newCr3, false) != FILLED) {
      return true; // the walk will meet the same and report it
    }
    for (long pdpte : pdptes) {
      if ((pdpte & Pte.P) != 0
          && (pdpte & (RSVD_PDPTE | addressRsvd | RSVD_PAE | Pte.NX) & ~cBitMask) != 0) {
        return false; // those of the old CR3 are read again on the next walk
      }
    }
    pdptesWaiting = true;
    waitingCr3 = newCr3;
    return true;
  }

  // Entries of 8 bytes: PAE and long mode

  private int walkEntries(long gva, int access, int bank, boolean quiet, long top, int topLevel) {
    long table = top;
    int level = topLevel;
    long granted = GRANTS;
    int kept = quiet ? -1 : cache.find(gva);
    if (kept >= 0) {
      table = cache.table(kept);
      granted = cache.permissions(kept);
      level = 1;
    }
    while (true) {
      int entryShift = 12 + 9 * (level - 1);
      long entryGpa = table + ((gva >>> entryShift) & 511) * 8;
      long entrySpa = nested.translate(entryGpa, !quiet, false, PageFault.TABLE, quiet);
      if (entrySpa < 0) {
        return tableFailure(entrySpa, entryGpa);
      }
      long entry = port.readLong(entrySpa, privateTag);
      if (port.lastStatus() != 0) {
        return portFailure(entryGpa);
      }
      if ((entry & Pte.P) == 0) {
        return fault(access, bank, 0);
      }
      boolean leaf = level == 1 || (level <= 3 && (entry & Pte.PS) != 0);
      if ((entry & reserved(level, leaf)) != 0) {
        return fault(access, bank, PageFault.P | PageFault.RSVD);
      }
      // RW and US are granted by all levels; NX forbids from any.
      long here = (granted & entry & GRANTS) | ((granted | entry) & Pte.NX);
      int pageKey =
          keyed && (here & Pte.US) != 0 ? (int) (entry >>> Pte.KEY_SHIFT) & 15 : Tlb.NO_KEY;
      long locked = leaf && !quiet && locks(pageKey, access, bank) ? PageFault.PK : 0;
      if (leaf && (locked != 0 || !allowed(here, access, bank))) {
        return fault(access, bank, PageFault.P | locked);
      }
      long wanted = entry | Pte.A | (leaf && access == WRITE ? Pte.D : 0);
      if (wanted != entry && !quiet) {
        long seen = port.compareAndExchangeLong(entrySpa, privateTag, entry, wanted);
        if (port.lastStatus() != 0) {
          return portFailure(entryGpa);
        }
        if (seen != entry) {
          continue; // changed meanwhile: look again
        }
      }
      if (leaf) {
        long offset = (1L << entryShift) - 1;
        long base = entry & addressMask & ~offset;
        boolean secret = access == FETCH || (entry & cBitMask) != 0;
        found(
            base | (gva & offset),
            secret ? privateTag : PageTag.SHARED,
            pge && (entry & Pte.G) != 0,
            entryShift);
        key = pageKey;
        return FILLED;
      }
      granted = here;
      table = entry & addressMask;
      if (level == 2 && !quiet) {
        cache.put(gva, table, granted);
      }
      level--;
    }
  }

  private long reserved(int level, boolean leaf) {
    long always = addressRsvd | nxRsvd | (mode == Mode.PAE ? RSVD_PAE & ~cBitMask : 0);
    if (level >= 4) {
      return always | RSVD_TOP;
    }
    if (!leaf || level == 1) {
      return always;
    }
    return always | (level == 3 ? RSVD_1G : RSVD_2M);
  }

  // Entries of 4 bytes: legacy mode; every access is private

  private int walkLegacy(long gva, int access, int bank, boolean quiet) {
    long table = cr3 & Cr3.ADDRESS_LEGACY;
    int level = 2;
    long granted = GRANTS;
    while (true) {
      long entryGpa = table + ((gva >>> (level == 2 ? 22 : 12)) & 1023) * 4;
      long entrySpa = nested.translate(entryGpa, !quiet, false, PageFault.TABLE, quiet);
      if (entrySpa < 0) {
        return tableFailure(entrySpa, entryGpa);
      }
      int halfShift = (int) (entrySpa & 4) * 8;
      long both = port.readLong(entrySpa & ~7L, privateTag);
      if (port.lastStatus() != 0) {
        return portFailure(entryGpa);
      }
      long entry = both >>> halfShift & 0xffff_ffffL;
      if ((entry & Pte.P) == 0) {
        return fault(access, bank, 0);
      }
      boolean large = level == 2 && pse && (entry & Pte.PS) != 0;
      boolean leaf = large || level == 1;
      if (large && (entry & RSVD_4M) != 0) {
        return fault(access, bank, PageFault.P | PageFault.RSVD);
      }
      long here = granted & entry;
      if (leaf && !allowed(here, access, bank)) {
        return fault(access, bank, PageFault.P);
      }
      long bits = Pte.A | (leaf && access == WRITE ? Pte.D : 0);
      if ((entry & bits) != bits && !quiet) {
        long seen =
            port.compareAndExchangeLong(entrySpa & ~7L, privateTag, both, both | bits << halfShift);
        if (port.lastStatus() != 0) {
          return portFailure(entryGpa);
        }
        if (seen != both) {
          continue;
        }
      }
      if (leaf) {
        long page =
            large
                ? (entry & 0xffc0_0000L) | (entry >>> 13 & 0xff) << 32 | (gva & 0x3f_ffff)
                : (entry & 0xffff_f000L) | (gva & 0xfff);
        found(page, privateTag, pge && (entry & Pte.G) != 0, large ? 22 : 12);
        return FILLED;
      }
      granted = here;
      table = entry & 0xffff_f000L;
      level--;
    }
  }

  // Permissions and faults

  /** APM Vol. 2, 5.6: what the levels together grant, against the access. */
  private boolean allowed(long granted, int access, int bank) {
    boolean userPage = (granted & Pte.US) != 0;
    if (access == FETCH && (granted & Pte.NX) != 0) {
      return false;
    }
    if (bank == TlbLayout.BANK_USER) {
      return userPage && (access != WRITE || (granted & Pte.RW) != 0);
    }
    if (access == WRITE && writeProtect && (granted & Pte.RW) == 0) {
      return false;
    }
    if (!userPage) {
      return true;
    }
    if (access == FETCH) {
      return !smep;
    }
    return !smap || bank == TlbLayout.BANK_SUPERVISOR_AC;
  }

  /** APM Vol. 2, 5.6.7: what PKRU forbids on a user's page, whoever accesses it. */
  private boolean locks(int pageKey, int access, int bank) {
    if (pageKey == Tlb.NO_KEY || access == FETCH) {
      return false;
    }
    int rights = keyRights >>> 2 * pageKey;
    boolean writeObeys = bank == TlbLayout.BANK_USER || writeProtect;
    return (rights & 1) != 0 || access == WRITE && (rights & 2) != 0 && writeObeys;
  }

  /** The error code of APM Vol. 2, 8.4.2. */
  private int fault(int access, int bank, long cause) {
    boolean tellsFetch = smep || (mode != Mode.LEGACY && nxRsvd == 0);
    errorCode =
        cause
            | (access == WRITE ? PageFault.RW : 0)
            | (bank == TlbLayout.BANK_USER ? PageFault.US : 0)
            | (access == FETCH && tellsFetch ? PageFault.ID : 0);
    return PAGE_FAULT;
  }

  private int tableFailure(long result, long entryGpa) {
    if (result == NestedWalk.SUSPENDED) {
      return SUSPENDED;
    }
    gpa = entryGpa;
    errorCode = nested.errorCode();
    return NESTED_PAGE_FAULT;
  }

  private int portFailure(long entryGpa) {
    if (port.lastStatus() == MemoryPort.SUSPENDED) {
      return SUSPENDED;
    }
    // Not DRAM, or the ASID's key slot is gone: the host has to see it.
    gpa = entryGpa;
    errorCode = PageFault.TABLE | PageFault.US | PageFault.RW;
    return NESTED_PAGE_FAULT;
  }

  // Results

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
    return gpa;
  }

  @Override
  public long spa() {
    return spa;
  }

  @Override
  public int tag() {
    return tag;
  }

  @Override
  public void written(long changedSpa, long bytes) {
    port.written(changedSpa, bytes);
  }

  // Control

  @Override
  public void setPaging(long newCr0, long newCr3, long newCr4, long newEfer) {
    long changed0 = (cr0 ^ newCr0) & (Cr0.PG | Cr0.WP | Cr0.PE);
    long changed4 =
        (cr4 ^ newCr4)
            & (Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.LA57 | Cr4.SMEP | Cr4.SMAP | Cr4.PCIDE | Cr4.PKE);
    long changedEfer = (efer ^ newEfer) & (Efer.LME | Efer.LMA | Efer.NXE);
    // Read by checkPdptes just before this call; else they are on the next walk.
    pdptesLoaded = pdptesWaiting && waitingCr3 == newCr3;
    pdptesWaiting = false;
    cr0 = newCr0;
    cr3 = newCr3;
    cr4 = newCr4;
    efer = newEfer;
    boolean pae = (cr4 & Cr4.PAE) != 0;
    if ((cr0 & Cr0.PG) == 0) {
      mode = Mode.OFF;
    } else if ((efer & Efer.LMA) != 0) {
      mode = Mode.LONG;
    } else {
      mode = pae ? Mode.PAE : Mode.LEGACY;
    }
    levels = (cr4 & Cr4.LA57) != 0 ? 5 : 4;
    writeProtect = (cr0 & Cr0.WP) != 0;
    smep = (cr4 & Cr4.SMEP) != 0;
    smap = (cr4 & Cr4.SMAP) != 0;
    pse = (cr4 & Cr4.PSE) != 0;
    pge = (cr4 & Cr4.PGE) != 0;
    keyed = mode == Mode.LONG && (cr4 & Cr4.PKE) != 0;
    nxRsvd = (efer & Efer.NXE) != 0 ? 0 : Pte.NX;
    if ((changed0 | changed4 | changedEfer) != 0) {
      tlb.flushAll();
    } else {
      tlb.flushLocal();
    }
    cache.flush();
  }

  @Override
  public void setKeyRights(int pkru) {
    int changed = keyRights ^ pkru;
    keyRights = pkru;
    if (changed != 0) {
      tlb.dropKeys(changed);
    }
  }

  @Override
  public void invalidate(long gva) {
    tlb.flushPage(gva);
    cache.flush();
  }

  @Override
  public void invalidateAll() {
    tlb.flushAll();
    cache.flush();
    nested.flush();
  }

  @Override
  public long probe(long gva) {
    long oldGpa = gpa;
    long oldError = errorCode;
    int oldTag = tag;
    // A user's read would refuse supervisor pages, a supervisor's the user's under SMAP.
    int result = walk(gva, READ, TlbLayout.BANK_SUPERVISOR_AC, true);
    long answer = result == FILLED ? gpa : -1;
    gpa = oldGpa;
    tag = oldTag;
    errorCode = oldError;
    return answer;
  }
}
