package org.redoubt.spec.x86;

/** Segment registers as encoded, and descriptor bits. APM Vol. 2, 4.5 to 4.8. */
public final class Seg {
  public static final int ES = 0;
  public static final int CS = 1;
  public static final int SS = 2;
  public static final int DS = 3;
  public static final int FS = 4;
  public static final int GS = 5;

  /**
   * Bits of a cached descriptor's attributes: descriptor bits 55:52 and 47:40, as the VMCB packs.
   */
  public static final int ATTR_TYPE = 0xf;

  public static final int ATTR_ACCESSED = 1 << 0;

  /** Readable (code) or writable (data). */
  public static final int ATTR_RW = 1 << 1;

  /** Conforming (code) or expand-down (data). */
  public static final int ATTR_CE = 1 << 2;

  public static final int ATTR_CODE = 1 << 3;

  /** Set for code and data, clear for system descriptors. */
  public static final int ATTR_S = 1 << 4;

  public static final int ATTR_DPL_SHIFT = 5;
  public static final int ATTR_DPL = 3 << 5;
  public static final int ATTR_P = 1 << 7;
  public static final int ATTR_AVL = 1 << 8;
  public static final int ATTR_L = 1 << 9;

  /** Default operand size (code) or stack size (data). */
  public static final int ATTR_DB = 1 << 10;

  public static final int ATTR_G = 1 << 11;

  /** System descriptor types. APM Vol. 2, Tables 4-5 and 4-6. */
  public static final int TYPE_TSS16 = 1;

  public static final int TYPE_LDT = 2;
  public static final int TYPE_TSS16_BUSY = 3;
  public static final int TYPE_CALL_GATE16 = 4;
  public static final int TYPE_TASK_GATE = 5;
  public static final int TYPE_INTERRUPT_GATE16 = 6;
  public static final int TYPE_TRAP_GATE16 = 7;
  public static final int TYPE_TSS = 9;
  public static final int TYPE_TSS_BUSY = 11;
  public static final int TYPE_CALL_GATE = 12;
  public static final int TYPE_INTERRUPT_GATE = 14;
  public static final int TYPE_TRAP_GATE = 15;

  private Seg() {}
}
