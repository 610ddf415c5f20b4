package org.redoubt.cpu.interpreter.internal;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Trait;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Meanings;

/** Turns instructions into nodes. */
final class NodeMaker {
  private static final Node[] NO_NODES = {};

  private final Cpu cpu;
  private final List<Node> building = new ArrayList<>();

  NodeMaker(Cpu cpu) {
    this.cpu = cpu;
  }

  /** The nodes of a block. */
  Node[] make(List<Insn> block) {
    boolean[] dead = FlagLiveness.dead(block);
    building.clear();
    for (int i = 0; i < block.size(); i++) {
      Insn in = block.get(i);
      if (isNothing(in)) {
        continue;
      }
      Node fused = i + 2 == block.size() ? FusedNodes.make(in, block.get(i + 1)) : null;
      if (fused != null) {
        fused.before = i;
        building.add(fused);
        break;
      }
      Node node = dead[i] ? QuietNodes.make(in) : null;
      if (node == null) {
        node = make(in);
      }
      node.before = i;
      building.add(node);
    }
    return SeveralNodes.join(building.toArray(NO_NODES));
  }

  /** True when the instruction has no effect at all. */
  private static boolean isNothing(Insn in) {
    return in.op == Op.NOP || in.op == Op.PAUSE || in.op == Op.PREFETCH;
  }

  /** True when nothing may follow in the same block. */
  static boolean endsBlock(Insn in) {
    return in.op.is(Trait.ENDS_BLOCK) || in.op.is(Trait.STRING) && in.rep != Insn.REP_NONE;
  }

  private Node make(Insn in) {
    if (!cpu.model.has(in.op.feature()) || !cpu.model.has(in.feature)) {
      return new MeaningNode(in, Meanings.of(Op.INVALID));
    }
    Node node = in.lock ? null : special(in);
    return node != null ? node : new MeaningNode(in, Meanings.of(in));
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
      case SETCC -> MoveNodes.setcc(in);
      case INC, DEC, NEG, NOT, SHL, SHR, SAR, IMUL, MUL -> UnaryNodes.make(in);
      case JCC, JMP, CALL, RET -> BranchNodes.make(in);
      default -> null;
    };
  }
}
