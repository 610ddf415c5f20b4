package org.redoubt.cpu.interpreter.internal;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Ea;

/** Hardware breakpoints. APM Vol. 2, 13.1.1. Implicit stack and string operands are not watched. */
final class Breakpoints {
  private static final int EXECUTE = 0;
  private static final int WRITE = 1;
  private static final int READ_WRITE = 3;

  private Breakpoints() {}

  private static boolean enabled(Cpu cpu, int n) {
    return (cpu.dr[7] >>> (2 * n) & 3) != 0;
  }

  private static int kind(Cpu cpu, int n) {
    return (int) (cpu.dr[7] >>> (16 + 4 * n)) & 3;
  }

  private static int length(Cpu cpu, int n) {
    return switch ((int) (cpu.dr[7] >>> (18 + 4 * n)) & 3) {
      case 0 -> 1;
      case 1 -> 2;
      case 2 -> 8;
      default -> 4;
    };
  }

  /** An instruction breakpoint, unless RF is set; sets DR6. */
  static boolean atInstruction(Cpu cpu, long gva) {
    if ((cpu.systemFlags & Rflags.RF) != 0) {
      return false;
    }
    long hit = 0;
    for (int n = 0; n < 4; n++) {
      if (enabled(cpu, n) && kind(cpu, n) == EXECUTE && cpu.dr[n] == gva) {
        hit |= 1L << n;
      }
    }
    cpu.dr[6] |= hit;
    return hit != 0;
  }

  /** Bits of DR6 for the data breakpoints that the instruction's operands will hit. */
  static long onData(Cpu cpu, Insn in) {
    if ((cpu.dr[7] & 0xff) == 0 || !in.hasMemory()) {
      return 0;
    }
    int operand = 0;
    while (!in.operand(operand).isMemory()) {
      operand++;
    }
    Operand o = in.operand(operand);
    int bytes = Math.max(o.width / 8, 1);
    boolean write = in.op.writes(operand);
    long offset = Ea.offset(cpu, in);
    long gva = in.is64() && in.segment < 4 ? offset : offset + cpu.seg[in.segment].base;
    long hit = 0;
    for (int n = 0; n < 4; n++) {
      int kind = kind(cpu, n);
      if (enabled(cpu, n) && (kind == READ_WRITE || kind == WRITE && write)) {
        int length = length(cpu, n);
        long start = cpu.dr[n] & -length;
        if (gva < start + length && start < gva + bytes) {
          hit |= 1L << n;
        }
      }
    }
    return hit;
  }
}
