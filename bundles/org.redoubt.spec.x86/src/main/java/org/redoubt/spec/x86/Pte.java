package org.redoubt.spec.x86;

/**
 * Bits of a page-table entry, at any level. APM Vol. 2, 5.3 and 5.4. The C-bit's position comes
 * from CPUID 8000_001Fh EBX[5:0] and is not fixed here.
 */
public final class Pte {
  public static final long P = 1L << 0;
  public static final long RW = 1L << 1;
  public static final long US = 1L << 2;
  public static final long PWT = 1L << 3;
  public static final long PCD = 1L << 4;

  /** Accessed. */
  public static final long A = 1L << 5;

  /** Dirty; only in an entry that maps a page. */
  public static final long D = 1L << 6;

  /** Page size: this directory entry maps a large page. */
  public static final long PS = 1L << 7;

  /** Page-attribute table bit of a 4 KiB entry (where {@link #PS} is in higher levels). */
  public static final long PAT = 1L << 7;

  /** Global; only in an entry that maps a page. */
  public static final long G = 1L << 8;

  /** Page-attribute table bit of a 2 MiB or 1 GiB entry. */
  public static final long PAT_LARGE = 1L << 12;

  /** Bits 62:59 are the protection key of a page, where CR4.PKE is set. APM Vol. 2, 5.6.7. */
  public static final int KEY_SHIFT = 59;

  /** No execute. */
  public static final long NX = 1L << 63;

  /** Bits 51:12, the widest physical address. */
  public static final long ADDRESS = 0x000f_ffff_ffff_f000L;

  private Pte() {}
}
