package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.internal.fp.SoftFloat;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * Fused multiply-add: one rounding. APM Vol. 4, VFMADD132PD and its kin.
 *
 * <p>The opcode says it all: its high digit which operands are multiplied, its low digit the signs,
 * and whether the operation is scalar; VEX.W the precision.
 */
final class Fma {
  private Fma() {}

  static void bind() {
    for (Op op : java.util.EnumSet.range(Op.VFMADDSUB132PS, Op.VFNMSUB231SD)) {
      boolean number = op.name().endsWith("D");
      boolean scalar = op.name().endsWith("SS") || op.name().endsWith("SD");
      Meanings.bind(
          op,
          number ? scalar ? Fma::scalar64 : Fma::packed64 : scalar ? Fma::scalar32 : Fma::packed32);
    }
  }

  private static void packed64(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Operand o = in.operand(0);
    long[] old = f.lane == 0 ? f.xmm : f.ymm;
    long low = lane64(f, in, 0, old[2 * o.reg], f.d0, f.s0);
    Simd.floatResult(c, f, in, low, lane64(f, in, 1, old[2 * o.reg + 1], f.d1, f.s1));
  }

  private static void scalar64(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    int reg = in.operand(0).reg;
    long low = lane64(f, in, 0, f.xmm[2 * reg], f.d0, f.s0);
    Simd.floatResult(c, f, in, low, f.xmm[2 * reg + 1]);
  }

  private static void packed32(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    Operand o = in.operand(0);
    long[] old = f.lane == 0 ? f.xmm : f.ymm;
    long low = pair32(f, in, old[2 * o.reg], f.d0, f.s0);
    Simd.floatResult(c, f, in, low, pair32(f, in, old[2 * o.reg + 1], f.d1, f.s1));
  }

  private static void scalar32(Cpu c, Insn in) {
    Fpu f = Simd.floatBinary(c, in);
    int reg = in.operand(0).reg;
    long old = f.xmm[2 * reg];
    int low = lane32(f, in, 0, (int) old, (int) f.d0, (int) f.s0);
    Simd.floatResult(c, f, in, old >>> 32 << 32 | low & 0xffff_ffffL, f.xmm[2 * reg + 1]);
  }

  private static long pair32(Fpu f, Insn in, long first, long second, long third) {
    int low = lane32(f, in, 0, (int) first, (int) second, (int) third);
    return Lanes.doubles(
        low, lane32(f, in, 1, (int) (first >>> 32), (int) (second >>> 32), (int) (third >>> 32)));
  }

  /** 96h: subtracts in even lanes; 97h: in odd ones; 9Ah, 9Bh, 9Eh, 9Fh: everywhere. */
  private static boolean subtracts(Insn in, int lane) {
    return switch (in.opcode & 15) {
      case 6 -> (lane & 1) == 0;
      case 7 -> (lane & 1) != 0;
      default -> (in.opcode & 2) != 0;
    };
  }

  /** 9Ch to 9Fh. */
  private static boolean negates(Insn in) {
    return (in.opcode & 15) >= 12;
  }

  private static long lane64(Fpu f, Insn in, int lane, long first, long second, long third) {
    int order = in.opcode >> 4;
    long a = order == 9 ? first : second;
    long b = order == 10 ? first : third;
    long addend = order == 9 ? second : order == 10 ? third : first;
    boolean negates = negates(in);
    boolean subtracts = subtracts(in, lane);
    if (f.nearest
        && f.inexactKnown
        && VectorFloat.plain64(a)
        && VectorFloat.plain64(b)
        && VectorFloat.plain64(addend)) {
      double x = Double.longBitsToDouble(a);
      double z = Double.longBitsToDouble(addend);
      double r = Math.fma(negates ? -x : x, Double.longBitsToDouble(b), subtracts ? -z : z);
      long bits = Double.doubleToRawLongBits(r);
      if (VectorFloat.middle64(bits)) {
        return bits;
      }
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a64(a);
    s.b64(b);
    s.c64(addend);
    long r = s.multiplyAdd(negates, subtracts).result64();
    f.raised |= s.flags();
    return r;
  }

  private static int lane32(Fpu f, Insn in, int lane, int first, int second, int third) {
    int order = in.opcode >> 4;
    int a = order == 9 ? first : second;
    int b = order == 10 ? first : third;
    int addend = order == 9 ? second : order == 10 ? third : first;
    boolean negates = negates(in);
    boolean subtracts = subtracts(in, lane);
    if (f.nearest
        && f.inexactKnown
        && VectorFloat.plain32(a)
        && VectorFloat.plain32(b)
        && VectorFloat.plain32(addend)) {
      float x = Float.intBitsToFloat(a);
      float z = Float.intBitsToFloat(addend);
      float r = Math.fma(negates ? -x : x, Float.intBitsToFloat(b), subtracts ? -z : z);
      int bits = Float.floatToRawIntBits(r);
      if (VectorFloat.middle32(bits)) {
        return bits;
      }
    }
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a32(a);
    s.b32(b);
    s.c32(addend);
    int r = s.multiplyAdd(negates, subtracts).result32();
    f.raised |= s.flags();
    return r;
  }
}
