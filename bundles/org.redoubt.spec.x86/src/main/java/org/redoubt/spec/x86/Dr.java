package org.redoubt.spec.x86;

/** DR6 and DR7 bits. APM Vol. 2, 13.1.1. */
public final class Dr {
  /** DR6 bits 3:0: which breakpoint matched. */
  public static final long DR6_B = 0xf;

  public static final long DR6_BD = 1L << 13;
  public static final long DR6_BS = 1L << 14;
  public static final long DR6_BT = 1L << 15;

  /** DR6 after reset; these bits read as one. */
  public static final long DR6_FIXED = 0xffff_0ff0L;

  /** DR7 bits 7:0: local and global enables. */
  public static final long DR7_ENABLES = 0xff;

  public static final long DR7_GD = 1L << 13;

  /** DR7 bit 10 reads as one. */
  public static final long DR7_FIXED = 1L << 10;

  /** DR7 bits that read as zero: 12, 14, 15 and 63:32. */
  public static final long DR7_DEFINED = 0xffff_2fffL;

  private Dr() {}
}
