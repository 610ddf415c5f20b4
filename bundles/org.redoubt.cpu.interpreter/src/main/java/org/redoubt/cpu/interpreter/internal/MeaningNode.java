package org.redoubt.cpu.interpreter.internal;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Meaning;

/** An instruction without a class of its own. */
final class MeaningNode extends Node {
  private final Meaning meaning;

  MeaningNode(Insn in, Meaning meaning) {
    super(in);
    this.meaning = meaning;
  }

  @Override
  void exec(Cpu cpu) {
    meaning.run(cpu, in);
  }
}
