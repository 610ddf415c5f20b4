package org.redoubt.x86.decode;

/**
 * One operand. Instances are interned: there are few distinct ones. The address of a memory operand
 * and the value of an immediate are in the {@link Insn}, which has at most one of the former and
 * two of the latter.
 */
public final class Operand {
  /** What an operand is. The values are contiguous, for switches. */
  public static final int GPR = 0;

  /** AH, CH, DH, BH: bits 15:8 of register 0 to 3. */
  public static final int GPR_HIGH = 1;

  public static final int MEMORY = 2;

  /** {@link Insn#imm}. */
  public static final int IMMEDIATE = 3;

  /** {@link Insn#imm2}. */
  public static final int IMMEDIATE2 = 4;

  /** A branch target: {@link Insn#imm} is the target address itself. */
  public static final int TARGET = 5;

  /** A far pointer in the instruction: {@link Insn#imm} offset, {@link Insn#imm2} selector. */
  public static final int FAR = 6;

  public static final int SEGMENT = 7;
  public static final int CONTROL = 8;
  public static final int DEBUG = 9;
  public static final int MMX = 10;
  public static final int XMM = 11;

  /** x87 stack register ST(reg). */
  public static final int ST = 12;

  private static final int KINDS = 13;
  private static final int[] WIDTHS = {0, 8, 16, 32, 64, 80, 128, 48, 256, 512};
  private static final Operand[] INTERNED = new Operand[KINDS * WIDTHS.length * 16];

  static {
    for (int kind = 0; kind < KINDS; kind++) {
      for (int w = 0; w < WIDTHS.length; w++) {
        for (int reg = 0; reg < 16; reg++) {
          INTERNED[(kind * WIDTHS.length + w) * 16 + reg] = new Operand(kind, reg, WIDTHS[w]);
        }
      }
    }
  }

  /** {@link #GPR} and so on. */
  public final int kind;

  /** Register number; 0 where there is none. */
  public final int reg;

  /**
   * Bits that are read or written: of a scalar SSE operand 32 or 64; 0 where only an address
   * counts.
   */
  public final int width;

  private Operand(int kind, int reg, int width) {
    this.kind = kind;
    this.reg = reg;
    this.width = width;
  }

  static Operand of(int kind, int reg, int width) {
    for (int w = 0; w < WIDTHS.length; w++) {
      if (WIDTHS[w] == width) {
        return INTERNED[(kind * WIDTHS.length + w) * 16 + reg];
      }
    }
    throw new IllegalArgumentException("No operand is " + width + " bits wide");
  }

  public boolean isMemory() {
    return kind == MEMORY;
  }
}
