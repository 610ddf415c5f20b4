package org.redoubt.cpu.interpreter.internal;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;

/** Takes the place of nodes whose bytes have changed: makes the loop decode again from there. */
final class StaleNode extends Node {
  StaleNode(Insn in) {
    super(in);
  }

  @Override
  void exec(Cpu cpu) {
    throw cpu.retry();
  }
}
