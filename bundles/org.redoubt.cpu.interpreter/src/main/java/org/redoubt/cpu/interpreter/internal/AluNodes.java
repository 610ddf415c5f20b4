package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;

/**
 * Two-operand arithmetic with a register as destination and a register or an immediate as source.
 * The second operand is always {@code r[s] + imm}: one of the two is zero.
 */
final class AluNodes {
  private AluNodes() {}

  /** The node of a form that has one. */
  static @Nullable Node make(Insn in) {
    Operand d = in.operand(0);
    Operand s = in.operand(1);
    if (d.kind != Operand.GPR || s.kind != Operand.GPR && s.kind != Operand.IMMEDIATE) {
      return null;
    }
    return make(in.op, in);
  }

  private static @Nullable Node make(Op op, Insn in) {
    return switch (op) {
      case ADD -> new Add(in);
      case SUB -> new Sub(in);
      case CMP -> new Cmp(in);
      case AND -> new And(in);
      case OR -> new Or(in);
      case XOR -> new Xor(in);
      case TEST -> new Test(in);
      case ADC -> new Adc(in);
      case SBB -> new Sbb(in);
      default -> null;
    };
  }

  private abstract static class Alu extends Node {
    final int d;
    final int s;
    final long imm;
    final int width;

    /** 64 minus the width. */
    final int shift;

    /** Bits of the register that are written, and those that are kept. */
    final long mask;

    final long keep;

    Alu(Insn in) {
      super(in);
      width = in.width;
      shift = 64 - width;
      mask = -1L >>> shift;
      keep = width >= 32 ? 0 : ~mask;
      d = in.operand(0).reg;
      Operand source = in.operand(1);
      boolean immediate = source.kind == Operand.IMMEDIATE;
      s = immediate ? Cpu.ZERO : source.reg;
      imm = immediate ? in.imm : 0;
    }

    final long a(long[] r) {
      return r[d] << shift >> shift;
    }

    final long b(long[] r) {
      return r[s] + imm << shift >> shift;
    }

    final void put(long[] r, long value) {
      r[d] = r[d] & keep | value & mask;
    }
  }

  static final class Add extends Alu {
    Add(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long b = b(r);
      long result = a + b << shift >> shift;
      put(r, result);
      Flags.add(cpu, a, b, result, width);
    }
  }

  static final class Adc extends Alu {
    Adc(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long b = b(r);
      long result = a + b + (Flags.cf(cpu) ? 1 : 0) << shift >> shift;
      put(r, result);
      Flags.add(cpu, a, b, result, width);
    }
  }

  static final class Sub extends Alu {
    Sub(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long b = b(r);
      long result = a - b << shift >> shift;
      put(r, result);
      Flags.sub(cpu, a, b, result, width);
    }
  }

  private static final class Sbb extends Alu {
    Sbb(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long b = b(r);
      long result = a - b - (Flags.cf(cpu) ? 1 : 0) << shift >> shift;
      put(r, result);
      Flags.sub(cpu, a, b, result, width);
    }
  }

  static final class Cmp extends Alu {
    Cmp(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = a(r);
      long b = b(r);
      Flags.sub(cpu, a, b, a - b << shift >> shift, width);
    }
  }

  private static final class And extends Alu {
    And(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = a(r) & b(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class Or extends Alu {
    Or(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = a(r) | b(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class Xor extends Alu {
    Xor(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = a(r) ^ b(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class Test extends Alu {
    Test(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Flags.logic(cpu, a(r) & b(r));
    }
  }
}
