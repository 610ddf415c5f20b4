package org.redoubt.api.cpu;

import java.util.TreeMap;

/**
 * All guest-visible state of a vCPU at an instruction boundary: the form in which it moves between
 * engines, loaders, debuggers and snapshots. A plain mutable carrier without behaviour; not
 * thread-safe.
 */
public final class CpuState {
  /** Segment numbers, as in instruction encodings; the last two are the system segments. */
  public static final int ES = 0;

  public static final int CS = 1;
  public static final int SS = 2;
  public static final int DS = 3;
  public static final int FS = 4;
  public static final int GS = 5;
  public static final int LDTR = 6;
  public static final int TR = 7;

  /** RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15. */
  public final long[] gpr = new long[16];

  public long rip;
  public long rflags = 2;

  public final int[] selector = new int[8];
  public final long[] base = new long[8];

  /** Limits in bytes, granularity applied. */
  public final long[] limit = new long[8];

  /** Attributes as in a VMCB: descriptor bits 55:52 and 47:40. APM Vol. 2, Appendix B. */
  public final int[] attributes = new int[8];

  public long gdtBase;
  public int gdtLimit;
  public long idtBase;
  public int idtLimit;
  public long cr0;
  public long cr2;
  public long cr3;
  public long cr4;
  public long cr8;
  public long xcr0 = 1;

  /** DR0 to DR3, two unused, DR6, DR7. */
  public final long[] dr = new long[8];

  /**
   * MSRs that the engine keeps, by number: EFER, STAR, LSTAR, FS_BASE is in {@link #base}, and so
   * on.
   */
  public final TreeMap<Integer, Long> msr = new TreeMap<>();

  /**
   * The XSAVE area in standard format: legacy region, header, then the extended components of XCR0.
   */
  public byte[] xsave = new byte[576];

  /** Whether the vCPU is in HLT. */
  public boolean halted;

  /** Whether interrupts are held off for one instruction (after STI or MOV SS). */
  public boolean interruptShadow;

  /** Whether NMIs are blocked until IRET. */
  public boolean nmiBlocked;
}
