package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Flags;
import org.redoubt.x86.exec.Mem;

/** Near branches in 64-bit code. {@code cpu.rip} is the next instruction's on entry. */
final class BranchNodes {
  private BranchNodes() {}

  static @Nullable Node make(Insn in) {
    if (!in.is64() || in.operandSize != 64) {
      return null;
    }
    return switch (in.op) {
      case JCC -> jcc(in);
      case JMP ->
          in.operand(0).kind == Operand.TARGET
              ? new Jump(in)
              : in.operand(0).kind == Operand.GPR ? new JumpRegister(in) : null;
      case CALL -> in.operand(0).kind == Operand.TARGET ? new Call(in) : null;
      case RET -> in.operands() == 0 ? new Ret(in) : null;
      default -> null;
    };
  }

  private static Node jcc(Insn in) {
    return switch (in.condition) {
      case 2 -> new JumpC(in);
      case 3 -> new JumpNc(in);
      case 4 -> new JumpZ(in);
      case 5 -> new JumpNz(in);
      case 6 -> new JumpBe(in);
      case 7 -> new JumpA(in);
      case 8 -> new JumpS(in);
      case 9 -> new JumpNs(in);
      default -> new JumpIf(in);
    };
  }

  static boolean canonical48(long address) {
    return address << 16 >> 16 == address;
  }

  private abstract static class Direct extends Node {
    final long target;

    Direct(Insn in) {
      super(in);
      target = in.imm;
    }
  }

  private static final class Jump extends Direct {
    Jump(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      cpu.rip = target;
    }
  }

  private static final class JumpRegister extends Node {
    private final int s;

    JumpRegister(Insn in) {
      super(in);
      s = in.operand(0).reg;
    }

    @Override
    void exec(Cpu cpu) {
      long target = cpu.r[s];
      if (!canonical48(target)) {
        throw cpu.generalProtection();
      }
      cpu.rip = target;
    }
  }

  static final class Call extends Direct {
    private final long next;

    Call(Insn in) {
      super(in);
      next = in.next;
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long sp = r[Gpr.RSP] - 8;
      Mem.store64(cpu, sp, next);
      r[Gpr.RSP] = sp;
      cpu.rip = target;
    }
  }

  static final class Ret extends Node {
    Ret(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      long[] r = cpu.r;
      long target = Mem.load64(cpu, r[Gpr.RSP]);
      if (!canonical48(target)) {
        throw cpu.generalProtection();
      }
      r[Gpr.RSP] += 8;
      cpu.rip = target;
    }
  }

  private static final class JumpIf extends Direct {
    private final int cc;

    JumpIf(Insn in) {
      super(in);
      cc = in.condition;
    }

    @Override
    void exec(Cpu cpu) {
      if (Flags.condition(cpu, cc)) {
        cpu.rip = target;
      }
    }
  }

  static final class JumpZ extends Direct {
    JumpZ(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (Flags.zf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  static final class JumpNz extends Direct {
    JumpNz(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (!Flags.zf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpC extends Direct {
    JumpC(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (Flags.cf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpNc extends Direct {
    JumpNc(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (!Flags.cf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpBe extends Direct {
    JumpBe(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (Flags.cf(cpu) || Flags.zf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpA extends Direct {
    JumpA(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (!Flags.cf(cpu) && !Flags.zf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpS extends Direct {
    JumpS(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (Flags.sf(cpu)) {
        cpu.rip = target;
      }
    }
  }

  private static final class JumpNs extends Direct {
    JumpNs(Insn in) {
      super(in);
    }

    @Override
    void exec(Cpu cpu) {
      if (!Flags.sf(cpu)) {
        cpu.rip = target;
      }
    }
  }
}
