package org.redoubt.cpu.interpreter.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Trait;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Meanings;

/** Turns instructions into nodes. */
final class NodeMaker {
  private final Cpu cpu;

  NodeMaker(Cpu cpu) {
    this.cpu = cpu;
  }

  /** True when the instruction has no effect at all. */
  static boolean isNothing(Insn in) {
    return in.op == Op.NOP || in.op == Op.PAUSE || in.op == Op.PREFETCH;
  }

  /** True when nothing may follow in the same block. */
  static boolean endsBlock(Insn in) {
    return in.op.is(Trait.ENDS_BLOCK) || in.op.is(Trait.STRING) && in.rep != Insn.REP_NONE;
  }

  Node make(Insn in) {
    if (!cpu.model.has(in.op.feature())) {
      return new MeaningNode(in, Meanings.of(Op.INVALID));
    }
    Node node = in.lock ? null : special(in);
    return node != null ? node : new MeaningNode(in, Meanings.of(in.op));
  }

  private @Nullable Node special(Insn in) {
    return switch (in.op) {
      case ADD, SUB, CMP, AND, OR, XOR, TEST, ADC, SBB -> {
        Node node = AluNodes.make(in);
        yield node != null ? node : AluMemoryNodes.make(in, cpu);
      }
      case MOV -> MoveNodes.mov(in, cpu);
      case MOVZX -> MoveNodes.extend(in, cpu, false);
      case MOVSX -> MoveNodes.extend(in, cpu, true);
      case LEA -> MoveNodes.lea(in, cpu);
      case PUSH -> MoveNodes.push(in);
      case POP -> MoveNodes.pop(in);
      case CMOVCC -> MoveNodes.cmov(in);
      case INC, DEC, NEG, NOT, SHL, SHR, SAR, IMUL, MUL -> UnaryNodes.make(in);
      case JCC, JMP, CALL, RET -> BranchNodes.make(in);
      default -> null;
    };
  }
}
