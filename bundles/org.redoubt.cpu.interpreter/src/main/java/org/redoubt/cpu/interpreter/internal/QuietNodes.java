package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;

/**
 * Arithmetic whose flags nobody will see ({@link FlagLiveness}), on registers and immediates of 32
 * and 64 bits.
 */
final class QuietNodes {
  private QuietNodes() {}

  static @Nullable Node make(Insn in) {
    if (in.operands() == 0 || in.operand(0).kind != Operand.GPR || in.width < 32) {
      return null;
    }
    return switch (in.op) {
      case INC -> new Add(in, 1);
      case DEC -> new Add(in, -1);
      case NEG -> new Neg(in);
      case ADD, SUB, AND, OR, XOR, CMP, TEST -> binary(in);
      case SHL, SHR, SAR -> shift(in);
      case IMUL -> imul(in);
      default -> null;
    };
  }

  private static @Nullable Node binary(Insn in) {
    Operand s = in.operand(1);
    if (s.kind != Operand.GPR && s.kind != Operand.IMMEDIATE) {
      return null;
    }
    return switch (in.op) {
      case ADD -> new Add(in);
      case SUB -> new Sub(in);
      case AND -> new And(in);
      case OR -> new Or(in);
      case XOR -> new Xor(in);
      default -> new Nothing(in);
    };
  }

  private static @Nullable Node shift(Insn in) {
    int count = (int) in.imm & (in.width - 1);
    if (in.operand(1).kind != Operand.IMMEDIATE || count == 0) {
      return null;
    }
    return switch (in.op) {
      case SHL -> new Shl(in, count);
      case SHR -> new Shr(in, count);
      default -> new Sar(in, count);
    };
  }

  private static @Nullable Node imul(Insn in) {
    for (int i = 1; i < in.operands(); i++) {
      if (in.operand(i).isMemory()) {
        return null;
      }
    }
    return new Imul(in);
  }

  /** A destination, and {@code r[s] + imm}, of which one is zero. */
  private abstract static class Quiet extends Node {
    final int d;
    final int s;
    final long imm;
    final long mask;

    Quiet(Insn in) {
      super(in);
      d = in.operand(0).reg;
      mask = -1L >>> (64 - in.width);
      boolean register = in.operands() > 1 && in.operand(1).kind == Operand.GPR;
      s = register ? in.operand(1).reg : Cpu.ZERO;
      imm = register ? 0 : in.imm;
    }

    Quiet(Insn in, long imm) {
      super(in);
      d = in.operand(0).reg;
      mask = -1L >>> (64 - in.width);
      s = Cpu.ZERO;
      this.imm = imm;
    }
  }

  private static final class Nothing extends Node {
    Nothing(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {}
  }

  static final class Add extends Quiet {
    Add(Insn in) {
      super(in);
    }

    Add(Insn in, long imm) {
      super(in, imm);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] + r[s] + imm & mask;
    }
  }

  private static final class Sub extends Quiet {
    Sub(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] - r[s] - imm & mask;
    }
  }

  private static final class And extends Quiet {
    And(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] & r[s] + imm & mask;
    }
  }

  private static final class Or extends Quiet {
    Or(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = (r[d] | r[s] + imm) & mask;
    }
  }

  private static final class Xor extends Quiet {
    Xor(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = (r[d] ^ r[s] + imm) & mask;
    }
  }

  private static final class Neg extends Quiet {
    Neg(Insn in) {
      super(in, 0);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = -r[d] & mask;
    }
  }

  static final class Shl extends Quiet {
    Shl(Insn in, int count) {
      super(in, count);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] << imm & mask;
    }
  }

  static final class Shr extends Quiet {
    Shr(Insn in, int count) {
      super(in, count);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = (r[d] & mask) >>> imm;
    }
  }

  private static final class Sar extends Quiet {
    private final int shift;

    Sar(Insn in, int count) {
      super(in, count);
      shift = 64 - in.width;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] << shift >> shift >> imm & mask;
    }
  }

  static final class Imul extends Node {
    private final int d;
    private final int first;
    private final int second;
    private final long imm;
    private final long mask;

    Imul(Insn in) {
      super(in);
      boolean three = in.operands() == 3;
      d = in.operand(0).reg;
      first = in.operand(three ? 1 : 0).reg;
      Operand s = in.operand(three ? 2 : 1);
      boolean register = s.kind == Operand.GPR;
      second = register ? s.reg : Cpu.ZERO;
      imm = register ? 0 : in.imm;
      mask = -1L >>> (64 - in.width);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[first] * (r[second] + imm) & mask;
    }
  }
}
