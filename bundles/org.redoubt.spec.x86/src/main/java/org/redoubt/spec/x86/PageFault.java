package org.redoubt.spec.x86;

/** Bits of the #PF error code and, with the upper ones, of a nested page fault's EXITINFO1. */
public final class PageFault {
  /** The page was present. APM Vol. 2, 8.4.2. */
  public static final long P = 1L << 0;

  public static final long RW = 1L << 1;
  public static final long US = 1L << 2;

  /** A reserved bit was set in an entry. */
  public static final long RSVD = 1L << 3;

  /** Instruction fetch (with NX or SMEP on). */
  public static final long ID = 1L << 4;

  public static final long PK = 1L << 5;
  public static final long SS = 1L << 6;

  /** The RMP check failed. APM Vol. 2, 15.36.10. */
  public static final long RMP = 1L << 31;

  /** NPF: on translating the guest's final physical address. APM Vol. 2, 15.25.6. */
  public static final long FINAL = 1L << 32;

  /** NPF: on translating a guest page table's address. */
  public static final long TABLE = 1L << 33;

  /** NPF with RMP: the access had an effective C-bit of one. */
  public static final long ENC = 1L << 34;

  /** NPF with RMP: the page sizes differ. */
  public static final long SIZEM = 1L << 35;

  /** NPF with RMP: a VMPL permission failed. */
  public static final long VMPL = 1L << 36;

  private PageFault() {}
}
