package org.redoubt.x86.decode;

import org.redoubt.spec.x86.Seg;

/**
 * A decoded instruction: the operation and everything that its encoding says. Immutable. It belongs
 * to one virtual address, so that branch targets and RIP-relative operands are absolute.
 */
public final class Insn {
  /** No register, in {@link #base} and {@link #index}. */
  public static final int NO_REG = -1;

  public static final int REP_NONE = 0;

  /** F3: REP, REPE. */
  public static final int REP = 1;

  /** F2: REPNE. */
  public static final int REPNE = 2;

  public final Op op;

  /** Address of this instruction: an offset in CS, the same as linear in 64-bit mode. */
  public final long rip;

  /** Address of the next instruction. */
  public final long next;

  /** Bytes, prefixes included. */
  public final int length;

  public final CodeSize codeSize;

  /**
   * Width of the operation in bits: of the first operand or, where there is none, and for stack and
   * control operations, the operand size.
   */
  public final int width;

  /** Effective operand size: 16, 32 or 64. */
  public final int operandSize;

  /** Effective address size: 16, 32 or 64. */
  public final int addressSize;

  /** Segment of the memory operand, or of the source of a string operation, overrides applied. */
  public final int segment;

  /** Base register of the memory operand, or {@link #NO_REG}. */
  public final int base;

  /** Index register of the memory operand, or {@link #NO_REG}. */
  public final int index;

  /** The index is shifted left by this. */
  public final int scale;

  /** Displacement, sign-extended; for a RIP-relative operand the whole address. */
  public final long disp;

  /** First immediate: sign-extended where the manual says so, else zero-extended. */
  public final long imm;

  public final long imm2;

  /** Condition code 0 to 15 of Jcc, SETcc, CMOVcc: the low four bits of the opcode. */
  public final int condition;

  /** {@link #REP_NONE}, {@link #REP} or {@link #REPNE}. */
  public final int rep;

  public final boolean lock;

  /** Opcode byte of its map; the last one. */
  public final int opcode;

  /** ModRM byte, or 0 where there is none. */
  public final int modRm;

  /** Vector length in bits of a VEX encoding, 128 or 256; 0 of any other encoding. */
  public final int vector;

  /**
   * Which operand is the source of a vector operation of two operands: 1, or 2 where VEX gives the
   * destination's old value an operand of its own, which then is operand 1.
   */
  public final int source;

  /**
   * True when the source operand grows with the vector length, so that each 128-bit lane of the
   * destination has its share of it.
   */
  public final boolean sourceByLane;

  /** The CPUID feature of this encoding; {@link Op#feature()} must be there too. */
  public final Feature feature;

  private final Operand[] operands;

  Insn(Decoder d, Op op, Operand[] operands, int width) {
    this.op = op;
    this.rip = d.rip;
    this.length = d.length();
    this.next = d.wrapRip(d.rip + length);
    this.codeSize = d.codeSize;
    this.width = width;
    this.operandSize = d.operandSize;
    this.addressSize = d.addressSize;
    this.segment = d.segment;
    this.base = d.base;
    this.index = d.index;
    this.scale = d.scale;
    this.disp = d.disp;
    this.imm = d.imm;
    this.imm2 = d.imm2;
    this.condition = d.opcode & 15;
    this.rep = d.rep;
    this.lock = d.lock;
    this.opcode = d.opcode;
    this.modRm = d.modrm;
    this.vector = d.vector;
    this.source = d.source;
    this.sourceByLane = d.sourceByLane;
    this.feature = d.feature;
    this.operands = operands;
  }

  /** Number of operands. */
  public int operands() {
    return operands.length;
  }

  /** Operand {@code i}, destination first. */
  public Operand operand(int i) {
    return operands[i];
  }

  /** True when some operand is in memory. */
  public boolean hasMemory() {
    for (Operand o : operands) {
      if (o.isMemory()) {
        return true;
      }
    }
    return false;
  }

  /** True for code in a 64-bit code segment. */
  public boolean is64() {
    return codeSize == CodeSize.BITS64;
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    if (lock) {
      s.append("lock ");
    }
    if (rep != REP_NONE && vector == 0) {
      s.append(rep == REP ? "rep " : "repne ");
    }
    s.append(vector != 0 && !op.isVexOnly() ? "V" : "").append(op);
    if (op.is(Trait.CONDITIONAL)) {
      s.append('.').append(condition);
    }
    for (int i = 0; i < operands.length; i++) {
      s.append(i == 0 ? " " : ", ").append(text(operands[i]));
    }
    return s.toString();
  }

  private String text(Operand o) {
    return switch (o.kind) {
      case Operand.GPR -> "r" + o.reg + ":" + o.width;
      case Operand.GPR_HIGH -> "h" + o.reg;
      case Operand.MEMORY -> memoryText(o.width);
      case Operand.IMMEDIATE -> "0x" + Long.toHexString(imm);
      case Operand.IMMEDIATE2 -> "0x" + Long.toHexString(imm2);
      case Operand.TARGET -> "->0x" + Long.toHexString(imm);
      case Operand.FAR -> Long.toHexString(imm2) + ":" + Long.toHexString(imm);
      case Operand.SEGMENT -> "seg" + o.reg;
      case Operand.CONTROL -> "cr" + o.reg;
      case Operand.DEBUG -> "dr" + o.reg;
      case Operand.MMX -> "mm" + o.reg;
      case Operand.XMM -> (o.width == 256 ? "ymm" + o.reg : "xmm" + o.reg + ":" + o.width);
      default -> "st" + o.reg;
    };
  }

  private String memoryText(int width) {
    StringBuilder s = new StringBuilder("[");
    if (segment != Seg.DS) {
      s.append("seg").append(segment).append(':');
    }
    if (base >= 0) {
      s.append('r').append(base).append('+');
    }
    if (index >= 0) {
      s.append('r').append(index).append('*').append(1 << scale).append('+');
    }
    return s.append(Long.toHexString(disp)).append("]:").append(width).toString();
  }
}
