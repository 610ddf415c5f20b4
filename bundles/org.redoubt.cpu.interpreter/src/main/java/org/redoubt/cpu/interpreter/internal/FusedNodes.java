package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;

/**
 * CMP or TEST of registers and immediates with the conditional branch after it, as one node in
 * 64-bit code. The flags are kept as always; the branch looks at the operands.
 */
final class FusedNodes {
  private FusedNodes() {}

  /** The node of a pair that has one. */
  static @Nullable Node make(Insn in, Insn branch) {
    if (branch.op != Op.JCC
        || !branch.is64()
        || branch.operandSize != 64
        || in.op != Op.CMP && in.op != Op.TEST
        || in.operand(0).kind != Operand.GPR
        || in.operand(1).kind != Operand.GPR && in.operand(1).kind != Operand.IMMEDIATE) {
      return null;
    }
    return in.op == Op.CMP ? compare(in, branch) : test(in, branch);
  }

  private static @Nullable Node compare(Insn in, Insn branch) {
    return switch (branch.condition) {
      case 2 -> new CmpBelow(in, branch, true);
      case 3 -> new CmpBelow(in, branch, false);
      case 4 -> new CmpEqual(in, branch);
      case 5 -> new CmpUnequal(in, branch);
      case 6 -> new CmpBelowOrEqual(in, branch, true);
      case 7 -> new CmpBelowOrEqual(in, branch, false);
      case 12 -> new CmpLess(in, branch, true);
      case 13 -> new CmpLess(in, branch, false);
      case 14 -> new CmpLessOrEqual(in, branch, true);
      case 15 -> new CmpLessOrEqual(in, branch, false);
      default -> null;
    };
  }

  private static @Nullable Node test(Insn in, Insn branch) {
    return switch (branch.condition) {
      case 4 -> new TestZero(in, branch);
      case 5 -> new TestNonzero(in, branch);
      case 8 -> new TestSign(in, branch, true);
      case 9 -> new TestSign(in, branch, false);
      default -> null;
    };
  }

  private abstract static class Pair extends Node {
    final int d;
    final int s;
    final long imm;
    final int width;
    final int shift;
    final long target;

    Pair(Insn in, Insn branch) {
      super(in);
      d = in.operand(0).reg;
      boolean register = in.operand(1).kind == Operand.GPR;
      s = register ? in.operand(1).reg : Cpu.ZERO;
      imm = register ? 0 : in.imm;
      width = in.width;
      shift = 64 - width;
      target = branch.imm;
    }

    final long a(long[] r) {
      return r[d] << shift >> shift;
    }

    final long b(long[] r) {
      return r[s] + imm << shift >> shift;
    }

    final void compare(Cpu cpu, long a, long b) {
      Flags.sub(cpu, a, b, a - b << shift >> shift, width);
    }
  }

  private static final class CmpEqual extends Pair {
    CmpEqual(Insn in, Insn branch) {
      super(in, branch);
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (a == b) {
        cpu.rip = target;
      }
    }
  }

  private static final class CmpUnequal extends Pair {
    CmpUnequal(Insn in, Insn branch) {
      super(in, branch);
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (a != b) {
        cpu.rip = target;
      }
    }
  }

  /** Sign-extension keeps the unsigned order of two values of the same width. */
  private static final class CmpBelow extends Pair {
    private final boolean when;

    CmpBelow(Insn in, Insn branch, boolean when) {
      super(in, branch);
      this.when = when;
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (Long.compareUnsigned(a, b) < 0 == when) {
        cpu.rip = target;
      }
    }
  }

  private static final class CmpBelowOrEqual extends Pair {
    private final boolean when;

    CmpBelowOrEqual(Insn in, Insn branch, boolean when) {
      super(in, branch);
      this.when = when;
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (Long.compareUnsigned(a, b) <= 0 == when) {
        cpu.rip = target;
      }
    }
  }

  private static final class CmpLess extends Pair {
    private final boolean when;

    CmpLess(Insn in, Insn branch, boolean when) {
      super(in, branch);
      this.when = when;
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (a < b == when) {
        cpu.rip = target;
      }
    }
  }

  private static final class CmpLessOrEqual extends Pair {
    private final boolean when;

    CmpLessOrEqual(Insn in, Insn branch, boolean when) {
      super(in, branch);
      this.when = when;
    }

    @Override
    void exec(Cpu cpu) {
      long a = a(cpu.r);
      long b = b(cpu.r);
      compare(cpu, a, b);
      if (a <= b == when) {
        cpu.rip = target;
      }
    }
  }

  static final class TestZero extends Pair {
    TestZero(Insn in, Insn branch) {
      super(in, branch);
    }

    @Override
    void exec(Cpu cpu) {
      long result = a(cpu.r) & b(cpu.r);
      Flags.logic(cpu, result);
      if (result == 0) {
        cpu.rip = target;
      }
    }
  }

  private static final class TestNonzero extends Pair {
    TestNonzero(Insn in, Insn branch) {
      super(in, branch);
    }

    @Override
    void exec(Cpu cpu) {
      long result = a(cpu.r) & b(cpu.r);
      Flags.logic(cpu, result);
      if (result != 0) {
        cpu.rip = target;
      }
    }
  }

  static final class TestSign extends Pair {
    private final boolean when;

    TestSign(Insn in, Insn branch, boolean when) {
      super(in, branch);
      this.when = when;
    }

    @Override
    void exec(Cpu cpu) {
      long result = a(cpu.r) & b(cpu.r);
      Flags.logic(cpu, result);
      if (result < 0 == when) {
        cpu.rip = target;
      }
    }
  }
}
