package org.redoubt.spec.x86;

/** XCR0 bits: the components of XSAVE. APM Vol. 2, 11.5.2. */
public final class Xcr0 {
  public static final long X87 = 1L << 0;
  public static final long SSE = 1L << 1;
  public static final long YMM = 1L << 2;
  public static final long PKRU = 1L << 9;

  private Xcr0() {}
}
