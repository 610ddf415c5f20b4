package org.redoubt.spec.x86;

/** CR0 bits. APM Vol. 2, 3.1.1. */
public final class Cr0 {
  public static final long PE = 1L << 0;
  public static final long MP = 1L << 1;
  public static final long EM = 1L << 2;
  public static final long TS = 1L << 3;

  /** Fixed to one. */
  public static final long ET = 1L << 4;

  public static final long NE = 1L << 5;
  public static final long WP = 1L << 16;
  public static final long AM = 1L << 18;
  public static final long NW = 1L << 29;
  public static final long CD = 1L << 30;
  public static final long PG = 1L << 31;

  /** Every bit that is not reserved; bits 63:32 must be zero. */
  public static final long DEFINED = PE | MP | EM | TS | ET | NE | WP | AM | NW | CD | PG;

  /** The value after RESET or INIT: CD, NW and ET set. APM Vol. 2, Table 14-1. */
  public static final long RESET = CD | NW | ET;

  private Cr0() {}
}
