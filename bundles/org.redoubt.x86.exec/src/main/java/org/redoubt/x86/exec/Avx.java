package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.internal.fp.SoftFloat;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * What AVX, AVX2 and F16C have beside the longer forms of SSE: broadcasts, permutations across
 * lanes, masked moves, variable shifts, half precision. APM Vol. 4.
 */
final class Avx {
  private Avx() {}

  static void bind() {
    Meanings.bind(Op.VPERMILPS, Avx::vpermilps);
    Meanings.bind(Op.VPERMILPD, Avx::vpermilpd);
    Meanings.bind(Op.VPSLLVD, Avx::vpsllvd);
    Meanings.bind(Op.VPSLLVQ, Avx::vpsllvq);
    Meanings.bind(Op.VPSRLVD, Avx::vpsrlvd);
    Meanings.bind(Op.VPSRLVQ, Avx::vpsrlvq);
    Meanings.bind(Op.VPSRAVD, Avx::vpsravd);
    Meanings.bind(Op.VCVTPH2PS, Avx::vcvtph2ps);
    Vex.bind(Op.VBROADCASTSS, (c, in) -> broadcast(c, in, 32));
    Vex.bind(Op.VBROADCASTSD, (c, in) -> broadcast(c, in, 64));
    Vex.bind(Op.VPBROADCASTB, (c, in) -> broadcast(c, in, 8));
    Vex.bind(Op.VPBROADCASTW, (c, in) -> broadcast(c, in, 16));
    Vex.bind(Op.VPBROADCASTD, (c, in) -> broadcast(c, in, 32));
    Vex.bind(Op.VPBROADCASTQ, (c, in) -> broadcast(c, in, 64));
    Vex.bind(Op.VBROADCASTF128, (c, in) -> broadcast(c, in, 128));
    Vex.bind(Op.VBROADCASTI128, (c, in) -> broadcast(c, in, 128));
    Vex.bind(Op.VPERM2F128, Avx::vperm2f128);
    Vex.bind(Op.VPERM2I128, Avx::vperm2f128);
    Vex.bind(Op.VINSERTF128, Avx::vinsertf128);
    Vex.bind(Op.VINSERTI128, Avx::vinsertf128);
    Vex.bind(Op.VEXTRACTF128, Avx::vextractf128);
    Vex.bind(Op.VEXTRACTI128, Avx::vextractf128);
    Vex.bind(Op.VPERMQ, Avx::vpermq);
    Vex.bind(Op.VPERMPD, Avx::vpermq);
    Vex.bind(Op.VPERMD, Avx::vpermd);
    Vex.bind(Op.VPERMPS, Avx::vpermd);
    Vex.bind(Op.VTESTPS, (c, in) -> test(c, in, 0x8000_0000_8000_0000L));
    Vex.bind(Op.VTESTPD, (c, in) -> test(c, in, 1L << 63));
    Vex.bind(Op.PTEST, (c, in) -> test(c, in, -1));
    Vex.bind(Op.PMOVMSKB, Avx::vpmovmskb);
    Vex.bind(Op.MOVMSKPS, Avx::vmovmskps);
    Vex.bind(Op.MOVMSKPD, Avx::vmovmskpd);
    Vex.bind(Op.VMASKMOVPS, Guard.unaligned((c, in) -> maskMove(c, in, 32)));
    Vex.bind(Op.VMASKMOVPD, Guard.unaligned((c, in) -> maskMove(c, in, 64)));
    Vex.bind(Op.VPMASKMOVD, Guard.unaligned((c, in) -> maskMove(c, in, 32)));
    Vex.bind(Op.VPMASKMOVQ, Guard.unaligned((c, in) -> maskMove(c, in, 64)));
    Vex.bind(Op.VZEROUPPER, (c, in) -> clear(c.fpu.ymm, in));
    Vex.bind(Op.VZEROALL, Avx::vzeroall);
    Vex.bind(Op.VCVTPS2PH, Avx::vcvtps2ph);
    Vex.bindNarrowing(Op.CVTPD2PS);
    Vex.bindNarrowing(Op.CVTPD2DQ);
    Vex.bindNarrowing(Op.CVTTPD2DQ);
  }

  // --- whole vectors
  // -----------------------------------------------------------------------------------------------

  /** Operand {@code i} as four longs; what lies above a shorter operand is zero. */
  static long[] load(Cpu c, Insn in, int i, long[] target) {
    Operand o = in.operand(i);
    Fpu f = c.fpu;
    if (o.kind == Operand.XMM) {
      boolean all = o.width == 256;
      target[0] = f.xmm[2 * o.reg];
      target[1] = f.xmm[2 * o.reg + 1];
      target[2] = all ? f.ymm[2 * o.reg] : 0;
      target[3] = all ? f.ymm[2 * o.reg + 1] : 0;
      return target;
    }
    long gva = Ea.linear(c, in, o.width >> 3, false);
    Guard.aligned(c, gva, Math.min(o.width >> 3, 16));
    if (o.width <= 64) {
      target[0] = Mem.load(c, gva, o.width);
    }
    for (int k = 0; k < 4; k++) {
      if (o.width > 64) {
        target[k] = 64 * k < o.width ? Mem.load64(c, gva + 8 * k) : 0;
      } else if (k > 0) {
        target[k] = 0;
      }
    }
    return target;
  }

  /** Writes a register, 256 bits of it or 128, and clears the rest. */
  static void store(Fpu f, int reg, long[] value, int bits) {
    f.xmm[2 * reg] = value[0];
    f.xmm[2 * reg + 1] = bits > 64 ? value[1] : 0;
    f.ymm[2 * reg] = bits == 256 ? value[2] : 0;
    f.ymm[2 * reg + 1] = bits == 256 ? value[3] : 0;
  }

  private static void result(Fpu f, Insn in, long[] value) {
    store(f, in.operand(0).reg, value, in.vector);
  }

  private static int doubleOf(long[] v, int index) {
    return (int) (v[index >> 1] >>> (32 * index));
  }

  /** VBROADCASTSS and its kin: the low element everywhere. APM4. */
  private static void broadcast(Cpu c, Insn in, int bits) {
    Fpu f = c.fpu;
    long[] v = load(c, in, 1, f.v);
    long low = v[0];
    for (int have = bits; have < 64; have <<= 1) {
      long element = low & (1L << have) - 1;
      low = element | element << have;
    }
    boolean pair = bits == 128;
    f.result[0] = low;
    f.result[1] = pair ? v[1] : low;
    f.result[2] = low;
    f.result[3] = pair ? v[1] : low;
    result(f, in, f.result);
  }

  /** VPERM2F128, VPERM2I128: for each lane one of four, or zero. APM4. */
  private static void vperm2f128(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] w = load(c, in, 2, f.w);
    long[] v = load(c, in, 1, f.v);
    for (int lane = 0; lane < 2; lane++) {
      int k = (int) in.imm >> 4 * lane;
      long[] from = (k & 2) == 0 ? v : w;
      int at = (k & 1) * 2;
      f.result[2 * lane] = (k & 8) != 0 ? 0 : from[at];
      f.result[2 * lane + 1] = (k & 8) != 0 ? 0 : from[at + 1];
    }
    result(f, in, f.result);
  }

  /** VINSERTF128, VINSERTI128: one lane replaced. APM4. */
  private static void vinsertf128(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] w = load(c, in, 2, f.w);
    long[] v = load(c, in, 1, f.v);
    int at = ((int) in.imm & 1) * 2;
    v[at] = w[0];
    v[at + 1] = w[1];
    result(f, in, v);
  }

  /** VEXTRACTF128, VEXTRACTI128: one lane to a register or memory. APM4. */
  private static void vextractf128(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] v = load(c, in, 1, f.v);
    int at = ((int) in.imm & 1) * 2;
    Operand o = in.operand(0);
    if (o.isMemory()) {
      long gva = Ea.linear(c, in, 16, true);
      Guard.aligned(c, gva, 16);
      Mem.store128(c, gva, v[at], v[at + 1]);
    } else {
      f.result[0] = v[at];
      f.result[1] = v[at + 1];
      store(f, o.reg, f.result, 128);
    }
  }

  /** VPERMQ, VPERMPD: quadwords chosen by the immediate. APM4. */
  private static void vpermq(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] v = load(c, in, 1, f.v);
    for (int i = 0; i < 4; i++) {
      f.result[i] = v[(int) in.imm >> 2 * i & 3];
    }
    result(f, in, f.result);
  }

  /** VPERMD, VPERMPS: doublewords chosen by those of the first operand. APM4. */
  private static void vpermd(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] w = load(c, in, 2, f.w);
    long[] v = load(c, in, 1, f.v);
    for (int i = 0; i < 4; i++) {
      f.result[i] =
          Lanes.doubles(doubleOf(w, (int) v[i] & 7), doubleOf(w, (int) (v[i] >>> 32) & 7));
    }
    result(f, in, f.result);
  }

  /**
   * VPTEST, VTESTPS, VTESTPD: ZF if the source has none of these bits in common with the first
   * operand, CF if none outside it. APM4.
   */
  private static void test(Cpu c, Insn in, long bits) {
    Fpu f = c.fpu;
    long[] w = load(c, in, 1, f.w);
    long[] v = load(c, in, 0, f.v);
    long inside = 0;
    long outside = 0;
    for (int i = 0; i < 4; i++) {
      inside |= w[i] & v[i] & bits;
      outside |= w[i] & ~v[i] & bits;
    }
    Simd.statusFlags(c, (inside == 0 ? Rflags.ZF : 0) | (outside == 0 ? Rflags.CF : 0));
  }

  /** VPMOVMSKB: the sign bits of bytes. APM4. */
  private static void vpmovmskb(Cpu c, Insn in) {
    long[] v = load(c, in, 1, c.fpu.v);
    long r = 0;
    for (int i = 0; i < 4; i++) {
      r |= (Lanes.signBits(v[i]) & 0xffL) << (8 * i);
    }
    Operands.store(c, in, 0, r);
  }

  /** VMOVMSKPS: the signs of single-precision numbers. APM4. */
  private static void vmovmskps(Cpu c, Insn in) {
    long[] v = load(c, in, 1, c.fpu.v);
    long r = 0;
    for (int i = 0; i < 8; i++) {
      r |= (long) (doubleOf(v, i) >>> 31) << i;
    }
    Operands.store(c, in, 0, r);
  }

  /** VMOVMSKPD: the signs of double-precision numbers. APM4. */
  private static void vmovmskpd(Cpu c, Insn in) {
    long[] v = load(c, in, 1, c.fpu.v);
    Operands.store(c, in, 0, v[0] >>> 63 | v[1] >>> 63 << 1 | v[2] >>> 63 << 2 | v[3] >>> 63 << 3);
  }

  /** VZEROALL: all registers, eight of them outside 64-bit mode. APM4. */
  private static void vzeroall(Cpu c, Insn in) {
    clear(c.fpu.xmm, in);
    clear(c.fpu.ymm, in);
  }

  private static void clear(long[] registers, Insn in) {
    java.util.Arrays.fill(registers, 0, in.codeSize == CodeSize.BITS64 ? 32 : 16, 0);
  }

  /**
   * VMASKMOVPS and its kin: the elements whose mask is negative; the others are neither read nor
   * written, and are zero in a register. APM4.
   */
  private static void maskMove(Cpu c, Insn in, int bits) {
    Fpu f = c.fpu;
    boolean writes = in.operand(0).isMemory();
    long[] mask = load(c, in, 1, f.w);
    int n = in.vector / bits;
    if (writes) {
      long[] v = load(c, in, 2, f.v);
      for (int i = 0; i < n; i++) {
        if (chosen(mask, i, bits)) {
          Mem.checkWrite(c, address(c, in, i, bits, true), bits >> 3);
        }
      }
      for (int i = 0; i < n; i++) {
        if (chosen(mask, i, bits)) {
          Mem.store(c, address(c, in, i, bits, true), bits, element(v, i, bits));
        }
      }
      return;
    }
    java.util.Arrays.fill(f.result, 0);
    for (int i = 0; i < n; i++) {
      if (chosen(mask, i, bits)) {
        put(f.result, i, bits, Mem.load(c, address(c, in, i, bits, false), bits));
      }
    }
    result(f, in, f.result);
  }

  private static long address(Cpu c, Insn in, int i, int bits, boolean write) {
    long offset = Ea.offset(c, in) + i * (bits >> 3) & Operands.mask(in.addressSize);
    return Ea.linear(c, in.segment, offset, bits >> 3, write);
  }

  /** Whether element {@code i} is negative. */
  static boolean chosen(long[] mask, int i, int bits) {
    return element(mask, i, bits) << (64 - bits) < 0;
  }

  /** Element {@code i} of 32 or 64 bits; what lies above it is of no meaning. */
  static long element(long[] v, int i, int bits) {
    return bits == 64 ? v[i] : v[i >> 1] >>> (32 * i);
  }

  /** Replaces element {@code i}. */
  static void put(long[] v, int i, int bits, long value) {
    if (bits == 64) {
      v[i] = value;
    } else {
      int shift = 32 * (i & 1);
      v[i >> 1] = v[i >> 1] & ~(0xffff_ffffL << shift) | (value & 0xffff_ffffL) << shift;
    }
  }

  // --- lane by lane
  // ------------------------------------------------------------------------------------------------

  /** VPERMILPS: numbers of the lane, chosen by the immediate or the second source. APM4. */
  private static void vpermilps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (in.source == 2) {
      long low = Lanes.doubles(lane(f.d0, f.d1, (int) f.s0), lane(f.d0, f.d1, (int) (f.s0 >>> 32)));
      long high =
          Lanes.doubles(lane(f.d0, f.d1, (int) f.s1), lane(f.d0, f.d1, (int) (f.s1 >>> 32)));
      Simd.result(f, in, low, high);
    } else {
      int k = (int) in.imm;
      Simd.result(
          f,
          in,
          Lanes.doubles(lane(f.s0, f.s1, k), lane(f.s0, f.s1, k >> 2)),
          Lanes.doubles(lane(f.s0, f.s1, k >> 4), lane(f.s0, f.s1, k >> 6)));
    }
  }

  private static int lane(long low, long high, int index) {
    return (int) (((index & 2) == 0 ? low : high) >>> (32 * index));
  }

  /**
   * VPERMILPD: numbers of the lane, chosen by the immediate or bit 1 of the second source. APM4.
   */
  private static void vpermilpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (in.source == 2) {
      Simd.result(f, in, (f.s0 & 2) == 0 ? f.d0 : f.d1, (f.s1 & 2) == 0 ? f.d0 : f.d1);
    } else {
      long k = in.imm >> 2 * f.lane;
      Simd.result(f, in, (k & 1) == 0 ? f.s0 : f.s1, (k & 2) == 0 ? f.s0 : f.s1);
    }
  }

  /** VPSLLVD: doublewords, each shifted left by its own count; zero past their width. APM4. */
  private static void vpsllvd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, leftPair(f.d0, f.s0), leftPair(f.d1, f.s1));
  }

  private static long leftPair(long x, long by) {
    return Lanes.doubles(left((int) x, (int) by), left((int) (x >>> 32), (int) (by >>> 32)));
  }

  private static int left(int x, int by) {
    return (by & -32) == 0 ? x << by : 0;
  }

  /** VPSRLVD: doublewords, each shifted right by its own count; zero past their width. APM4. */
  private static void vpsrlvd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, rightPair(f.d0, f.s0), rightPair(f.d1, f.s1));
  }

  private static long rightPair(long x, long by) {
    return Lanes.doubles(right((int) x, (int) by), right((int) (x >>> 32), (int) (by >>> 32)));
  }

  private static int right(int x, int by) {
    return (by & -32) == 0 ? x >>> by : 0;
  }

  /** VPSRAVD: doublewords, each shifted right by its own count, their sign filling in. APM4. */
  private static void vpsravd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, signedPair(f.d0, f.s0), signedPair(f.d1, f.s1));
  }

  private static long signedPair(long x, long by) {
    return Lanes.doubles(
        signedRight((int) x, (int) by), signedRight((int) (x >>> 32), (int) (by >>> 32)));
  }

  private static int signedRight(int x, int by) {
    return x >> ((by & -32) == 0 ? by : 31);
  }

  /** VPSLLVQ: quadwords, each shifted left by its own count; zero past their width. APM4. */
  private static void vpsllvq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftLeft(f.d0, f.s0), Lanes.shiftLeft(f.d1, f.s1));
  }

  /** VPSRLVQ: quadwords, each shifted right by its own count; zero past their width. APM4. */
  private static void vpsrlvq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftRight(f.d0, f.s0), Lanes.shiftRight(f.d1, f.s1));
  }

  // --- half precision
  // ----------------------------------------------------------------------------------------------

  /** VCVTPH2PS: half to single precision; exact, and denormals are no matter. APM4. */
  private static void vcvtph2ps(Cpu c, Insn in) {
    Fpu f = Simd.floatUnary(c, in);
    long halves = f.s0;
    long low = Lanes.doubles(single(f, (int) halves), single(f, (int) (halves >>> 16)));
    long high = Lanes.doubles(single(f, (int) (halves >>> 32)), single(f, (int) (halves >>> 48)));
    Simd.floatResult(c, f, in, low, high);
  }

  private static int single(Fpu f, int half) {
    SoftFloat s = f.soft.sse(f.mxcsr());
    s.a16(half & 0xffff);
    int r = s.narrow().result32();
    f.raised |= s.flags();
    return r;
  }

  /** VCVTPS2PH: single to half precision, rounded by the immediate or MXCSR. APM4. */
  private static void vcvtps2ph(Cpu c, Insn in) {
    Fpu f = c.fpu;
    long[] v = load(c, in, 1, f.v);
    f.raised = 0;
    java.util.Arrays.fill(f.result, 0);
    for (int i = 0; i < in.vector / 32; i++) {
      f.result[i >> 2] |= (long) half(f, in, doubleOf(v, i)) << (16 * i);
    }
    Operand o = in.operand(0);
    if (o.isMemory()) {
      storeHalves(c, f, in, o.width);
    } else {
      Simd.commitExceptions(c, f);
      store(f, o.reg, f.result, o.width);
    }
  }

  private static void storeHalves(Cpu c, Fpu f, Insn in, int width) {
    long gva = Ea.linear(c, in, width >> 3, true);
    Guard.aligned(c, gva, width >> 3);
    Mem.checkWrite(c, gva, width >> 3);
    Simd.commitExceptions(c, f);
    Mem.store64(c, gva, f.result[0]);
    if (width == 128) {
      Mem.store64(c, gva + 8, f.result[1]);
    }
  }

  /** FZ does not matter here. */
  private static int half(Fpu f, Insn in, int single) {
    SoftFloat s = f.soft.sse(f.mxcsr() & ~0x8000);
    if ((in.imm & 4) == 0) {
      s.round((int) in.imm & 3);
    }
    s.a32(single);
    int r = s.convert().result16();
    f.raised |= s.flags();
    return r;
  }
}
