package org.redoubt.spec.x86;

/** MXCSR bits. APM Vol. 1, 4.2.2. */
public final class Mxcsr {
  public static final int IE = 1 << 0;
  public static final int DE = 1 << 1;
  public static final int ZE = 1 << 2;
  public static final int OE = 1 << 3;
  public static final int UE = 1 << 4;
  public static final int PE = 1 << 5;
  public static final int DAZ = 1 << 6;

  /** Exception masks start here, in the order of the flags in bits 5:0. */
  public static final int MASK_SHIFT = 7;

  public static final int RC_SHIFT = 13;
  public static final int FZ = 1 << 15;
  public static final int MM = 1 << 17;

  public static final int RESET = 0x1f80;

  /** Bits that may be set (without misaligned-exception mask). */
  public static final int DEFINED = 0xffff;

  private Mxcsr() {}
}
