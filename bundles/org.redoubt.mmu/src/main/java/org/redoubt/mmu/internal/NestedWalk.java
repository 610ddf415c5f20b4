package org.redoubt.mmu.internal;

import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.PageTag;
import org.redoubt.spec.x86.PageFault;
import org.redoubt.spec.x86.Pte;

/**
 * From guest-physical to system-physical, by 4-level tables in host memory. APM Vol. 2, 15.25.
 * Translations are kept until {@link #flush}: the host, not the guest, changes these tables.
 */
final class NestedWalk {
  /** No entry: a device's address, or nobody's. */
  static final long NOT_PRESENT = -1;

  /** {@link #errorCode()} says what is wrong. */
  static final long FAULT = -2;

  /** The memory system is suspended. */
  static final long SUSPENDED = -3;

  private static final int SLOTS = 4096;

  /** Reserved in a PML4 entry: bits 8:7. APM Vol. 2, 5.3.3. */
  private static final long RSVD_PML4 = Pte.PS | Pte.G;

  private static final long RSVD_1G = 0x3fff_e000L;
  private static final long RSVD_2M = 0x1f_e000L;

  /** Low bits of a kept translation. */
  private static final long WRITABLE = 1;

  private static final long DIRTY = 2;
  private static final long EXECUTABLE = 4;

  private final MemoryPort port;
  private final NestedPaging nested;
  private final long[] gpaPages = new long[SLOTS];
  private final long[] spaPages = new long[SLOTS];
  private long errorCode;

  NestedWalk(MemoryPort port, NestedPaging nested) {
    this.port = port;
    this.nested = nested;
    flush();
  }

  void flush() {
    java.util.Arrays.fill(gpaPages, -1);
  }

  /** EXITINFO1 of the last {@link #FAULT}; and what it would be for {@link #NOT_PRESENT}. */
  long errorCode() {
    return errorCode;
  }

  /**
   * Translates.
   *
   * @param gpa guest-physical address, C-bit stripped
   * @param write whether to write; table walks of the guest always count as writes
   * @param fetch whether to fetch an instruction
   * @param where {@link PageFault#FINAL} or {@link PageFault#TABLE}
   * @param quiet whether to leave accessed and dirty bits alone
   * @return spa, or a negative result
   */
  long translate(long gpa, boolean write, boolean fetch, long where, boolean quiet) {
    if (!nested.enabled()) {
      return gpa;
    }
    int slot = (int) (gpa >>> 12) & (SLOTS - 1);
    if (gpaPages[slot] == gpa >>> 12) {
      long kept = spaPages[slot];
      long needed = (write ? WRITABLE | DIRTY : 0) | (fetch ? EXECUTABLE : 0);
      if ((kept & needed) == needed) {
        return (kept & -4096L) | (gpa & 4095);
      }
    }
    return walk(gpa, write, fetch, where, quiet);
  }

  private long walk(long gpa, boolean write, boolean fetch, long where, boolean quiet) {
    // Nested accesses count as the user's. APM Vol. 2, 15.25.5.
    long code = where | PageFault.US | (write ? PageFault.RW : 0) | (fetch ? PageFault.ID : 0);
    errorCode = code;
    if (gpa >>> 48 != 0) {
      return NOT_PRESENT;
    }
    long table = nested.nCr3() & Pte.ADDRESS;
    long granted = Pte.RW | Pte.US;
    boolean noExecute = false;
    int level = 4;
    while (true) {
      int shift = 12 + 9 * (level - 1);
      long entrySpa = table + ((gpa >>> shift) & 511) * 8;
      long entry = port.readLong(entrySpa, PageTag.SHARED);
      long status = port.lastStatus();
      if (status != 0) {
        return status == MemoryPort.SUSPENDED ? SUSPENDED : FAULT;
      }
      if ((entry & Pte.P) == 0) {
        return NOT_PRESENT;
      }
      boolean leaf = level == 1 || (level <= 3 && (entry & Pte.PS) != 0);
      if ((entry & reserved(level, leaf)) != 0) {
        errorCode = code | PageFault.P | PageFault.RSVD;
        return FAULT;
      }
      granted &= entry;
      noExecute |= (entry & Pte.NX) != 0;
      if (leaf) {
        boolean allowed =
            (granted & Pte.US) != 0 && (!write || (granted & Pte.RW) != 0) && !(fetch && noExecute);
        if (!allowed) {
          errorCode = code | PageFault.P;
          return FAULT;
        }
      }
      long wanted = entry | Pte.A | (leaf && write ? Pte.D : 0);
      if (wanted != entry && !quiet) {
        if (port.compareAndExchangeLong(entrySpa, PageTag.SHARED, entry, wanted) != entry) {
          // Somebody changed it meanwhile: the whole walk again.
          return walk(gpa, write, fetch, where, quiet);
        }
        entry = wanted;
      }
      if (leaf) {
        long offset = (1L << shift) - 1;
        long spa = (entry & Pte.ADDRESS & ~offset) | (gpa & offset);
        if (!quiet) {
          int slot = (int) (gpa >>> 12) & (SLOTS - 1);
          gpaPages[slot] = gpa >>> 12;
          spaPages[slot] =
              (spa & -4096L)
                  | ((granted & Pte.RW) != 0 ? WRITABLE : 0)
                  | ((entry & Pte.D) != 0 ? DIRTY : 0)
                  | (noExecute ? 0 : EXECUTABLE);
        }
        return spa;
      }
      table = entry & Pte.ADDRESS;
      level--;
    }
  }

  private static long reserved(int level, boolean leaf) {
    return switch (level) {
      case 4 -> RSVD_PML4;
      case 3 -> leaf ? RSVD_1G : 0;
      case 2 -> leaf ? RSVD_2M : 0;
      default -> 0;
    };
  }
}
