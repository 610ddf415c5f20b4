package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * x87 control: the environment, the control and status words. APM Vol. 5; formats: APM Vol. 2,
 * 11.4.4.
 */
final class X87Environment {
  /** Bits of the control word that exist. */
  private static final int CONTROL_BITS = 0x1f3f;

  /** Bit 6 of the control word reads as one. */
  private static final int CONTROL_ONES = 0x40;

  private static final int REGISTERS = 80;

  private X87Environment() {}

  static void bind() {
    Meanings.bind(Op.FNOP, X87Environment::fnop);
    Meanings.bind(Op.FWAIT, X87Environment::fwait);
    Meanings.bind(Op.FNCLEX, X87Environment::fnclex);
    Meanings.bind(Op.FNINIT, X87Environment::fninit);
    Meanings.bind(Op.FLDCW, X87Environment::fldcw);
    Meanings.bind(Op.FNSTCW, X87Environment::fnstcw);
    Meanings.bind(Op.FNSTSW, X87Environment::fnstsw);
    Meanings.bind(Op.FNSTENV, X87Environment::fnstenv);
    Meanings.bind(Op.FLDENV, X87Environment::fldenv);
    Meanings.bind(Op.FNSAVE, X87Environment::fnsave);
    Meanings.bind(Op.FRSTOR, X87Environment::frstor);
  }

  static void setControl(Fpu f, int word) {
    f.control = (word & CONTROL_BITS) | CONTROL_ONES;
    f.summarize();
  }

  /** FNOP: nothing, but it is an x87 instruction. APM5. */
  static void fnop(Cpu c, Insn in) {
    if (in.opcode == 0xdb) {
      // FNENI, FNDISI and FNSETPM do not wait.
      X87.beginControl(c);
    } else {
      X87.begin(c);
    }
  }

  /** FWAIT: #MF if an exception is pending. APM5. */
  static void fwait(Cpu c, Insn in) {
    if ((c.cr0 & (Cr0.MP | Cr0.TS)) == (Cr0.MP | Cr0.TS)) {
      throw c.raise(Vector.NM);
    }
    X87.pending(c, c.fpu);
  }

  /** FNCLEX: clears the exceptions. APM5. */
  static void fnclex(Cpu c, Insn in) {
    Fpu f = X87.beginControl(c);
    f.status &= ~(Fpu.EXCEPTIONS | Fpu.SF | Fpu.ES | Fpu.B);
  }

  /** FNINIT: the state after reset, registers kept. APM5. */
  static void fninit(Cpu c, Insn in) {
    X87.beginControl(c).init();
  }

  /** FLDCW: loads the control word. APM5. */
  static void fldcw(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    setControl(f, (int) Operands.load(c, in, 0));
  }

  /** FNSTCW: stores the control word. APM5. */
  static void fnstcw(Cpu c, Insn in) {
    Operands.store(c, in, 0, X87.beginControl(c).control);
  }

  /** FNSTSW: stores the status word. APM5. */
  static void fnstsw(Cpu c, Insn in) {
    Operands.store(c, in, 0, X87.beginControl(c).statusWord());
  }

  /** FNSTENV: stores the environment and masks all exceptions. APM5. */
  static void fnstenv(Cpu c, Insn in) {
    Fpu f = X87.beginControl(c);
    long gva = Ea.linear(c, in, bytes(in), true);
    Mem.checkWrite(c, gva, bytes(in));
    storeEnvironment(c, f, in, gva);
    f.control |= Fpu.EXCEPTIONS;
    f.summarize();
  }

  /** FLDENV: loads the environment. APM5. */
  static void fldenv(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    long gva = Ea.linear(c, in, bytes(in), false);
    Mem.checkRead(c, gva, bytes(in));
    loadEnvironment(c, f, in, gva);
  }

  /** FNSAVE: stores environment and registers, then FNINIT. APM5. */
  static void fnsave(Cpu c, Insn in) {
    Fpu f = X87.beginControl(c);
    int all = bytes(in) + REGISTERS;
    long gva = Ea.linear(c, in, all, true);
    Mem.checkWrite(c, gva, all);
    storeEnvironment(c, f, in, gva);
    boolean checked = c.alignmentChecked;
    c.alignmentChecked = false; // of the environment alone
    for (int i = 0; i < 8; i++) {
      long at = gva + bytes(in) + 10L * i;
      Mem.store64(c, at, f.stSignificand(i));
      Mem.store16(c, at + 8, f.stSignExponent(i));
    }
    c.alignmentChecked = checked;
    f.init();
  }

  /** FRSTOR: loads environment and registers. APM5. */
  static void frstor(Cpu c, Insn in) {
    Fpu f = X87.begin(c);
    int all = bytes(in) + REGISTERS;
    long gva = Ea.linear(c, in, all, false);
    Mem.checkRead(c, gva, all);
    loadEnvironment(c, f, in, gva);
    boolean checked = c.alignmentChecked;
    c.alignmentChecked = false;
    for (int i = 0; i < 8; i++) {
      long at = gva + bytes(in) + 10L * i;
      int p = f.physical(i);
      f.significand[p] = Mem.load64(c, at);
      f.signExponent[p] = Mem.load16(c, at + 8);
    }
    c.alignmentChecked = checked;
  }

  /** Bytes of the environment: 28, or 14 with an operand size of 16. */
  private static int bytes(Insn in) {
    return in.operandSize == 16 ? 14 : 28;
  }

  /** The formats of real and virtual-8086 mode hold linear addresses instead of selectors. */
  private static boolean linearPointers(Cpu c) {
    return c.realSegments() && c.codeSize != CodeSize.BITS64;
  }

  private static void storeEnvironment(Cpu c, Fpu f, Insn in, long gva) {
    int[] words = {f.control, f.statusWord(), f.fullTags()};
    boolean narrow = in.operandSize == 16;
    int size = narrow ? 2 : 4;
    for (int i = 0; i < 3; i++) {
      put(c, gva + (long) i * size, words[i] | 0xffff_0000, size);
    }
    long ip = f.lastInstruction;
    long dp = f.lastData;
    int ipSecond;
    int dpSecond;
    if (linearPointers(c)) {
      ip = ip + ((long) f.lastCs << 4);
      dp = dp + ((long) f.lastDs << 4);
      ipSecond = (int) (ip >>> 16 << 12) | f.lastOpcode;
      dpSecond = (int) (dp >>> 16 << 12);
      ip &= 0xffff;
      dp &= 0xffff;
    } else {
      ipSecond = f.lastCs | f.lastOpcode << 16;
      dpSecond = f.lastDs | 0xffff_0000;
    }
    put(c, gva + 3L * size, (int) ip, size);
    put(c, gva + 4L * size, ipSecond, size);
    put(c, gva + 5L * size, (int) dp, size);
    put(c, gva + 6L * size, dpSecond, size);
  }

  private static void put(Cpu c, long gva, int value, int size) {
    if (size == 2) {
      Mem.store16(c, gva, value);
    } else {
      Mem.store32(c, gva, value);
    }
  }

  private static int get(Cpu c, long gva, int size) {
    return size == 2 ? Mem.load16(c, gva) : Mem.load32(c, gva);
  }

  private static void loadEnvironment(Cpu c, Fpu f, Insn in, long gva) {
    int size = in.operandSize == 16 ? 2 : 4;
    f.control = (get(c, gva, size) & CONTROL_BITS) | CONTROL_ONES;
    f.setStatusWord(get(c, gva + size, size));
    f.setFullTags(get(c, gva + 2L * size, size));
    long ip = get(c, gva + 3L * size, size) & 0xffff_ffffL;
    int ipSecond = get(c, gva + 4L * size, size);
    long dp = get(c, gva + 5L * size, size) & 0xffff_ffffL;
    int dpSecond = get(c, gva + 6L * size, size);
    if (linearPointers(c)) {
      f.lastInstruction = (ip & 0xffff) | (long) (ipSecond >>> 12 & 0xffff) << 16;
      f.lastData = (dp & 0xffff) | (long) (dpSecond >>> 12 & 0xffff) << 16;
      f.lastOpcode = ipSecond & 0x7ff;
      f.lastCs = 0;
      f.lastDs = 0;
    } else {
      f.lastInstruction = ip;
      f.lastData = dp;
      f.lastCs = ipSecond & 0xffff;
      f.lastDs = dpSecond & 0xffff;
      f.lastOpcode = size == 2 ? 0 : ipSecond >>> 16 & 0x7ff;
    }
  }
}
