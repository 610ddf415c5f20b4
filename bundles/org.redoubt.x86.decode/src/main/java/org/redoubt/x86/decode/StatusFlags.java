package org.redoubt.x86.decode;

import org.redoubt.spec.x86.Rflags;

/** Sets of status flags, in the manual's order, for the rows of {@link Op}. */
final class StatusFlags {
  static final int NONE = 0;
  static final int O = Rflags.OF;
  static final int S = Rflags.SF;
  static final int Z = Rflags.ZF;
  static final int A = Rflags.AF;
  static final int P = Rflags.PF;
  static final int C = Rflags.CF;
  static final int SZAP = S | Z | A | P;
  static final int SZAPC = SZAP | C;
  static final int OSZAP = O | SZAP;
  static final int OSZAPC = OSZAP | C;

  private StatusFlags() {}
}
