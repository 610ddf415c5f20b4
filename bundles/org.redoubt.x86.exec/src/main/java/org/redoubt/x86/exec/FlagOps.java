package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Op;

/** Instructions that change single flags. */
final class FlagOps {
  private FlagOps() {}

  static void bind() {
    Meanings.bind(Op.CLC, (cpu, in) -> Flags.setCarry(cpu, false));
    Meanings.bind(Op.STC, (cpu, in) -> Flags.setCarry(cpu, true));
    Meanings.bind(Op.CMC, (cpu, in) -> Flags.setCarry(cpu, !Flags.cf(cpu)));
    Meanings.bind(Op.CLD, (cpu, in) -> cpu.systemFlags &= ~Rflags.DF);
    Meanings.bind(Op.STD, (cpu, in) -> cpu.systemFlags |= Rflags.DF);
    Meanings.bind(Op.CLI, (cpu, in) -> Virtual.setInterrupts(cpu, false));
    Meanings.bind(Op.STI, (cpu, in) -> Virtual.setInterrupts(cpu, true));
    Meanings.bind(Op.CLAC, (cpu, in) -> alignmentCheck(cpu, 0));
    Meanings.bind(Op.STAC, (cpu, in) -> alignmentCheck(cpu, Rflags.AC));
  }

  private static void alignmentCheck(Cpu cpu, int ac) {
    if (cpu.cpl != 0) {
      throw cpu.undefined();
    }
    cpu.systemFlags = cpu.systemFlags & ~Rflags.AC | ac;
    cpu.privilegeChanged();
  }
}
