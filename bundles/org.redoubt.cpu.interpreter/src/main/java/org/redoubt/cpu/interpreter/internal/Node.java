package org.redoubt.cpu.interpreter.internal;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;

/**
 * One operation of a block: a decoded instruction bound to its effect. Hot forms have classes of
 * their own; all others call their meaning.
 */
abstract class Node {
  final Insn in;

  /** How many instructions of the block come before this one. */
  int before;

  Node(Insn in) {
    this.in = in;
  }

  /** The first instruction of the node: another one than {@link #in} if it has several. */
  Insn firstInsn() {
    return in;
  }

  /** How many instructions of the block come before {@link #firstInsn}. */
  int firstBefore() {
    return before;
  }

  /**
   * Executes. On entry {@code cpu.rip} is the address after the block; only the last node of a
   * block changes it. A fault leaves everything as it was.
   */
  abstract void exec(Cpu cpu);
}
