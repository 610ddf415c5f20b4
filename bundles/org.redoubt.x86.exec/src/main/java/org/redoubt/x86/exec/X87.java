package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.internal.fp.SoftFloat;

/**
 * What x87 instructions have in common: availability, pointers, stack faults, the masked and the
 * unmasked response. APM Vol. 1, sections 6.2 and 6.8.
 */
final class X87 {
  /** Exceptions found before the operation: if one is unmasked, nothing is stored. */
  static final int BEFORE = SoftFloat.IE | SoftFloat.DE | SoftFloat.ZE;

  private static final int NAN_SIGN_EXPONENT = 0xffff;
  private static final long NAN_SIGNIFICAND = 3L << 62;

  private X87() {}

  /** #NM by CR0.EM or TS, #MF for an exception that is pending; then the unit. */
  static Fpu begin(Cpu c) {
    Fpu f = beginControl(c);
    pending(c, f);
    return f;
  }

  /**
   * As {@link #begin}, for instructions that leave pending exceptions alone: FNSTSW and the like.
   */
  static Fpu beginControl(Cpu c) {
    Simd.checkX87(c);
    return c.fpu;
  }

  /** #MF if an unmasked exception is pending. */
  static void pending(Cpu c, Fpu f) {
    if ((f.status & Fpu.ES) != 0) {
      Simd.mathFault(c);
    }
  }

  /** Begins an instruction without operand in memory: {@link #begin}, {@link #ready}. */
  static Fpu compute(Cpu c, Insn in) {
    Fpu f = begin(c);
    ready(c, f, in);
    return f;
  }

  /** As {@link #compute}, for instructions that leave C1 alone unless the stack faults. */
  static Fpu computeKeepingC1(Cpu c, Insn in) {
    Fpu f = begin(c);
    int c1 = f.status & Fpu.C1;
    ready(c, f, in);
    f.status |= c1;
    return f;
  }

  /** Nothing can fault any more: takes the modes, clears C1, notes the instruction for FNSTENV. */
  static void ready(Cpu c, Fpu f, Insn in) {
    f.soft.x87(f.control);
    f.status &= ~Fpu.C1;
    f.lastInstruction = in.rip;
    f.lastOpcode = (in.opcode & 7) << 8 | in.modRm;
    f.lastCs = c.seg[Seg.CS].selector;
    if (in.hasMemory()) {
      f.lastData = Ea.offset(c, in);
      f.lastDs = c.seg[in.segment].selector;
    }
  }

  /** Adds the flags raised to the status word; whether the result may be stored. */
  static boolean accept(Fpu f) {
    int raised = f.soft.flags();
    int unmasked = raised & ~f.control & Fpu.EXCEPTIONS;
    boolean stored = (unmasked & BEFORE) == 0;
    f.status |= stored ? raised : raised & BEFORE;
    if (unmasked != 0) {
      f.status |= Fpu.ES | Fpu.B;
    }
    if (stored && f.soft.roundedUp()) {
      f.status |= Fpu.C1;
    }
    return stored;
  }

  /**
   * Rounds the workspace's result and, unless an unmasked exception forbids it, puts it in
   * ST({@code i}).
   */
  static boolean store(Fpu f, int i) {
    SoftFloat s = f.soft.result80();
    boolean stored = accept(f);
    if (stored) {
      f.setSt(i, s.signExponent(), s.significand());
    }
    return stored;
  }

  /** A register was empty: IE and SF, C1 clear. Whether IE is masked. */
  static boolean underflow(Fpu f) {
    return stackFault(f, 0);
  }

  /** A register was not empty: IE, SF and C1. Whether IE is masked. */
  static boolean overflow(Fpu f) {
    return stackFault(f, Fpu.C1);
  }

  private static boolean stackFault(Fpu f, int direction) {
    f.status = (f.status & ~Fpu.C1) | SoftFloat.IE | Fpu.SF | direction;
    boolean masked = (f.control & SoftFloat.IE) != 0;
    if (!masked) {
      f.status |= Fpu.ES | Fpu.B;
    }
    return masked;
  }

  static void setNan(Fpu f, int i) {
    f.setSt(i, NAN_SIGN_EXPONENT, NAN_SIGNIFICAND);
  }

  /** Whether ST(0) is empty; then it is the default NaN, if IE is masked. */
  static boolean missing(Fpu f) {
    if (!f.empty(0)) {
      return false;
    }
    if (underflow(f)) {
      setNan(f, 0);
    }
    return true;
  }

  /** Makes room for a push; false if there is none, and then the masked response is done. */
  static boolean push(Fpu f) {
    if (!f.empty(-1)) {
      if (overflow(f)) {
        f.top = f.top - 1 & 7;
        setNan(f, 0);
      }
      return false;
    }
    f.top = f.top - 1 & 7;
    return true;
  }

  static void a(Fpu f, int i) {
    f.soft.a80(f.stSignExponent(i), f.stSignificand(i));
  }

  static void b(Fpu f, int i) {
    f.soft.b80(f.stSignExponent(i), f.stSignificand(i));
  }

  /** Loads the operand in memory, a number of {@code width} bits, as {@code b}. */
  static void bFromMemory(Fpu f, long bits, int width) {
    if (width == 32) {
      f.soft.b32((int) bits);
    } else {
      f.soft.b64(bits);
    }
  }

  /** An integer in memory, sign-extended. */
  static long signed(long bits, int width) {
    return bits << (64 - width) >> (64 - width);
  }

  static boolean inMemory(Insn in, int operand) {
    return in.operand(operand).kind == Operand.MEMORY;
  }
}
