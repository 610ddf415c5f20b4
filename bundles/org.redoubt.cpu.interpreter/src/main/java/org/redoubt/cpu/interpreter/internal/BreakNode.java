package org.redoubt.cpu.interpreter.internal;

import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;

/** Stands before the first node of a block that begins at a debugger's breakpoint. */
final class BreakNode extends Node {
  private final long gva;

  BreakNode(Insn in, long gva) {
    super(in);
    this.gva = gva;
  }

  @Override
  void exec(Cpu cpu) {
    throw cpu.leave(exit(gva));
  }

  static Exit exit(long gva) {
    return new Exit(Exit.Kind.DEBUG, DebugStops.BREAKPOINT, gva, "");
  }
}
