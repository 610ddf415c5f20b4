package org.redoubt.spec.x86;

/** CR3 fields. APM Vol. 2, 3.1.2 and 5.5.1. */
public final class Cr3 {
  /** Page-level writethrough, when CR4.PCIDE is clear. */
  public static final long PWT = 1L << 3;

  /** Page-level cache disable, when CR4.PCIDE is clear. */
  public static final long PCD = 1L << 4;

  /** The process-context identifier, when CR4.PCIDE is set. */
  public static final long PCID = 0xfff;

  /** In a value moved to CR3 under PCIDE: keep the TLB entries of the new PCID. Never stored. */
  public static final long NO_FLUSH = 1L << 63;

  /** The table's address in long mode, bits 51:12 (the C-bit included). */
  public static final long ADDRESS_LONG = 0x000f_ffff_ffff_f000L;

  /** The page-directory-pointer table's address in legacy PAE mode, bits 31:5. */
  public static final long ADDRESS_PAE = 0xffff_ffe0L;

  /** The page directory's address in legacy 32-bit mode, bits 31:12. */
  public static final long ADDRESS_LEGACY = 0xffff_f000L;

  private Cr3() {}
}
