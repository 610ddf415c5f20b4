package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;
import org.redoubt.x86.exec.internal.simd.Lanes;

/** Interleaving, packing, shuffling, blending, inserting and extracting lanes. APM Vol. 4 and 5. */
final class Shuffle {
  private Shuffle() {}

  static void bind() {
    Meanings.bind(Op.PUNPCKLBW, Shuffle::punpcklbw);
    Meanings.bind(Op.PUNPCKHBW, Shuffle::punpckhbw);
    Meanings.bind(Op.PUNPCKLWD, Shuffle::punpcklwd);
    Meanings.bind(Op.PUNPCKHWD, Shuffle::punpckhwd);
    Meanings.bind(Op.PUNPCKLDQ, Shuffle::punpckldq);
    Meanings.bind(Op.PUNPCKHDQ, Shuffle::punpckhdq);
    Meanings.bind(Op.UNPCKLPS, Shuffle::unpcklps);
    Meanings.bind(Op.UNPCKHPS, Shuffle::unpckhps);
    Meanings.bind(Op.PUNPCKLQDQ, Shuffle::punpcklqdq);
    Meanings.bind(Op.UNPCKLPD, Shuffle::unpcklpd);
    Meanings.bind(Op.PUNPCKHQDQ, Shuffle::punpckhqdq);
    Meanings.bind(Op.UNPCKHPD, Shuffle::unpckhpd);
    Meanings.bind(Op.PACKSSWB, Shuffle::packsswb);
    Meanings.bind(Op.PACKUSWB, Shuffle::packuswb);
    Meanings.bind(Op.PACKSSDW, Shuffle::packssdw);
    Meanings.bind(Op.PACKUSDW, Shuffle::packusdw);
    Meanings.bind(Op.PSHUFB, Shuffle::pshufb);
    Meanings.bind(Op.PSHUFW, Shuffle::pshufw);
    Meanings.bind(Op.PSHUFLW, Shuffle::pshuflw);
    Meanings.bind(Op.PSHUFHW, Shuffle::pshufhw);
    Meanings.bind(Op.PSHUFD, Shuffle::pshufd);
    Meanings.bind(Op.SHUFPS, Shuffle::shufps);
    Meanings.bind(Op.SHUFPD, Shuffle::shufpd);
    Meanings.bind(Op.PALIGNR, Shuffle::palignr);
    Meanings.bind(Op.PBLENDVB, Shuffle::pblendvb);
    Meanings.bind(Op.BLENDVPS, Shuffle::blendvps);
    Meanings.bind(Op.BLENDVPD, Shuffle::blendvpd);
    Meanings.bind(Op.BLENDPS, Shuffle::blendps);
    Meanings.bind(Op.VPBLENDD, Shuffle::blendps);
    Meanings.bind(Op.BLENDPD, Shuffle::blendpd);
    Meanings.bind(Op.PBLENDW, Shuffle::pblendw);
    Meanings.bind(Op.INSERTPS, Shuffle::insertps);
    Meanings.bind(Op.PINSRB, Shuffle::pinsrb);
    Meanings.bind(Op.PINSRW, Shuffle::pinsrw);
    Meanings.bind(Op.PINSRD, Shuffle::pinsrd);
    Meanings.bind(Op.PEXTRB, Shuffle::pextrb);
    Meanings.bind(Op.PEXTRW, Shuffle::pextrw);
    Meanings.bind(Op.PEXTRD, Shuffle::pextrd);
    Meanings.bind(Op.EXTRACTPS, Shuffle::extractps);
    Meanings.bind(Op.PMOVMSKB, Shuffle::pmovmskb);
    Meanings.bind(Op.MOVMSKPS, Shuffle::movmskps);
    Meanings.bind(Op.MOVMSKPD, Shuffle::movmskpd);
    Meanings.bind(Op.PMOVSXBW, Shuffle::pmovsxbw);
    Meanings.bind(Op.PMOVZXBW, Shuffle::pmovzxbw);
    Meanings.bind(Op.PMOVSXBD, Shuffle::pmovsxbd);
    Meanings.bind(Op.PMOVZXBD, Shuffle::pmovzxbd);
    Meanings.bind(Op.PMOVSXBQ, Shuffle::pmovsxbq);
    Meanings.bind(Op.PMOVZXBQ, Shuffle::pmovzxbq);
    Meanings.bind(Op.PMOVSXWD, Shuffle::pmovsxwd);
    Meanings.bind(Op.PMOVZXWD, Shuffle::pmovzxwd);
    Meanings.bind(Op.PMOVSXWQ, Shuffle::pmovsxwq);
    Meanings.bind(Op.PMOVZXWQ, Shuffle::pmovzxwq);
    Meanings.bind(Op.PMOVSXDQ, Shuffle::pmovsxdq);
    Meanings.bind(Op.PMOVZXDQ, Shuffle::pmovzxdq);
    Meanings.bind(Op.EXTRQ, Shuffle::extrq);
    Meanings.bind(Op.INSERTQ, Shuffle::insertq);
  }

  /** PUNPCKLBW: bytes of the low halves, alternating. APM4. */
  static void punpcklbw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.interleaveBytes(f.d0, f.s0), Lanes.interleaveBytes(f.d0 >>> 32, f.s0 >>> 32));
  }

  /** PUNPCKHBW: bytes of the high halves, alternating. APM4. */
  static void punpckhbw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.interleaveBytes(f.d0 >>> 32, f.s0 >>> 32), 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.interleaveBytes(f.d1, f.s1),
          Lanes.interleaveBytes(f.d1 >>> 32, f.s1 >>> 32));
    }
  }

  /** PUNPCKLWD: words of the low halves, alternating. APM4. */
  static void punpcklwd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.interleaveWords(f.d0, f.s0), Lanes.interleaveWords(f.d0 >>> 32, f.s0 >>> 32));
  }

  /** PUNPCKHWD: words of the high halves, alternating. APM4. */
  static void punpckhwd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.interleaveWords(f.d0 >>> 32, f.s0 >>> 32), 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.interleaveWords(f.d1, f.s1),
          Lanes.interleaveWords(f.d1 >>> 32, f.s1 >>> 32));
    }
  }

  /** PUNPCKLDQ: doublewords of the low halves, alternating. APM4. */
  static void punpckldq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.interleaveDoubles(f.d0, f.s0),
        Lanes.interleaveDoubles(f.d0 >>> 32, f.s0 >>> 32));
  }

  /** PUNPCKHDQ: doublewords of the high halves, alternating. APM4. */
  static void punpckhdq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.interleaveDoubles(f.d0 >>> 32, f.s0 >>> 32), 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.interleaveDoubles(f.d1, f.s1),
          Lanes.interleaveDoubles(f.d1 >>> 32, f.s1 >>> 32));
    }
  }

  /** UNPCKLPS: single-precision numbers of the low halves, alternating. APM4. */
  static void unpcklps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.interleaveDoubles(f.d0, f.s0),
        Lanes.interleaveDoubles(f.d0 >>> 32, f.s0 >>> 32));
  }

  /** UNPCKHPS: single-precision numbers of the high halves, alternating. APM4. */
  static void unpckhps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.interleaveDoubles(f.d1, f.s1),
        Lanes.interleaveDoubles(f.d1 >>> 32, f.s1 >>> 32));
  }

  /** PUNPCKLQDQ: the low quadwords. APM4. */
  static void punpcklqdq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0, f.s0);
  }

  /** UNPCKLPD: the low quadwords. APM4. */
  static void unpcklpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0, f.s0);
  }

  /** PUNPCKHQDQ: the high quadwords. APM4. */
  static void punpckhqdq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d1, f.s1);
  }

  /** UNPCKHPD: the high quadwords. APM4. */
  static void unpckhpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d1, f.s1);
  }

  /** PACKSSWB: words narrowed to signed bytes. APM4. */
  static void packsswb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.packSignedWords(f.d0) | Lanes.packSignedWords(f.s0) << 32, 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.packSignedWords(f.d0) | Lanes.packSignedWords(f.d1) << 32,
          Lanes.packSignedWords(f.s0) | Lanes.packSignedWords(f.s1) << 32);
    }
  }

  /** PACKUSWB: words narrowed to unsigned bytes. APM4. */
  static void packuswb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.packUnsignedWords(f.d0) | Lanes.packUnsignedWords(f.s0) << 32, 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.packUnsignedWords(f.d0) | Lanes.packUnsignedWords(f.d1) << 32,
          Lanes.packUnsignedWords(f.s0) | Lanes.packUnsignedWords(f.s1) << 32);
    }
  }

  /** PACKSSDW: doublewords narrowed to signed words. APM4. */
  static void packssdw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.packSignedDoubles(f.d0) | Lanes.packSignedDoubles(f.s0) << 32, 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.packSignedDoubles(f.d0) | Lanes.packSignedDoubles(f.d1) << 32,
          Lanes.packSignedDoubles(f.s0) | Lanes.packSignedDoubles(f.s1) << 32);
    }
  }

  /** PACKUSDW: doublewords narrowed to unsigned words. APM4. */
  static void packusdw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.packUnsignedDoubles(f.d0) | Lanes.packUnsignedDoubles(f.d1) << 32,
        Lanes.packUnsignedDoubles(f.s0) | Lanes.packUnsignedDoubles(f.s1) << 32);
  }

  /** PSHUFB: bytes selected by bytes; zero where bit 7 is set. APM4. */
  static void pshufb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int mask = Simd.mmx(in) ? 7 : 15;
    Simd.result(f, in, selectBytes(f, f.s0, mask), selectBytes(f, f.s1, mask));
  }

  private static long selectBytes(Fpu f, long control, int mask) {
    long r = 0;
    for (int i = 0; i < 64; i += 8) {
      int by = (int) (control >>> i) & 0xff;
      if (by < 0x80) {
        r |= (long) Simd.byteOf(f.d0, f.d1, by & mask) << i;
      }
    }
    return r;
  }

  /** PSHUFW: words selected by the immediate. APM4. */
  static void pshufw(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, Lanes.shuffleWords(f.s0, (int) in.imm), 0);
  }

  /** PSHUFLW: words of the low half selected by the immediate. APM4. */
  static void pshuflw(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, Lanes.shuffleWords(f.s0, (int) in.imm), f.s1);
  }

  /** PSHUFHW: words of the high half selected by the immediate. APM4. */
  static void pshufhw(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, f.s0, Lanes.shuffleWords(f.s1, (int) in.imm));
  }

  /** PSHUFD: doublewords selected by the immediate. APM4. */
  static void pshufd(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    int order = (int) in.imm;
    Simd.result(
        f,
        in,
        pick(f.s0, f.s1, order, f.s0, f.s1, order >> 2),
        pick(f.s0, f.s1, order >> 4, f.s0, f.s1, order >> 6));
  }

  /** SHUFPS: two numbers of the destination, two of the source. APM4. */
  static void shufps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int order = (int) in.imm;
    Simd.result(
        f,
        in,
        pick(f.d0, f.d1, order, f.d0, f.d1, order >> 2),
        pick(f.s0, f.s1, order >> 4, f.s0, f.s1, order >> 6));
  }

  private static long pick(long a0, long a1, int a, long b0, long b1, int b) {
    return Lanes.doubles(doubleOf(a0, a1, a), doubleOf(b0, b1, b));
  }

  private static int doubleOf(long low, long high, int index) {
    return (int) ((index & 2) == 0 ? low >>> (32 * index) : high >>> (32 * index));
  }

  /** SHUFPD: one number of the destination, one of the source. APM4. */
  static void shufpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    long order = in.imm >> 2 * f.lane;
    Simd.result(f, in, (order & 1) == 0 ? f.d0 : f.d1, (order & 2) == 0 ? f.s0 : f.s1);
  }

  /** PALIGNR: bytes from the middle of destination and source side by side. APM4. */
  static void palignr(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int by = (int) in.imm & 0xff;
    boolean mmx = Simd.mmx(in);
    long low = 0;
    long high = 0;
    for (int i = 0; i < 8; i++) {
      low |= aligned(f, by + i, mmx) << (8 * i);
      high |= aligned(f, by + i + 8, mmx) << (8 * i);
    }
    Simd.result(f, in, low, high);
  }

  private static long aligned(Fpu f, int index, boolean mmx) {
    if (mmx) {
      return index < 16 ? Simd.byteOf(f.s0, f.d0, index) : 0;
    }
    return index < 16
        ? Simd.byteOf(f.s0, f.s1, index)
        : index < 32 ? Simd.byteOf(f.d0, f.d1, index - 16) : 0;
  }

  /** PBLENDVB: bytes of the source where XMM0 has bit 7. APM4. */
  static void pblendvb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        blendBytes(f.d0, f.s0, control(f, in, 0)),
        blendBytes(f.d1, f.s1, control(f, in, 1)));
  }

  /** Half of what chooses: of XMM0, or of the register that a VEX encoding names. */
  private static long control(Fpu f, Insn in, int half) {
    if (in.vector == 0) {
      return f.xmm[half];
    }
    return (f.lane == 0 ? f.xmm : f.ymm)[2 * in.operand(3).reg + half];
  }

  private static long blendBytes(long d, long s, long control) {
    long ones = (control >>> 7 & 0x0101_0101_0101_0101L) * 0xff;
    return blend(d, s, ones);
  }

  private static long blend(long d, long s, long ones) {
    return (d & ~ones) | (s & ones);
  }

  /** BLENDVPS: numbers of the source where XMM0 is negative. APM4. */
  static void blendvps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        blend(f.d0, f.s0, signs(control(f, in, 0))),
        blend(f.d1, f.s1, signs(control(f, in, 1))));
  }

  private static long signs(long x) {
    return Lanes.doubles((int) x >> 31, (int) (x >> 63));
  }

  /** BLENDVPD: numbers of the source where XMM0 is negative. APM4. */
  static void blendvpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, control(f, in, 0) < 0 ? f.s0 : f.d0, control(f, in, 1) < 0 ? f.s1 : f.d1);
  }

  /** BLENDPS: numbers of the source by immediate bits. APM4. */
  static void blendps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int k = (int) in.imm >> 4 * f.lane;
    Simd.result(
        f,
        in,
        blend(f.d0, f.s0, Lanes.doubles(-(k & 1), -(k >> 1 & 1))),
        blend(f.d1, f.s1, Lanes.doubles(-(k >> 2 & 1), -(k >> 3 & 1))));
  }

  /** BLENDPD: numbers of the source by immediate bits. APM4. */
  static void blendpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    long k = in.imm >> 2 * f.lane;
    Simd.result(f, in, (k & 1) != 0 ? f.s0 : f.d0, (k & 2) != 0 ? f.s1 : f.d1);
  }

  /** PBLENDW: words of the source by immediate bits. APM4. */
  static void pblendw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, blend(f.d0, f.s0, words((int) in.imm)), blend(f.d1, f.s1, words((int) in.imm >> 4)));
  }

  private static long words(int bits) {
    long r = 0;
    for (int i = 0; i < 4; i++) {
      r |= ((bits >> i & 1) * 0xffffL) << (16 * i);
    }
    return r;
  }

  /** INSERTPS: one number of the source into the destination; others zeroed. APM4. */
  static void insertps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int k = (int) in.imm;
    int from = in.operand(in.source).isMemory() ? (int) f.s0 : doubleOf(f.s0, f.s1, k >> 6 & 3);
    long low = 0;
    long high = 0;
    for (int i = 0; i < 4; i++) {
      int lane = (k >> i & 1) != 0 ? 0 : i == (k >> 4 & 3) ? from : doubleOf(f.d0, f.d1, i);
      if (i < 2) {
        low |= (lane & 0xffff_ffffL) << (32 * i);
      } else {
        high |= (lane & 0xffff_ffffL) << (32 * i);
      }
    }
    Simd.result(f, in, low, high);
  }

  /** PINSRB: a byte into a lane. APM4. */
  static void pinsrb(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    long value = Simd.integer(c, in, in.source);
    Simd.destination(f, in);
    insert(f, in, value, 8);
  }

  /** PINSRW: a word into a lane. APM4. */
  static void pinsrw(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    long value = Simd.integer(c, in, in.source);
    Simd.destination(f, in);
    insert(f, in, value, 16);
  }

  /** PINSRD: a doubleword or quadword into a lane: PINSRQ with REX.W. APM4. */
  static void pinsrd(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    long value = Simd.integer(c, in, in.source);
    Simd.destination(f, in);
    insert(f, in, value, in.operand(in.source).width);
  }

  private static void insert(Fpu f, Insn in, long value, int bits) {
    int at = (int) in.imm * bits & (Simd.mmx(in) ? 63 : 127);
    long ones = bits == 64 ? -1 : ((1L << bits) - 1) << at;
    boolean high = at >= 64;
    Simd.result(
        f,
        in,
        high ? f.d0 : blend(f.d0, value << at, ones),
        high ? blend(f.d1, value << at, ones) : f.d1);
  }

  /** PEXTRB: a byte of a lane. APM4. */
  static void pextrb(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, extract(f, in, 8));
  }

  /** PEXTRW: a word of a lane. APM4. */
  static void pextrw(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, extract(f, in, 16));
  }

  /** PEXTRD: a doubleword or quadword of a lane: PEXTRQ with REX.W. APM4. */
  static void pextrd(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, extract(f, in, in.operand(0).width));
  }

  /** EXTRACTPS: a single-precision number of a lane. APM4. */
  static void extractps(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, extract(f, in, 32));
  }

  private static long extract(Fpu f, Insn in, int bits) {
    int at = (int) in.imm * bits & (in.operand(1).kind == Operand.MMX ? 63 : 127);
    long half = at < 64 ? f.s0 : f.s1;
    return half >>> at & (bits == 64 ? -1 : (1L << bits) - 1);
  }

  /** PMOVMSKB: the sign bits of bytes. APM4. */
  static void pmovmskb(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, (Lanes.signBits(f.s0) & 0xff) | (Lanes.signBits(f.s1) & 0xff) << 8);
  }

  /** MOVMSKPS: the signs of single-precision numbers. APM4. */
  static void movmskps(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(
        c, in, (f.s0 >>> 31 & 1) | (f.s0 >>> 62 & 2) | (f.s1 >>> 29 & 4) | (f.s1 >>> 60 & 8));
  }

  /** MOVMSKPD: the signs of double-precision numbers. APM4. */
  static void movmskpd(Cpu c, Insn in) {
    Fpu f = Simd.registerSource(c, in);
    Simd.store(c, in, f.s0 >>> 63 | (f.s1 >>> 62 & 2));
  }

  /** PMOVSXBW: 8-bit lanes of the low part sign-extended to 16. APM4. */
  static void pmovsxbw(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 16, true), widen(f.s0 >>> 32, 8, 16, true));
  }

  /** PMOVZXBW: 8-bit lanes of the low part zero-extended to 16. APM4. */
  static void pmovzxbw(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 16, false), widen(f.s0 >>> 32, 8, 16, false));
  }

  /** PMOVSXBD: 8-bit lanes of the low part sign-extended to 32. APM4. */
  static void pmovsxbd(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 32, true), widen(f.s0 >>> 16, 8, 32, true));
  }

  /** PMOVZXBD: 8-bit lanes of the low part zero-extended to 32. APM4. */
  static void pmovzxbd(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 32, false), widen(f.s0 >>> 16, 8, 32, false));
  }

  /** PMOVSXBQ: 8-bit lanes of the low part sign-extended to 64. APM4. */
  static void pmovsxbq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 64, true), widen(f.s0 >>> 8, 8, 64, true));
  }

  /** PMOVZXBQ: 8-bit lanes of the low part zero-extended to 64. APM4. */
  static void pmovzxbq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 8, 64, false), widen(f.s0 >>> 8, 8, 64, false));
  }

  /** PMOVSXWD: 16-bit lanes of the low part sign-extended to 32. APM4. */
  static void pmovsxwd(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 16, 32, true), widen(f.s0 >>> 32, 16, 32, true));
  }

  /** PMOVZXWD: 16-bit lanes of the low part zero-extended to 32. APM4. */
  static void pmovzxwd(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 16, 32, false), widen(f.s0 >>> 32, 16, 32, false));
  }

  /** PMOVSXWQ: 16-bit lanes of the low part sign-extended to 64. APM4. */
  static void pmovsxwq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 16, 64, true), widen(f.s0 >>> 16, 16, 64, true));
  }

  /** PMOVZXWQ: 16-bit lanes of the low part zero-extended to 64. APM4. */
  static void pmovzxwq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 16, 64, false), widen(f.s0 >>> 16, 16, 64, false));
  }

  /** PMOVSXDQ: 32-bit lanes of the low part sign-extended to 64. APM4. */
  static void pmovsxdq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 32, 64, true), widen(f.s0 >>> 32, 32, 64, true));
  }

  /** PMOVZXDQ: 32-bit lanes of the low part zero-extended to 64. APM4. */
  static void pmovzxdq(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, widen(f.s0, 32, 64, false), widen(f.s0 >>> 32, 32, 64, false));
  }

  private static long widen(long x, int from, int to, boolean signed) {
    long r = 0;
    for (int i = 0; i < 64 / to; i++) {
      long lane = x << (64 - from * (i + 1));
      long value = signed ? lane >> (64 - from) : lane >>> (64 - from);
      r |= to == 64 ? value : (value & (1L << to) - 1) << (to * i);
    }
    return r;
  }

  /**
   * EXTRQ: a field of the low quadword, by immediates or by the source; the high quadword is
   * undefined, and silicon clears it. SSE4A. APM4.
   */
  static void extrq(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.destination(f, in);
    int length = (int) in.imm & 63;
    int index = (int) in.imm2 & 63;
    if (in.operand(1).kind == Operand.XMM) {
      long control = f.xmm[2 * in.operand(1).reg];
      length = (int) control & 63;
      index = (int) (control >>> 8) & 63;
    }
    Simd.result(f, in, f.d0 >>> index & fieldMask(length), 0);
  }

  /**
   * INSERTQ: a field into the low quadword, by immediates or by the source's high half; the high
   * quadword is undefined, and silicon clears it. SSE4A. APM4.
   */
  static void insertq(Cpu c, Insn in) {
    Fpu f = Simd.begin(c, in);
    Simd.destination(f, in);
    int source = in.operand(1).reg;
    long high = f.xmm[2 * source + 1];
    boolean immediate = in.operands() > 2;
    int length = (int) (immediate ? in.imm : high) & 63;
    int index = (int) (immediate ? in.imm2 : high >>> 8) & 63;
    long ones = fieldMask(length) << index;
    Simd.result(f, in, blend(f.d0, f.xmm[2 * source] << index, ones), 0);
  }

  private static long fieldMask(int length) {
    return length == 0 ? -1 : (1L << length) - 1;
  }
}
