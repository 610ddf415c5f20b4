package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;

/** Moves between MMX and XMM registers, general registers and memory. APM Vol. 4 and 5. */
final class VectorMove {
  private VectorMove() {}

  static void bind() {
    Meanings.bind(Op.MOVAPS, VectorMove::movaps);
    Meanings.bind(Op.MOVAPD, VectorMove::movapd);
    Meanings.bind(Op.MOVDQA, VectorMove::movdqa);
    Meanings.bind(Op.MOVUPS, VectorMove::movups);
    Meanings.bind(Op.MOVUPD, VectorMove::movupd);
    Meanings.bind(Op.MOVDQU, VectorMove::movdqu);
    Meanings.bind(Op.LDDQU, VectorMove::lddqu);
    Meanings.bind(Op.MOVNTDQA, VectorMove::movntdqa);
    Meanings.bind(Op.MOVNTPS, VectorMove::movntps);
    Meanings.bind(Op.MOVNTPD, VectorMove::movntpd);
    Meanings.bind(Op.MOVNTDQ, VectorMove::movntdq);
    Meanings.bind(Op.MOVSS, VectorMove::movss);
    Meanings.bind(Op.MOVSD, VectorMove::movsd);
    Meanings.bind(Op.MOVNTSS, VectorMove::movntss);
    Meanings.bind(Op.MOVNTSD, VectorMove::movntsd);
    Meanings.bind(Op.MOVLPS, VectorMove::movlps);
    Meanings.bind(Op.MOVLPD, VectorMove::movlpd);
    Meanings.bind(Op.MOVHPS, VectorMove::movhps);
    Meanings.bind(Op.MOVHPD, VectorMove::movhpd);
    Meanings.bind(Op.MOVHLPS, VectorMove::movhlps);
    Meanings.bind(Op.MOVLHPS, VectorMove::movlhps);
    Meanings.bind(Op.MOVSLDUP, VectorMove::movsldup);
    Meanings.bind(Op.MOVSHDUP, VectorMove::movshdup);
    Meanings.bind(Op.MOVDDUP, VectorMove::movddup);
    Meanings.bind(Op.MOVD, VectorMove::movd);
    Meanings.bind(Op.MOVQ, VectorMove::movq);
    Meanings.bind(Op.MOVNTQ, VectorMove::movntq);
    Meanings.bind(Op.MOVQ2DQ, VectorMove::movq2dq);
    Meanings.bind(Op.MOVDQ2Q, VectorMove::movdq2q);
    Meanings.bind(Op.EMMS, VectorMove::emms);
    Meanings.bind(Op.MASKMOVQ, VectorMove::maskmovq);
    Meanings.bind(Op.MASKMOVDQU, VectorMove::maskmovdqu);
  }

  /** MOVAPS: sixteen bytes, aligned. APM4. */
  static void movaps(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVAPD: sixteen bytes, aligned. APM4. */
  static void movapd(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVDQA: sixteen bytes, aligned. APM4. */
  static void movdqa(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVUPS: sixteen bytes. APM4. */
  static void movups(Cpu c, Insn in) {
    whole(c, in, false);
  }

  /** MOVUPD: sixteen bytes. APM4. */
  static void movupd(Cpu c, Insn in) {
    whole(c, in, false);
  }

  /** MOVDQU: sixteen bytes. APM4. */
  static void movdqu(Cpu c, Insn in) {
    whole(c, in, false);
  }

  /** LDDQU: sixteen bytes. APM4. */
  static void lddqu(Cpu c, Insn in) {
    whole(c, in, false);
  }

  /** MOVNTDQA: sixteen bytes, aligned; the hint is ignored. APM4. */
  static void movntdqa(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVNTPS: sixteen bytes, aligned; the hint is ignored. APM4. */
  static void movntps(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVNTPD: sixteen bytes, aligned; the hint is ignored. APM4. */
  static void movntpd(Cpu c, Insn in) {
    whole(c, in, true);
  }

  /** MOVNTDQ: sixteen bytes, aligned; the hint is ignored. APM4. */
  static void movntdq(Cpu c, Insn in) {
    whole(c, in, true);
  }

  private static void whole(Cpu c, Insn in, boolean aligned) {
    Fpu f = Simd.begin(c, in);
    int bytes = in.vector == 256 ? 32 : 16;
    if (aligned
        && in.hasMemory()
        && (Ea.linear(c, in, bytes, in.operand(0).isMemory()) & bytes - 1) != 0) {
      // MXCSR.MM does not excuse the aligned moves.
      throw c.generalProtection();
    }
    Simd.load(c, f, in, in.source, false);
    Simd.storeVector(c, f, in, f.s0, f.s1);
  }

  /** MOVSS: a load clears the rest of the register, a move between registers keeps it. APM4. */
  static void movss(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.load(c, f, in, in.source, false);
    if (in.operand(0).isMemory()) {
      Simd.storeVector(c, f, in, f.s0, 0);
    } else if (in.operand(in.source).isMemory()) {
      Simd.result(f, in, f.s0, 0);
    } else {
      Simd.destination(f, in);
      Simd.result(f, in, f.d0 >>> 32 << 32 | (f.s0 & 0xffff_ffffL), f.d1);
    }
  }

  /** MOVSD: a load clears the rest of the register, a move between registers keeps it. APM4. */
  static void movsd(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.load(c, f, in, in.source, false);
    if (in.operand(0).isMemory()) {
      Simd.storeVector(c, f, in, f.s0, 0);
    } else {
      Simd.destination(f, in);
      Simd.result(f, in, f.s0, in.operand(in.source).isMemory() ? 0 : f.d1);
    }
  }

  /** MOVNTSS: four bytes; the hint is ignored. SSE4A. APM4. */
  static void movntss(Cpu c, Insn in) {
    movss(c, in);
  }

  /** MOVNTSD: eight bytes; the hint is ignored. SSE4A. APM4. */
  static void movntsd(Cpu c, Insn in) {
    movsd(c, in);
  }

  /** MOVLPS: the low half, from or to memory. APM4. */
  static void movlps(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.load(c, f, in, in.source, false);
    if (in.operand(0).isMemory()) {
      Simd.storeVector(c, f, in, f.s0, 0);
    } else {
      Simd.destination(f, in);
      Simd.result(f, in, f.s0, f.d1);
    }
  }

  /** MOVLPD: the low half, from or to memory. APM4. */
  static void movlpd(Cpu c, Insn in) {
    movlps(c, in);
  }

  /** MOVHPS: the high half, from or to memory. APM4. */
  static void movhps(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.load(c, f, in, in.source, false);
    if (in.operand(0).isMemory()) {
      Simd.storeVector(c, f, in, f.s1, 0);
    } else {
      Simd.destination(f, in);
      Simd.result(f, in, f.d0, f.s0);
    }
  }

  /** MOVHPD: the high half, from or to memory. APM4. */
  static void movhpd(Cpu c, Insn in) {
    movhps(c, in);
  }

  /** MOVHLPS: the source's high half to the low half. APM4. */
  static void movhlps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.s1, f.d1);
  }

  /** MOVLHPS: the source's low half to the high half. APM4. */
  static void movlhps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0, f.s0);
  }

  /** MOVSLDUP: the even numbers, twice each. APM4. */
  static void movsldup(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, (f.s0 & 0xffff_ffffL) | f.s0 << 32, (f.s1 & 0xffff_ffffL) | f.s1 << 32);
  }

  /** MOVSHDUP: the odd numbers, twice each. APM4. */
  static void movshdup(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, f.s0 >>> 32 | f.s0 >>> 32 << 32, f.s1 >>> 32 | f.s1 >>> 32 << 32);
  }

  /** MOVDDUP: the low number, twice. APM4. */
  static void movddup(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, f.s0, f.s0);
  }

  /**
   * MOVD: a doubleword or quadword (with REX.W) from or to a general register or memory. APM4,
   * APM5.
   */
  static void movd(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    int kind = in.operand(0).kind;
    if (kind == Operand.XMM || kind == Operand.MMX) {
      Simd.result(f, in, Simd.integer(c, in, in.source), 0);
    } else {
      Simd.load(c, f, in, in.source, false);
      Simd.store(c, in, f.s0);
    }
  }

  /** MOVQ: eight bytes; the high half of an XMM register is cleared. APM4, APM5. */
  static void movq(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.load(c, f, in, in.source, false);
    Simd.storeVector(c, f, in, f.s0, 0);
  }

  /** MOVNTQ: eight bytes; the hint is ignored. APM5. */
  static void movntq(Cpu c, Insn in) {
    movq(c, in);
  }

  /** MOVQ2DQ: an MMX register to an XMM register. APM4. */
  static void movq2dq(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, f.s0, 0);
  }

  /** MOVDQ2Q: the low half of an XMM register to an MMX register. APM4. */
  static void movdq2q(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, f.s0, 0);
  }

  /** EMMS: every x87 register empty. APM5. */
  static void emms(Cpu c, Insn in) {
    Fpu f = Simd.beginMmx(c);
    f.tags = 0;
    f.top = 0;
  }

  /** MASKMOVQ: bytes selected by the mask's sign bits, to [rDI]. APM5. */
  static void maskmovq(Cpu c, Insn in) {
    Simd.binary(c, in);
    Simd.storeSelected(c, in, 8);
  }

  /** MASKMOVDQU: bytes selected by the mask's sign bits, to [rDI]. APM4. */
  static void maskmovdqu(Cpu c, Insn in) {
    Simd.binary(c, in);
    Simd.storeSelected(c, in, 16);
  }
}
