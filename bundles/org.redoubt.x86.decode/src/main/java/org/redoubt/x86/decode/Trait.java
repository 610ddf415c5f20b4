package org.redoubt.x86.decode;

/** What an engine must know of an instruction beside its operands and flags. */
public enum Trait {
  /** Reads or writes memory that is not among its operands: the stack, a descriptor table. */
  IMPLICIT_MEMORY,

  /** May fault for a reason other than a memory access: #DE, #GP, #NM, #UD by mode. */
  MAY_FAULT,

  /** May change RIP, the mode, the translation, or the deliverability of interrupts. */
  ENDS_BLOCK,

  /** #GP unless CPL is 0. */
  PRIVILEGED,

  /** The condition is the low four bits of the opcode. */
  CONDITIONAL,

  /** Needs the x87: #NM by CR0.EM or TS, #MF pending. */
  FPU,

  /**
   * Needs CR4.OSFXSR, or with VEX CR4.OSXSAVE and XCR0; #NM by CR0.TS, #UD by CR0.EM without VEX.
   */
  SIMD,

  /** A string operation, which REP repeats. */
  STRING
}
