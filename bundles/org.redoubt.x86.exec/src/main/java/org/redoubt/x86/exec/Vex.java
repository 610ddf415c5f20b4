package org.redoubt.x86.exec;

import org.jspecify.annotations.Nullable;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Vector;
import org.redoubt.spec.x86.Xcr0;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * The meanings of VEX encodings, made from those of 128 bits: a 256-bit operation is its 128-bit
 * one in either lane. {@link Simd} fetches the lane's share of the operands and keeps the result
 * and the exceptions of the first lane until the second is done, so that nothing changes before all
 * faults are known.
 *
 * <p>Operations whose lanes do something together have a meaning for the whole vector, bound here.
 */
final class Vex {
  private static final long ENABLED = Xcr0.SSE | Xcr0.YMM;
  private static final @Nullable Meaning[] WHOLE = new Meaning[Op.values().length];

  private Vex() {}

  /** Binds a meaning that looks at {@link Insn#vector} itself. */
  static void bind(Op op, Meaning meaning) {
    if (WHOLE[op.ordinal()] != null) {
      throw new IllegalStateException("bug: two VEX meanings for " + op);
    }
    WHOLE[op.ordinal()] = meaning;
  }

  /** Binds the 256-bit form of a conversion whose result is half as long as its source. */
  static void bindNarrowing(Op op) {
    Meaning one = Meanings.of(op);
    bind(
        op,
        (c, in) -> {
          if (in.vector == 128) {
            one.run(c, in);
          } else {
            lanes(one, c, in);
            narrow(c.fpu, in.operand(0).reg);
          }
        });
  }

  private static void narrow(Fpu f, int reg) {
    f.xmm[2 * reg + 1] = f.ymm[2 * reg];
    f.ymm[2 * reg] = 0;
    f.ymm[2 * reg + 1] = 0;
  }

  static boolean bound(Op op) {
    return WHOLE[op.ordinal()] != null;
  }

  static Meaning of(Insn in) {
    Meaning whole = WHOLE[in.op.ordinal()];
    if (whole != null || in.vector == 128) {
      Meaning meaning = whole != null ? whole : Meanings.of(in.op);
      return (c, i) -> {
        check(c);
        meaning.run(c, i);
      };
    }
    Meaning one = Meanings.of(in.op);
    return (c, i) -> {
      check(c);
      lanes(one, c, i);
    };
  }

  private static void lanes(Meaning one, Cpu c, Insn in) {
    Fpu f = c.fpu;
    f.moreLanes = true;
    try {
      one.run(c, in);
      f.moreLanes = false;
      f.lane = 1;
      one.run(c, in);
    } finally {
      f.moreLanes = false;
      f.lane = 0;
    }
  }

  /**
   * #UD unless the system has enabled the state and the processor is in protected mode, #NM by
   * CR0.TS. APM Vol. 2, 11.3.
   */
  private static void check(Cpu c) {
    if ((c.cr4 & Cr4.OSXSAVE) == 0 || (c.xcr0 & ENABLED) != ENABLED || c.realSegments()) {
      throw c.undefined();
    }
    if ((c.cr0 & Cr0.TS) != 0) {
      throw c.raise(Vector.NM);
    }
  }
}
