package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;

/** What an instruction does. The same meaning serves every width and every engine. */
@FunctionalInterface
public interface Meaning {
  /**
   * Executes. Loads, checks and possible faults come first, changes last, so that a {@link
   * GuestFault} leaves the registers as they were.
   */
  void run(Cpu cpu, Insn in);
}
