package org.redoubt.x86.exec;

import java.util.Arrays;
import org.redoubt.x86.exec.internal.fp.SoftFloat;

/**
 * The x87, MMX and SSE registers of a vCPU, and the workspace in which an instruction combines
 * them.
 *
 * <p>The eight physical x87 registers are the MMX registers too: MMX register n is the significand
 * of physical register n. ST(i) is physical register (top + i) mod 8. Owned by the vCPU's thread.
 */
public final class Fpu {
  static final int CONTROL_INIT = 0x37f;
  static final int MXCSR_INIT = 0x1f80;

  /** Implemented bits of MXCSR: all sixteen, and MM (misaligned SSE mode). APM1 4.2.2. */
  static final int MXCSR_MASK = 0x2_ffff;

  /** MXCSR.MM: no alignment faults of SSE operands. */
  static final int MXCSR_MM = 1 << 17;

  // Status word. APM1 6.2.2.
  static final int SF = 0x40;
  static final int ES = 0x80;
  static final int C0 = 0x100;
  static final int C1 = 0x200;
  static final int C2 = 0x400;
  static final int C3 = 0x4000;
  static final int B = 0x8000;
  static final int TOP_SHIFT = 11;
  static final int TOP_BITS = 7 << TOP_SHIFT;

  static final int EXCEPTIONS = 0x3f;
  static final long INTEGER_BIT = 1L << 63;

  /** XMM register n is {@code xmm[2n]} (low) and {@code xmm[2n + 1]}. */
  public final long[] xmm = new long[32];

  /** Bits 255:128 of YMM register n are {@code ymm[2n]} (low) and {@code ymm[2n + 1]}. */
  public final long[] ymm = new long[32];

  /** Significands of the physical registers. */
  public final long[] significand = new long[8];

  /** Sign and exponent of the physical registers, 16 bits. */
  public final int[] signExponent = new int[8];

  /** The x87 control word. */
  public int control = CONTROL_INIT;

  /** The x87 status word without TOP. */
  public int status;

  public int top;

  /** One bit for each physical register that is not empty: the abridged tag word. */
  public int tags;

  /** The last x87 opcode: eleven bits. */
  public int lastOpcode;

  /**
   * Address of the last x87 instruction that was not a control instruction, and of its memory
   * operand.
   */
  public long lastInstruction;

  public long lastData;
  public int lastCs;
  public int lastDs;

  private int mxcsr = MXCSR_INIT;

  /** Whether host arithmetic rounds as the guest's SSE arithmetic does. */
  boolean nearest = true;

  /** Whether PE is set and masked, so that inexactness need not be found out. */
  boolean inexactKnown;

  /** SSE exception flags of the instruction in hand. */
  int raised;

  /** Source and destination of the instruction in hand: low and high halves. */
  long s0;

  long s1;
  long d0;
  long d1;

  /** The 128-bit lane of the instruction in hand: 0, or 1 for the upper half of a YMM register. */
  int lane;

  /** Whether another lane follows: results and exceptions wait for it. */
  boolean moreLanes;

  /** The result of lane 0 while lane 1 is computed. */
  long lane0Low;

  long lane0High;

  /** Vectors of 256 bits for instructions that cross lanes: four longs each. */
  final long[] v = new long[4];

  final long[] w = new long[4];
  final long[] result = new long[4];

  final SoftFloat soft = new SoftFloat();

  /** Room for an XSAVE image, in the making. */
  final long[] image = new long[StateSave.BYTES / 8];

  public int mxcsr() {
    return mxcsr;
  }

  /** Replaces MXCSR; the reserved bits must be zero. */
  public void setMxcsr(int value) {
    mxcsr = value;
    nearest = (value & 0x6000) == 0;
    inexactKnown =
        (value & (SoftFloat.PE | SoftFloat.PE << 7)) == (SoftFloat.PE | SoftFloat.PE << 7);
  }

  /** RESET: as {@link #init}, but for the control word; all registers clear. APM2, Table 14-1. */
  void reset() {
    init();
    control = 0x40;
    Arrays.fill(xmm, 0);
    Arrays.fill(ymm, 0);
    Arrays.fill(significand, 0);
    Arrays.fill(signExponent, 0);
    setMxcsr(MXCSR_INIT);
  }

  /** The state after FNINIT. */
  public void init() {
    control = CONTROL_INIT;
    status = 0;
    top = 0;
    tags = 0;
    lastOpcode = 0;
    lastInstruction = 0;
    lastData = 0;
    lastCs = 0;
    lastDs = 0;
  }

  /** The x87 status word as the guest sees it. */
  public int statusWord() {
    return status | top << TOP_SHIFT;
  }

  /** Sets status word and TOP. ES and B follow the exceptions and their masks. */
  public void setStatusWord(int value) {
    top = value >> TOP_SHIFT & 7;
    status = value & ~TOP_BITS & 0xffff;
    summarize();
  }

  /** ES and B from the flags and the masks. */
  void summarize() {
    boolean pending = (status & ~control & EXCEPTIONS) != 0;
    status = (status & ~(ES | B)) | (pending ? ES | B : 0);
  }

  /** Physical number of ST({@code i}). */
  int physical(int i) {
    return top + i & 7;
  }

  boolean empty(int i) {
    return (tags >> physical(i) & 1) == 0;
  }

  void setSt(int i, int newSignExponent, long newSignificand) {
    int p = physical(i);
    signExponent[p] = newSignExponent;
    significand[p] = newSignificand;
    tags |= 1 << p;
  }

  int stSignExponent(int i) {
    return signExponent[physical(i)];
  }

  long stSignificand(int i) {
    return significand[physical(i)];
  }

  void free(int i) {
    tags &= ~(1 << physical(i));
  }

  void pop() {
    free(0);
    top = top + 1 & 7;
  }

  /** What every MMX instruction but EMMS does: TOP zero, nothing empty. APM5, 5.5. */
  void enterMmx() {
    top = 0;
    tags = 0xff;
  }

  void setMmx(int register, long value) {
    significand[register] = value;
    signExponent[register] = 0xffff;
  }

  /**
   * The two-bit tag of physical register {@code p}: 0 valid, 1 zero, 2 special, 3 empty. APM1
   * 6.2.3.
   */
  int fullTag(int p) {
    if ((tags >> p & 1) == 0) {
      return 3;
    }
    int exponent = signExponent[p] & 0x7fff;
    long bits = significand[p];
    if (exponent == 0) {
      return bits == 0 ? 1 : 2;
    }
    return exponent == 0x7fff || bits >= 0 ? 2 : 0;
  }

  int fullTags() {
    int word = 0;
    for (int p = 7; p >= 0; p--) {
      word = word << 2 | fullTag(p);
    }
    return word;
  }

  void setFullTags(int word) {
    tags = 0;
    for (int p = 0; p < 8; p++) {
      if ((word >> (2 * p) & 3) != 3) {
        tags |= 1 << p;
      }
    }
  }
}
