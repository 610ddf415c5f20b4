package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;
import org.redoubt.x86.exec.Mem;

/** Moves, LEA, PUSH and POP of 64 bits, CMOVcc. */
final class MoveNodes {
  private MoveNodes() {}

  static @Nullable Node mov(Insn in, Cpu cpu) {
    Operand d = in.operand(0);
    Operand s = in.operand(1);
    if (d.kind == Operand.GPR && d.width >= 32) {
      if (s.kind == Operand.GPR) {
        return d.width == 64 ? new Copy64(in) : new Copy32(in);
      }
      if (s.kind == Operand.IMMEDIATE) {
        return new Constant(in);
      }
    }
    if (!MemoryNode.fits(in)) {
      return null;
    }
    if (d.kind == Operand.GPR && s.isMemory()) {
      return switch (d.width) {
        case 64 -> new Load64(in, cpu);
        case 32 -> new Load32(in, cpu);
        case 8 -> new Load8(in, cpu);
        default -> null;
      };
    }
    if (d.isMemory() && (s.kind == Operand.GPR || s.kind == Operand.IMMEDIATE)) {
      return switch (d.width) {
        case 64 -> new Store64(in, cpu);
        case 32 -> new Store32(in, cpu);
        case 16 -> new Store16(in, cpu);
        default -> new Store8(in, cpu);
      };
    }
    return null;
  }

  static @Nullable Node extend(Insn in, Cpu cpu, boolean signed) {
    Operand s = in.operand(1);
    if (in.width < 32) {
      return null;
    }
    if (s.kind == Operand.GPR) {
      return signed ? new SignExtend(in) : new ZeroExtend(in);
    }
    if (!s.isMemory() || !MemoryNode.fits(in)) {
      return null;
    }
    if (signed) {
      return new LoadSigned(in, cpu);
    }
    return s.width == 8 ? new LoadZero8(in, cpu) : new LoadZero16(in, cpu);
  }

  static @Nullable Node lea(Insn in, Cpu cpu) {
    if (!MemoryNode.fits(in) || in.width < 32 || in.segment >= Seg.FS) {
      return null;
    }
    return new Lea(in, cpu);
  }

  static @Nullable Node push(Insn in) {
    Operand s = in.operand(0);
    if (!in.is64() || in.width != 64 || s.isMemory()) {
      return null;
    }
    return new Push(in);
  }

  static @Nullable Node pop(Insn in) {
    Operand d = in.operand(0);
    return in.is64() && in.width == 64 && d.kind == Operand.GPR ? new Pop(in) : null;
  }

  static @Nullable Node cmov(Insn in) {
    boolean fits =
        in.operand(1).kind == Operand.GPR && in.operand(0).kind == Operand.GPR && in.width >= 32;
    return fits ? new Cmov(in) : null;
  }

  static @Nullable Node setcc(Insn in) {
    return in.operand(0).kind == Operand.GPR ? new Setcc(in) : null;
  }

  static final class Setcc extends Node {
    private final int d;
    private final int cc;

    Setcc(Insn in) {
      super(in);
      d = in.operand(0).reg;
      cc = in.condition;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] & ~0xffL | (Flags.condition(cpu, cc) ? 1 : 0);
    }
  }

  static final class Copy64 extends Node {
    private final int d;
    private final int s;

    Copy64(Insn in) {
      super(in);
      d = in.operand(0).reg;
      s = in.operand(1).reg;
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = cpu.r[s];
    }
  }

  static final class Copy32 extends Node {
    private final int d;
    private final int s;

    Copy32(Insn in) {
      super(in);
      d = in.operand(0).reg;
      s = in.operand(1).reg;
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = cpu.r[s] & 0xffff_ffffL;
    }
  }

  private static final class Constant extends Node {
    private final int d;
    private final long value;

    Constant(Insn in) {
      super(in);
      d = in.operand(0).reg;
      value = in.width == 64 ? in.imm : in.imm & 0xffff_ffffL;
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = value;
    }
  }

  static final class Cmov extends Node {
    private final int d;
    private final int s;
    private final int cc;
    private final long mask;

    Cmov(Insn in) {
      super(in);
      d = in.operand(0).reg;
      s = in.operand(1).reg;
      cc = in.condition;
      mask = -1L >>> (64 - in.width);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[Flags.condition(cpu, cc) ? s : d] & mask;
    }
  }

  static final class ZeroExtend extends Node {
    private final int d;
    private final int s;
    private final long mask;

    ZeroExtend(Insn in) {
      super(in);
      d = in.operand(0).reg;
      s = in.operand(1).reg;
      mask = -1L >>> (64 - in.operand(1).width);
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = cpu.r[s] & mask;
    }
  }

  static final class SignExtend extends Node {
    private final int d;
    private final int s;
    private final int shift;
    private final long mask;

    SignExtend(Insn in) {
      super(in);
      d = in.operand(0).reg;
      s = in.operand(1).reg;
      shift = 64 - in.operand(1).width;
      mask = -1L >>> (64 - in.width);
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = cpu.r[s] << shift >> shift & mask;
    }
  }

  static final class Lea extends MemoryNode {
    private final int d;
    private final long mask;

    Lea(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
      mask = -1L >>> (64 - in.width);
    }

    @Override
    void exec(Cpu cpu) {
      cpu.r[d] = address(cpu.r) & mask;
    }
  }

  static final class Load64 extends MemoryNode {
    private final int d;

    Load64(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = Mem.load64(cpu, address(r));
    }
  }

  private static final class Load32 extends MemoryNode {
    private final int d;

    Load32(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = Mem.load32(cpu, address(r)) & 0xffff_ffffL;
    }
  }

  private static final class Load8 extends MemoryNode {
    private final int d;

    Load8(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = r[d] & ~0xffL | Mem.load8(cpu, address(r));
    }
  }

  static final class LoadZero8 extends MemoryNode {
    private final int d;

    LoadZero8(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = Mem.load8(cpu, address(r));
    }
  }

  private static final class LoadZero16 extends MemoryNode {
    private final int d;

    LoadZero16(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = Mem.load16(cpu, address(r));
    }
  }

  private static final class LoadSigned extends MemoryNode {
    private final int d;
    private final int width;
    private final int shift;
    private final long mask;

    LoadSigned(Insn in, Cpu cpu) {
      super(in, cpu);
      d = in.operand(0).reg;
      width = in.operand(1).width;
      shift = 64 - width;
      mask = -1L >>> (64 - in.width);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      r[d] = Mem.load(cpu, address(r), width) << shift >> shift & mask;
    }
  }

  /** The value is {@code r[s] + imm}: one of the two is zero. */
  private abstract static class Store extends MemoryNode {
    private final int s;
    private final long imm;

    Store(Insn in, Cpu cpu) {
      super(in, cpu);
      Operand source = in.operand(1);
      boolean immediate = source.kind == Operand.IMMEDIATE;
      s = immediate ? Cpu.ZERO : source.reg;
      imm = immediate ? in.imm : 0;
    }

    final long value(long[] r) {
      return r[s] + imm;
    }
  }

  static final class Store64 extends Store {
    Store64(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Mem.store64(cpu, address(r), value(r));
    }
  }

  private static final class Store32 extends Store {
    Store32(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Mem.store32(cpu, address(r), (int) value(r));
    }
  }

  private static final class Store16 extends Store {
    Store16(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Mem.store16(cpu, address(r), (int) value(r));
    }
  }

  private static final class Store8 extends Store {
    Store8(Insn in, Cpu cpu) {
      super(in, cpu);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      Mem.store8(cpu, address(r), (int) value(r));
    }
  }

  private static final class Push extends Node {
    private final int s;
    private final long imm;

    Push(Insn in) {
      super(in);
      Operand source = in.operand(0);
      boolean register = source.kind == Operand.GPR;
      s = register ? source.reg : Cpu.ZERO;
      imm = register ? 0 : in.imm;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long sp = r[Gpr.RSP] - 8;
      Mem.store64(cpu, sp, r[s] + imm);
      r[Gpr.RSP] = sp;
    }
  }

  private static final class Pop extends Node {
    private final int d;

    Pop(Insn in) {
      super(in);
      d = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long value = Mem.load64(cpu, r[Gpr.RSP]);
      r[Gpr.RSP] += 8;
      r[d] = value;
    }
  }
}
