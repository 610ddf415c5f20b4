package org.redoubt.mmu.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.redoubt.api.cpu.TlbLayout;

/**
 * Writes the entries of one vCPU's {@link TlbLayout} block. Remembers which entries came from pages
 * that are not global, so that a change of CR3 costs as much as was filled since the last one, and
 * in which regions large pages lie, so that INVLPG of a small page looks at three entries only.
 */
final class Tlb {
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int SLOTS = TlbLayout.BANKS * TlbLayout.ENTRIES;
  private static final int REGIONS = 4096;

  /** Key of a page that has none. */
  static final int NO_KEY = -1;

  private final MemorySegment block;

  /** Protection keys of the pages that loads and stores use, and which of them there are. */
  private final byte[] keys = new byte[SLOTS];

  private int keysUsed;

  /** Slots filled from a page that is not global, since the last flush of those. */
  private final int[] local = new int[SLOTS];

  private final boolean[] inLocal = new boolean[SLOTS];
  private int localCount;

  /** By a hash of gva >>> 21 (2 and 4 MiB pages) and gva >>> 30 (1 GiB): may hold large pages. */
  private final boolean[] largeRegions = new boolean[REGIONS];

  private final boolean[] giantRegions = new boolean[REGIONS];

  Tlb(MemorySegment block) {
    if (block.byteSize() < TlbLayout.BYTES) {
      throw new IllegalArgumentException(
          "bug: a TLB block of %d bytes, it takes %d".formatted(block.byteSize(), TlbLayout.BYTES));
    }
    this.block = block;
    flushAll();
  }

  /**
   * Enters a page. What the entry allowed before stays allowed if it is the same page at the same
   * host address.
   */
  void insert(
      int bank,
      long gva,
      long hostPage,
      boolean read,
      boolean write,
      boolean fetch,
      boolean global,
      int shift,
      int key) {
    long page = gva & -4096L;
    long entry = TlbLayout.entry(bank, gva);
    long addend = hostPage - page;
    boolean same = block.get(LONG, entry + TlbLayout.ADDEND) == addend;
    set(entry + TlbLayout.READ_TAG, page, read, same);
    set(entry + TlbLayout.WRITE_TAG, page, write, same);
    set(entry + TlbLayout.FETCH_TAG, page, fetch, same);
    block.set(LONG, entry + TlbLayout.ADDEND, addend);
    int slot = (int) ((entry - TlbLayout.BANKS_OFFSET) / TlbLayout.ENTRY_BYTES);
    if (read) {
      keys[slot] = (byte) key;
      keysUsed |= key == NO_KEY ? 0 : 1 << key;
    }
    if (!global) {
      if (!inLocal[slot]) {
        inLocal[slot] = true;
        local[localCount++] = slot;
      }
    }
    if (shift >= 30) {
      giantRegions[region(gva >>> 30)] = true;
    } else if (shift > 12) {
      largeRegions[region(gva >>> 21)] = true;
    }
  }

  /**
   * Rights have changed: drops loads and stores of the pages that they are about.
   *
   * @param rights two bits for each key
   */
  void dropKeys(int rights) {
    int changed = 0;
    for (int key = 0; key < 16; key++) {
      changed |= (rights >>> 2 * key & 3) != 0 ? 1 << key : 0;
    }
    if ((changed & keysUsed) == 0) {
      return;
    }
    for (int slot = 0; slot < SLOTS; slot++) {
      if (keys[slot] != NO_KEY && (changed >>> keys[slot] & 1) != 0) {
        long entry = TlbLayout.BANKS_OFFSET + (long) slot * TlbLayout.ENTRY_BYTES;
        block.set(LONG, entry + TlbLayout.READ_TAG, TlbLayout.INVALID);
        block.set(LONG, entry + TlbLayout.WRITE_TAG, TlbLayout.INVALID);
        keys[slot] = NO_KEY;
      }
    }
    keysUsed &= ~changed;
  }

  private void set(long offset, long page, boolean allowed, boolean same) {
    if (allowed) {
      block.set(LONG, offset, page);
    } else if (!same || block.get(LONG, offset) != page) {
      block.set(LONG, offset, TlbLayout.INVALID);
    }
  }

  /** Empties every entry. */
  void flushAll() {
    for (int slot = 0; slot < SLOTS; slot++) {
      drop(TlbLayout.BANKS_OFFSET + (long) slot * TlbLayout.ENTRY_BYTES);
    }
    for (int i = 0; i < localCount; i++) {
      inLocal[local[i]] = false;
    }
    localCount = 0;
    java.util.Arrays.fill(keys, (byte) NO_KEY);
    keysUsed = 0;
    java.util.Arrays.fill(largeRegions, false);
    java.util.Arrays.fill(giantRegions, false);
  }

  /** Empties the entries of pages that are not global. */
  void flushLocal() {
    for (int i = 0; i < localCount; i++) {
      int slot = local[i];
      inLocal[slot] = false;
      drop(TlbLayout.BANKS_OFFSET + (long) slot * TlbLayout.ENTRY_BYTES);
    }
    localCount = 0;
  }

  /** INVLPG: drops the page that maps a gva, of whatever size, global or not. */
  void flushPage(long gva) {
    if (giantRegions[region(gva >>> 30)]) {
      flushRange(gva, 30);
    } else if (largeRegions[region(gva >>> 21)]) {
      // A 4 MiB page of legacy mode covers two regions.
      flushRange(gva, 22);
    } else {
      for (int bank = 0; bank < TlbLayout.BANKS; bank++) {
        long entry = TlbLayout.entry(bank, gva);
        long page = gva & -4096L;
        if (block.get(LONG, entry + TlbLayout.READ_TAG) == page
            || block.get(LONG, entry + TlbLayout.WRITE_TAG) == page
            || block.get(LONG, entry + TlbLayout.FETCH_TAG) == page) {
          drop(entry);
        }
      }
    }
  }

  private void flushRange(long gva, int shift) {
    long wanted = gva >>> shift;
    for (int slot = 0; slot < SLOTS; slot++) {
      long entry = TlbLayout.BANKS_OFFSET + (long) slot * TlbLayout.ENTRY_BYTES;
      if (block.get(LONG, entry + TlbLayout.READ_TAG) >>> shift == wanted
          || block.get(LONG, entry + TlbLayout.WRITE_TAG) >>> shift == wanted
          || block.get(LONG, entry + TlbLayout.FETCH_TAG) >>> shift == wanted) {
        drop(entry);
      }
    }
  }

  private void drop(long entry) {
    block.set(LONG, entry + TlbLayout.READ_TAG, TlbLayout.INVALID);
    block.set(LONG, entry + TlbLayout.WRITE_TAG, TlbLayout.INVALID);
    block.set(LONG, entry + TlbLayout.FETCH_TAG, TlbLayout.INVALID);
  }

  private static int region(long number) {
    return (int) (number ^ number >>> 12) & (REGIONS - 1);
  }
}
