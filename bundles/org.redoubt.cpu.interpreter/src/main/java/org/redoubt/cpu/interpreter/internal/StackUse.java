package org.redoubt.cpu.interpreter.internal;

import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;

/** Whether an instruction's memory access goes through the stack segment: #SS rather than #GP. */
final class StackUse {
  private StackUse() {}

  static boolean of(Insn in) {
    return switch (in.op) {
      case PUSH, POP, PUSHF, POPF, PUSH_SREG, POP_SREG, CALL, RET, RETF, ENTER, LEAVE, IRET -> true;
      default -> in.hasMemory() && in.segment == Seg.SS;
    };
  }
}
