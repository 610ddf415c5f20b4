package org.redoubt.cpu.interpreter.internal;

import java.util.List;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.decode.Trait;

/**
 * Which instructions of a block need not compute status flags: those whose flags are all written
 * again before anything can see them. An instruction that may fault sees them, and so does whatever
 * follows the block.
 */
final class FlagLiveness {
  private FlagLiveness() {}

  /** One element for each instruction: true if its flags are never seen. */
  static boolean[] dead(List<Insn> block) {
    boolean[] dead = new boolean[block.size()];
    boolean live = true;
    for (int i = block.size() - 1; i >= 0; i--) {
      Insn in = block.get(i);
      dead[i] = !live;
      if (seesFlags(in)) {
        live = true;
      } else if (writesAll(in)) {
        live = false;
      }
    }
    return dead;
  }

  private static boolean seesFlags(Insn in) {
    Op op = in.op;
    return op.is(Trait.MAY_FAULT)
        || op.is(Trait.IMPLICIT_MEMORY)
        || op.is(Trait.STRING)
        || op.is(Trait.ENDS_BLOCK)
        || in.hasMemory() && op != Op.LEA
        || op.flagsRead() != 0 && !isShift(op)
        || isShift(op) && !byConstant(in);
  }

  private static boolean isShift(Op op) {
    return op == Op.SHL || op == Op.SHR || op == Op.SAR;
  }

  private static boolean byConstant(Insn in) {
    return in.operand(1).kind == Operand.IMMEDIATE && (in.imm & (in.width == 64 ? 63 : 31)) != 0;
  }

  private static boolean writesAll(Insn in) {
    return switch (in.op) {
      case ADD, SUB, CMP, AND, OR, XOR, TEST, NEG, SHL, SHR, SAR ->
          in.op.flagsWritten() == Rflags.STATUS;
      default -> false;
    };
  }
}
