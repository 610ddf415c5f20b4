package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;
import org.redoubt.x86.exec.Mem;

/** Two-operand arithmetic with one operand in memory. */
final class AluMemoryNodes {
  private AluMemoryNodes() {}

  /** The node of a form that has one. */
  static @Nullable Node make(Insn in, Cpu cpu) {
    if (!MemoryNode.fits(in)) {
      return null;
    }
    Operand d = in.operand(0);
    Operand s = in.operand(1);
    if (d.kind == Operand.GPR && s.isMemory()) {
      return fromMemory(in.op, in, cpu);
    }
    if (d.isMemory() && (s.kind == Operand.GPR || s.kind == Operand.IMMEDIATE)) {
      return toMemory(in.op, in, cpu);
    }
    return null;
  }

  private static @Nullable Node fromMemory(Op op, Insn in, Cpu cpu) {
    return switch (op) {
      case ADD -> new AddLoad(in, cpu);
      case SUB -> new SubLoad(in, cpu);
      case CMP -> new CmpLoad(in, cpu);
      case AND -> new AndLoad(in, cpu);
      case OR -> new OrLoad(in, cpu);
      case XOR -> new XorLoad(in, cpu);
      default -> null;
    };
  }

  private static @Nullable Node toMemory(Op op, Insn in, Cpu cpu) {
    return switch (op) {
      case ADD -> new AddStore(in, cpu);
      case SUB -> new SubStore(in, cpu);
      case CMP -> new CmpMemory(in, cpu);
      case AND -> new AndStore(in, cpu);
      case OR -> new OrStore(in, cpu);
      case XOR -> new XorStore(in, cpu);
      case TEST -> new TestMemory(in, cpu);
      default -> null;
    };
  }

  /** Register and memory: the register is {@code d}; or memory and {@code r[s] + imm}. */
  private abstract static class Alu extends MemoryNode {
    final int d;
    final int s;
    final long imm;
    final int width;
    final int shift;
    final long mask;
    final long keep;

    Alu(Insn in, Cpu cpu) {
      super(in, cpu);
      width = in.width;
      shift = 64 - width;
      mask = -1L >>> shift;
      keep = width >= 32 ? 0 : ~mask;
      d = in.operand(0).reg;
      Operand source = in.operand(1);
      s = source.kind == Operand.GPR ? source.reg : Cpu.ZERO;
      imm = source.kind == Operand.IMMEDIATE ? in.imm : 0;
    }

    final long load(Cpu cpu, long gva) {
      return Mem.load(cpu, gva, width) << shift >> shift;
    }

    final long loadForWrite(Cpu cpu, long gva) {
      return Mem.loadForWrite(cpu, gva, width) << shift >> shift;
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

  static final class AddLoad extends Alu {
    AddLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long b = load(cpu, address(r));
      long a = a(r);
      long result = a + b << shift >> shift;
      put(r, result);
      Flags.add(cpu, a, b, result, width);
    }
  }

  private static final class SubLoad extends Alu {
    SubLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long b = load(cpu, address(r));
      long a = a(r);
      long result = a - b << shift >> shift;
      put(r, result);
      Flags.sub(cpu, a, b, result, width);
    }
  }

  private static final class CmpLoad extends Alu {
    CmpLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long b = load(cpu, address(r));
      long a = a(r);
      Flags.sub(cpu, a, b, a - b << shift >> shift, width);
    }
  }

  private static final class AndLoad extends Alu {
    AndLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = load(cpu, address(r)) & a(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class OrLoad extends Alu {
    OrLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = load(cpu, address(r)) | a(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class XorLoad extends Alu {
    XorLoad(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long result = load(cpu, address(r)) ^ a(r);
      put(r, result);
      Flags.logic(cpu, result);
    }
  }

  static final class CmpMemory extends Alu {
    CmpMemory(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long a = load(cpu, address(r));
      long b = b(r);
      Flags.sub(cpu, a, b, a - b << shift >> shift, width);
    }
  }

  static final class TestMemory extends Alu {
    TestMemory(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Flags.logic(cpu, load(cpu, address(r)) & b(r));
    }
  }

  private static final class AddStore extends Alu {
    AddStore(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long gva = address(r);
      long a = loadForWrite(cpu, gva);
      long b = b(r);
      long result = a + b << shift >> shift;
      Mem.store(cpu, gva, width, result);
      Flags.add(cpu, a, b, result, width);
    }
  }

  private static final class SubStore extends Alu {
    SubStore(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long gva = address(r);
      long a = loadForWrite(cpu, gva);
      long b = b(r);
      long result = a - b << shift >> shift;
      Mem.store(cpu, gva, width, result);
      Flags.sub(cpu, a, b, result, width);
    }
  }

  private static final class AndStore extends Alu {
    AndStore(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long gva = address(r);
      long result = loadForWrite(cpu, gva) & b(r);
      Mem.store(cpu, gva, width, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class OrStore extends Alu {
    OrStore(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long gva = address(r);
      long result = loadForWrite(cpu, gva) | b(r);
      Mem.store(cpu, gva, width, result);
      Flags.logic(cpu, result);
    }
  }

  private static final class XorStore extends Alu {
    XorStore(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long gva = address(r);
      long result = loadForWrite(cpu, gva) ^ b(r);
      Mem.store(cpu, gva, width, result);
      Flags.logic(cpu, result);
    }
  }
}
