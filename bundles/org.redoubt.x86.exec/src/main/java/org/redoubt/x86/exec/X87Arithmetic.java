package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.internal.fp.SoftFloat;

/**
 * x87 addition to division, and comparison. APM Vol. 5, x87 Floating-Point Instruction Reference.
 */
final class X87Arithmetic {
  private static final int ADD = 0;
  private static final int MULTIPLY = 1;
  private static final int SUBTRACT = 2;
  private static final int DIVIDE = 3;

  private static final int CONDITIONS = Fpu.C0 | Fpu.C2 | Fpu.C3;

  private X87Arithmetic() {}

  static void bind() {
    Meanings.bind(Op.FADD, X87Arithmetic::fadd);
    Meanings.bind(Op.FADDP, X87Arithmetic::faddp);
    Meanings.bind(Op.FIADD, X87Arithmetic::fiadd);
    Meanings.bind(Op.FMUL, X87Arithmetic::fmul);
    Meanings.bind(Op.FMULP, X87Arithmetic::fmulp);
    Meanings.bind(Op.FIMUL, X87Arithmetic::fimul);
    Meanings.bind(Op.FSUB, X87Arithmetic::fsub);
    Meanings.bind(Op.FSUBP, X87Arithmetic::fsubp);
    Meanings.bind(Op.FISUB, X87Arithmetic::fisub);
    Meanings.bind(Op.FSUBR, X87Arithmetic::fsubr);
    Meanings.bind(Op.FSUBRP, X87Arithmetic::fsubrp);
    Meanings.bind(Op.FISUBR, X87Arithmetic::fisubr);
    Meanings.bind(Op.FDIV, X87Arithmetic::fdiv);
    Meanings.bind(Op.FDIVP, X87Arithmetic::fdivp);
    Meanings.bind(Op.FIDIV, X87Arithmetic::fidiv);
    Meanings.bind(Op.FDIVR, X87Arithmetic::fdivr);
    Meanings.bind(Op.FDIVRP, X87Arithmetic::fdivrp);
    Meanings.bind(Op.FIDIVR, X87Arithmetic::fidivr);
    Meanings.bind(Op.FCOM, X87Arithmetic::fcom);
    Meanings.bind(Op.FCOMP, X87Arithmetic::fcomp);
    Meanings.bind(Op.FUCOM, X87Arithmetic::fucom);
    Meanings.bind(Op.FUCOMP, X87Arithmetic::fucomp);
    Meanings.bind(Op.FCOMPP, X87Arithmetic::fcompp);
    Meanings.bind(Op.FUCOMPP, X87Arithmetic::fucompp);
    Meanings.bind(Op.FICOM, X87Arithmetic::ficom);
    Meanings.bind(Op.FICOMP, X87Arithmetic::ficomp);
    Meanings.bind(Op.FTST, X87Arithmetic::ftst);
    Meanings.bind(Op.FCOMI, X87Arithmetic::fcomi);
    Meanings.bind(Op.FCOMIP, X87Arithmetic::fcomip);
    Meanings.bind(Op.FUCOMI, X87Arithmetic::fucomi);
    Meanings.bind(Op.FUCOMIP, X87Arithmetic::fucomip);
    Meanings.bind(Op.FCMOVB, X87Arithmetic::fcmovb);
    Meanings.bind(Op.FCMOVE, X87Arithmetic::fcmove);
    Meanings.bind(Op.FCMOVBE, X87Arithmetic::fcmovbe);
    Meanings.bind(Op.FCMOVU, X87Arithmetic::fcmovu);
    Meanings.bind(Op.FCMOVNB, X87Arithmetic::fcmovnb);
    Meanings.bind(Op.FCMOVNE, X87Arithmetic::fcmovne);
    Meanings.bind(Op.FCMOVNBE, X87Arithmetic::fcmovnbe);
    Meanings.bind(Op.FCMOVNU, X87Arithmetic::fcmovnu);
  }

  /** FADD: sum. APM5. */
  static void fadd(Cpu c, Insn in) {
    binary(c, in, ADD, false);
  }

  /** FADDP: sum, and a pop. APM5. */
  static void faddp(Cpu c, Insn in) {
    popping(c, in, ADD, false);
  }

  /** FIADD: sum with an integer in memory. APM5. */
  static void fiadd(Cpu c, Insn in) {
    integer(c, in, ADD, false);
  }

  /** FMUL: product. APM5. */
  static void fmul(Cpu c, Insn in) {
    binary(c, in, MULTIPLY, false);
  }

  /** FMULP: product, and a pop. APM5. */
  static void fmulp(Cpu c, Insn in) {
    popping(c, in, MULTIPLY, false);
  }

  /** FIMUL: product with an integer in memory. APM5. */
  static void fimul(Cpu c, Insn in) {
    integer(c, in, MULTIPLY, false);
  }

  /** FSUB: difference. APM5. */
  static void fsub(Cpu c, Insn in) {
    binary(c, in, SUBTRACT, false);
  }

  /** FSUBP: difference, and a pop. APM5. */
  static void fsubp(Cpu c, Insn in) {
    popping(c, in, SUBTRACT, false);
  }

  /** FISUB: difference with an integer in memory. APM5. */
  static void fisub(Cpu c, Insn in) {
    integer(c, in, SUBTRACT, false);
  }

  /** FSUBR: reversed difference. APM5. */
  static void fsubr(Cpu c, Insn in) {
    binary(c, in, SUBTRACT, true);
  }

  /** FSUBRP: reversed difference, and a pop. APM5. */
  static void fsubrp(Cpu c, Insn in) {
    popping(c, in, SUBTRACT, true);
  }

  /** FISUBR: reversed difference with an integer in memory. APM5. */
  static void fisubr(Cpu c, Insn in) {
    integer(c, in, SUBTRACT, true);
  }

  /** FDIV: quotient. APM5. */
  static void fdiv(Cpu c, Insn in) {
    binary(c, in, DIVIDE, false);
  }

  /** FDIVP: quotient, and a pop. APM5. */
  static void fdivp(Cpu c, Insn in) {
    popping(c, in, DIVIDE, false);
  }

  /** FIDIV: quotient with an integer in memory. APM5. */
  static void fidiv(Cpu c, Insn in) {
    integer(c, in, DIVIDE, false);
  }

  /** FDIVR: reversed quotient. APM5. */
  static void fdivr(Cpu c, Insn in) {
    binary(c, in, DIVIDE, true);
  }

  /** FDIVRP: reversed quotient, and a pop. APM5. */
  static void fdivrp(Cpu c, Insn in) {
    popping(c, in, DIVIDE, true);
  }

  /** FIDIVR: reversed quotient with an integer in memory. APM5. */
  static void fidivr(Cpu c, Insn in) {
    integer(c, in, DIVIDE, true);
  }

  private static void binary(Cpu c, Insn in, int op, boolean reversed) {
    combine(c, in, op, reversed, false, false);
  }

  private static void popping(Cpu c, Insn in, int op, boolean reversed) {
    combine(c, in, op, reversed, false, true);
  }

  private static void integer(Cpu c, Insn in, int op, boolean reversed) {
    combine(c, in, op, reversed, true, false);
  }

  private static void combine(
      Cpu c, Insn in, int op, boolean reversed, boolean integer, boolean pop) {
    Fpu f = X87.begin(c);
    Operand source = in.operand(1);
    long memory = source.isMemory() ? Simd.integer(c, in, 1) : 0;
    X87.ready(c, f, in);
    int i = in.operand(0).reg;
    if (f.empty(i) || (!source.isMemory() && f.empty(source.reg))) {
      if (X87.underflow(f)) {
        X87.setNan(f, i);
        popIf(f, pop);
      }
      return;
    }
    X87.a(f, i);
    operandB(f, source, memory, integer);
    if (reversed) {
      f.soft.swap();
    }
    switch (op) {
      case ADD -> f.soft.add();
      case MULTIPLY -> f.soft.multiply();
      case SUBTRACT -> f.soft.subtract();
      default -> f.soft.divide();
    }
    if (X87.store(f, i)) {
      popIf(f, pop);
    }
  }

  private static void operandB(Fpu f, Operand source, long memory, boolean integer) {
    if (!source.isMemory()) {
      X87.b(f, source.reg);
    } else if (integer) {
      f.soft.bInteger(X87.signed(memory, source.width));
    } else {
      X87.bFromMemory(f, memory, source.width);
    }
  }

  private static void popIf(Fpu f, boolean pop) {
    if (pop) {
      f.pop();
    }
  }

  // --- comparison
  // --------------------------------------------------------------------------------------------------

  /** FCOM: C3, C2, C0 by the order; any NaN is invalid. APM5. */
  static void fcom(Cpu c, Insn in) {
    compare(c, in, true, 0);
  }

  /** FCOMP: FCOM, and a pop. APM5. */
  static void fcomp(Cpu c, Insn in) {
    compare(c, in, true, 1);
  }

  /** FUCOM: C3, C2, C0 by the order; a signalling NaN is invalid. APM5. */
  static void fucom(Cpu c, Insn in) {
    compare(c, in, false, 0);
  }

  /** FUCOMP: FUCOM, and a pop. APM5. */
  static void fucomp(Cpu c, Insn in) {
    compare(c, in, false, 1);
  }

  /** FCOMPP: FCOM with ST(1), and two pops. APM5. */
  static void fcompp(Cpu c, Insn in) {
    compareRegisters(c, in, true);
  }

  /** FUCOMPP: FUCOM with ST(1), and two pops. APM5. */
  static void fucompp(Cpu c, Insn in) {
    compareRegisters(c, in, false);
  }

  /** FICOM: FCOM with an integer in memory. APM5. */
  static void ficom(Cpu c, Insn in) {
    compareMemory(c, in, true, true, 0);
  }

  /** FICOMP: FICOM, and a pop. APM5. */
  static void ficomp(Cpu c, Insn in) {
    compareMemory(c, in, true, true, 1);
  }

  private static void compare(Cpu c, Insn in, boolean signalling, int pops) {
    if (X87.inMemory(in, 1)) {
      compareMemory(c, in, signalling, false, pops);
    } else {
      Fpu f = X87.compute(c, in);
      conclude(f, compareSt(f, in.operand(1).reg, signalling), pops);
    }
  }

  private static void compareRegisters(Cpu c, Insn in, boolean signalling) {
    Fpu f = X87.compute(c, in);
    conclude(f, compareSt(f, 1, signalling), 2);
  }

  /** The order of ST(0) and ST({@code i}); of an empty register it is unordered. */
  private static int compareSt(Fpu f, int i, boolean signalling) {
    if (f.empty(0) || f.empty(i)) {
      X87.underflow(f);
      return SoftFloat.UNORDERED;
    }
    X87.a(f, 0);
    X87.b(f, i);
    int order = f.soft.compare(signalling);
    X87.accept(f);
    return order;
  }

  private static void compareMemory(Cpu c, Insn in, boolean signalling, boolean integer, int pops) {
    Fpu f = X87.begin(c);
    long memory = Simd.integer(c, in, 1);
    X87.ready(c, f, in);
    if (f.empty(0)) {
      X87.underflow(f);
      conclude(f, SoftFloat.UNORDERED, pops);
      return;
    }
    X87.a(f, 0);
    operandB(f, in.operand(1), memory, integer);
    int order = f.soft.compare(signalling);
    X87.accept(f);
    conclude(f, order, pops);
  }

  /** Sets the condition codes, and pops unless an unmasked exception forbids it. */
  private static void conclude(Fpu f, int order, int pops) {
    f.status &= ~CONDITIONS;
    f.status |=
        switch (order) {
          case SoftFloat.LESS -> Fpu.C0;
          case SoftFloat.EQUAL -> Fpu.C3;
          case SoftFloat.GREATER -> 0;
          default -> CONDITIONS;
        };
    for (int i = 0; i < pops && (f.status & Fpu.ES) == 0; i++) {
      f.pop();
    }
  }

  /** FTST: FCOM with zero. APM5. */
  static void ftst(Cpu c, Insn in) {
    Fpu f = X87.compute(c, in);
    if (f.empty(0)) {
      X87.underflow(f);
      conclude(f, SoftFloat.UNORDERED, 0);
      return;
    }
    X87.a(f, 0);
    f.soft.bInteger(0);
    int order = f.soft.compare(true);
    X87.accept(f);
    conclude(f, order, 0);
  }

  /** FCOMI: ZF, PF, CF by the order; any NaN is invalid. APM5. */
  static void fcomi(Cpu c, Insn in) {
    compareFlags(c, in, true, false);
  }

  /** FCOMIP: FCOMI, and a pop. APM5. */
  static void fcomip(Cpu c, Insn in) {
    compareFlags(c, in, true, true);
  }

  /** FUCOMI: ZF, PF, CF by the order; a signalling NaN is invalid. APM5. */
  static void fucomi(Cpu c, Insn in) {
    compareFlags(c, in, false, false);
  }

  /** FUCOMIP: FUCOMI, and a pop. APM5. */
  static void fucomip(Cpu c, Insn in) {
    compareFlags(c, in, false, true);
  }

  private static void compareFlags(Cpu c, Insn in, boolean signalling, boolean pop) {
    Fpu f = X87.computeKeepingC1(c, in);
    int order = compareSt(f, in.operand(1).reg, signalling);
    Simd.statusFlags(c, VectorFloat.orderFlags(order));
    popIf(f, pop && (f.status & Fpu.ES) == 0);
  }

  // --- conditional moves
  // -------------------------------------------------------------------------------------------

  /** FCMOVB: if CF. APM5. */
  static void fcmovb(Cpu c, Insn in) {
    moveIf(c, in, Rflags.CF, true);
  }

  /** FCMOVE: if ZF. APM5. */
  static void fcmove(Cpu c, Insn in) {
    moveIf(c, in, Rflags.ZF, true);
  }

  /** FCMOVBE: if CF or ZF. APM5. */
  static void fcmovbe(Cpu c, Insn in) {
    moveIf(c, in, Rflags.CF | Rflags.ZF, true);
  }

  /** FCMOVU: if PF. APM5. */
  static void fcmovu(Cpu c, Insn in) {
    moveIf(c, in, Rflags.PF, true);
  }

  /** FCMOVNB: unless CF. APM5. */
  static void fcmovnb(Cpu c, Insn in) {
    moveIf(c, in, Rflags.CF, false);
  }

  /** FCMOVNE: unless ZF. APM5. */
  static void fcmovne(Cpu c, Insn in) {
    moveIf(c, in, Rflags.ZF, false);
  }

  /** FCMOVNBE: unless CF or ZF. APM5. */
  static void fcmovnbe(Cpu c, Insn in) {
    moveIf(c, in, Rflags.CF | Rflags.ZF, false);
  }

  /** FCMOVNU: unless PF. APM5. */
  static void fcmovnu(Cpu c, Insn in) {
    moveIf(c, in, Rflags.PF, false);
  }

  private static void moveIf(Cpu c, Insn in, int flags, boolean set) {
    Fpu f = X87.computeKeepingC1(c, in);
    int i = in.operand(1).reg;
    if (f.empty(0) || f.empty(i)) {
      if (X87.underflow(f)) {
        X87.setNan(f, 0);
      }
      return;
    }
    if (((Simd.statusFlags(c) & flags) != 0) == set) {
      f.setSt(0, f.stSignExponent(i), f.stSignificand(i));
    }
  }
}
