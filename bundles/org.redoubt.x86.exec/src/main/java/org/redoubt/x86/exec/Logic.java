package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** AND, OR, XOR, NOT, TEST, ANDN. */
final class Logic {
  private Logic() {}

  static void bind() {
    Meanings.bind(Op.AND, Logic::and);
    Meanings.bind(Op.OR, Logic::or);
    Meanings.bind(Op.XOR, Logic::xor);
    Meanings.bind(Op.NOT, Logic::not);
    Meanings.bind(Op.TEST, Logic::test);
    Meanings.bind(Op.ANDN, Logic::andn);
  }

  /** AND: OF and CF cleared; SF, ZF, PF from the result; AF undefined (left clear). */
  static void and(Cpu cpu, Insn in) {
    long b = load(cpu, in, 1);
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, old & b));
    Flags.logic(cpu, signExtend(old & b, in.width));
  }

  /** OR: flags as {@link #and}. */
  static void or(Cpu cpu, Insn in) {
    long b = load(cpu, in, 1);
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, old | b));
    Flags.logic(cpu, signExtend(old | b, in.width));
  }

  /** XOR: flags as {@link #and}. */
  static void xor(Cpu cpu, Insn in) {
    long b = load(cpu, in, 1);
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, old ^ b));
    Flags.logic(cpu, signExtend(old ^ b, in.width));
  }

  static void not(Cpu cpu, Insn in) {
    long old;
    do {
      old = loadForWrite(cpu, in, 0);
    } while (!replace(cpu, in, 0, old, ~old));
  }

  static void test(Cpu cpu, Insn in) {
    Flags.logic(cpu, signExtend(load(cpu, in, 0) & load(cpu, in, 1), in.width));
  }

  /** ANDN: CF and OF cleared; SF and ZF from the result; AF and PF undefined. */
  static void andn(Cpu cpu, Insn in) {
    long result = ~load(cpu, in, 1) & load(cpu, in, 2);
    store(cpu, in, 0, result);
    Flags.logic(cpu, signExtend(result, in.width));
  }
}
