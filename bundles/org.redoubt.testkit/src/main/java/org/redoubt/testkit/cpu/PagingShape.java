package org.redoubt.testkit.cpu;

import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;

/** A paging mode, a size of page, and how its entries are laid out in the test's tables. */
enum PagingShape {
  LEGACY_4K(0, 0, 2, 1, 10, 4),
  LEGACY_4M(Cr4.PSE, 0, 2, 2, 10, 4),
  PAE_4K(Cr4.PAE, 0, 2, 1, 9, 8),
  PAE_2M(Cr4.PAE, 0, 2, 2, 9, 8),
  LONG4_4K(Cr4.PAE, Efer.LME | Efer.LMA, 4, 1, 9, 8),
  LONG4_2M(Cr4.PAE, Efer.LME | Efer.LMA, 4, 2, 9, 8),
  LONG4_1G(Cr4.PAE, Efer.LME | Efer.LMA, 4, 3, 9, 8),
  LONG5_4K(Cr4.PAE | Cr4.LA57, Efer.LME | Efer.LMA, 5, 1, 9, 8),
  LONG5_2M(Cr4.PAE | Cr4.LA57, Efer.LME | Efer.LMA, 5, 2, 9, 8),
  LONG5_1G(Cr4.PAE | Cr4.LA57, Efer.LME | Efer.LMA, 5, 3, 9, 8);

  /** In bytes 0 to 4 MiB of physical memory, whatever the page's size. */
  static final long OFFSET = 0x20_0abc;

  final long cr4;
  final long efer;
  final int top;
  final int leaf;
  final int indexBits;
  final int bytes;

  PagingShape(long cr4, long efer, int top, int leaf, int indexBits, int bytes) {
    this.cr4 = cr4;
    this.efer = efer;
    this.top = top;
    this.leaf = leaf;
    this.indexBits = indexBits;
    this.bytes = bytes;
  }

  int shift(int level) {
    return 12 + indexBits * (level - 1);
  }

  boolean wide() {
    return bytes == 8;
  }

  boolean longMode() {
    return efer != 0;
  }

  /** The gva whose walk uses entry 1 of each table, and reads OFFSET of what the leaf maps. */
  long gva() {
    long gva = OFFSET & ((1L << shift(leaf)) - 1);
    for (int level = leaf; level <= top; level++) {
      gva |= 1L << shift(level);
    }
    return gva;
  }

  /** The frame that the leaf maps. */
  long frame() {
    return OFFSET & -(1L << shift(leaf));
  }

  /**
   * Bits that must be zero, typed from the figures of APM Vol. 2, 5.2 to 5.3; {@code cBit} is 0
   * where there is none.
   */
  long reserved(int level, boolean nxe, int physicalBits, int cBit) {
    if (!wide()) {
      return level == 2 && leaf == 2 ? 1L << 21 : 0;
    }
    long bits = 0x000f_ffff_ffff_ffffL & -(1L << physicalBits);
    if (cBit != 0) {
      bits &= ~(1L << cBit);
    }
    if (!nxe) {
      bits |= 1L << 63;
    }
    if (!longMode()) {
      bits |= 0x7ff0_0000_0000_0000L;
    }
    if (level >= 4) {
      bits |= 0x180;
    }
    if (level == leaf) {
      bits |= level == 2 ? 0x001f_e000 : level == 3 ? 0x3fff_e000 : 0;
    }
    return bits;
  }

  /** Bits that would lead elsewhere, which is not what the reserved-bits test asks about. */
  boolean addressOrSize(int level, int bit, int physicalBits) {
    if (!wide()) {
      return bit >= 12 || (bit == 7 && level == 2);
    }
    return (bit >= 12 && bit < physicalBits) || (bit == 7 && level > 1);
  }
}
