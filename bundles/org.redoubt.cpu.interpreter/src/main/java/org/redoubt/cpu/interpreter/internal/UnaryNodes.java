package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;

/** INC, DEC, NEG, NOT, shifts by a constant, and multiplication, of 32 and 64-bit registers. */
final class UnaryNodes {
  private UnaryNodes() {}

  static @Nullable Node make(Insn in) {
    Operand d = in.operand(0);
    if (d.kind != Operand.GPR || in.width < 32) {
      return null;
    }
    return switch (in.op) {
      case INC -> new Inc(in);
      case DEC -> new Dec(in);
      case NEG -> new Neg(in);
      case NOT -> new Not(in);
      case SHL, SHR, SAR -> shift(in);
      case IMUL -> in.operand(in.operands() - 1).isMemory() ? null : imul(in);
      case MUL -> in.width == 64 ? new Mul(in) : null;
      default -> null;
    };
  }

  private static @Nullable Node shift(Insn in) {
    if (in.operand(1).kind != Operand.IMMEDIATE) {
      return null;
    }
    int count = (int) in.imm & (in.width - 1);
    if (count == 0) {
      return null;
    }
    return switch (in.op) {
      case SHL -> new Shl(in, count);
      case SHR -> new Shr(in, count);
      default -> new Sar(in, count);
    };
  }

  private static @Nullable Node imul(Insn in) {
    boolean three = in.operands() == 3;
    if (in.operand(three ? 1 : 0).isMemory()) {
      return null;
    }
    return new Imul(in);
  }

  private abstract static class Unary extends Node {
    final int d;
    final int width;
    final int shift;
    final long mask;

    Unary(Insn in) {
      super(in);
      d = in.operand(0).reg;
      width = in.width;
      shift = 64 - width;
      mask = -1L >>> shift;
    }

    final long a(long[] r) {
      return r[d] << shift >> shift;
    }

    final long cut(long value) {
      return value << shift >> shift;
    }
  }

  private static final class Inc extends Unary {
    Inc(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long result = cut(a + 1);
      r[d] = result & mask;
      Flags.inc(cpu, a, result, width);
    }
  }

  private static final class Dec extends Unary {
    Dec(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long result = cut(a - 1);
      r[d] = result & mask;
      Flags.dec(cpu, a, result, width);
    }
  }

  private static final class Neg extends Unary {
    Neg(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long result = cut(-a);
      r[d] = result & mask;
      Flags.sub(cpu, 0, a, result, width);
    }
  }

  private static final class Not extends Unary {
    Not(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = ~r[d] & mask;
    }
  }

  private static final class Shl extends Unary {
    private final int count;

    Shl(Insn in, int count) {
      super(in);
      this.count = count;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = r[d];
      long result = cut(a << count);
      r[d] = result & mask;
      boolean cf = (a >>> (width - count) & 1) != 0;
      Flags.result(cpu, result, cf, result < 0 != cf);
    }
  }

  static final class Shr extends Unary {
    private final int count;

    Shr(Insn in, int count) {
      super(in);
      this.count = count;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = r[d] & mask;
      long result = a >>> count;
      r[d] = result;
      Flags.result(cpu, result, (a >>> (count - 1) & 1) != 0, count == 1 && cut(a) < 0);
    }
  }

  private static final class Sar extends Unary {
    private final int count;

    Sar(Insn in, int count) {
      super(in);
      this.count = count;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long result = a >> count;
      r[d] = result & mask;
      Flags.result(cpu, result, (a >> (count - 1) & 1) != 0, false);
    }
  }

  private static final class Imul extends Unary {
    private final int first;
    private final int second;
    private final long imm;

    Imul(Insn in) {
      super(in);
      boolean three = in.operands() == 3;
      first = in.operand(three ? 1 : 0).reg;
      Operand s = in.operand(three ? 2 : 1);
      boolean immediate = s.kind == Operand.IMMEDIATE;
      second = immediate ? Cpu.ZERO : s.reg;
      imm = immediate ? in.imm : 0;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = cut(r[first]);
      long b = cut(r[second] + imm);
      long product = a * b;
      long result = cut(product);
      r[d] = result & mask;
      boolean lost = result != product || width == 64 && Math.multiplyHigh(a, b) != product >> 63;
      Flags.setCarryOverflow(cpu, lost, lost);
    }
  }

  private static final class Mul extends Unary {
    Mul(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = r[Gpr.RAX];
      long b = r[d];
      long high = Math.unsignedMultiplyHigh(a, b);
      r[Gpr.RAX] = a * b;
      r[Gpr.RDX] = high;
      Flags.setCarryOverflow(cpu, high != 0, high != 0);
    }
  }
}
