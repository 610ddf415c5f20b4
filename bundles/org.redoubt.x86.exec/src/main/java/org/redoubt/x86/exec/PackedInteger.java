package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * Packed integer arithmetic, comparison, logic and shifts on MMX and XMM registers. APM Vol. 4
 * (XMM) and Vol. 5 (MMX).
 */
final class PackedInteger {
  private PackedInteger() {}

  static void bind() {
    Meanings.bind(Op.PADDB, PackedInteger::paddb);
    Meanings.bind(Op.PSUBB, PackedInteger::psubb);
    Meanings.bind(Op.PCMPEQB, PackedInteger::pcmpeqb);
    Meanings.bind(Op.PCMPGTB, PackedInteger::pcmpgtb);
    Meanings.bind(Op.PSIGNB, PackedInteger::psignb);
    Meanings.bind(Op.PMINSB, PackedInteger::pminsb);
    Meanings.bind(Op.PMAXSB, PackedInteger::pmaxsb);
    Meanings.bind(Op.PMINUB, PackedInteger::pminub);
    Meanings.bind(Op.PMAXUB, PackedInteger::pmaxub);
    Meanings.bind(Op.PABSB, PackedInteger::pabsb);
    Meanings.bind(Op.PADDSB, PackedInteger::paddsb);
    Meanings.bind(Op.PADDUSB, PackedInteger::paddusb);
    Meanings.bind(Op.PSUBSB, PackedInteger::psubsb);
    Meanings.bind(Op.PSUBUSB, PackedInteger::psubusb);
    Meanings.bind(Op.PAVGB, PackedInteger::pavgb);
    Meanings.bind(Op.PADDW, PackedInteger::paddw);
    Meanings.bind(Op.PSUBW, PackedInteger::psubw);
    Meanings.bind(Op.PCMPEQW, PackedInteger::pcmpeqw);
    Meanings.bind(Op.PCMPGTW, PackedInteger::pcmpgtw);
    Meanings.bind(Op.PSIGNW, PackedInteger::psignw);
    Meanings.bind(Op.PMINSW, PackedInteger::pminsw);
    Meanings.bind(Op.PMAXSW, PackedInteger::pmaxsw);
    Meanings.bind(Op.PMINUW, PackedInteger::pminuw);
    Meanings.bind(Op.PMAXUW, PackedInteger::pmaxuw);
    Meanings.bind(Op.PABSW, PackedInteger::pabsw);
    Meanings.bind(Op.PADDSW, PackedInteger::paddsw);
    Meanings.bind(Op.PADDUSW, PackedInteger::paddusw);
    Meanings.bind(Op.PSUBSW, PackedInteger::psubsw);
    Meanings.bind(Op.PSUBUSW, PackedInteger::psubusw);
    Meanings.bind(Op.PAVGW, PackedInteger::pavgw);
    Meanings.bind(Op.PADDD, PackedInteger::paddd);
    Meanings.bind(Op.PSUBD, PackedInteger::psubd);
    Meanings.bind(Op.PCMPEQD, PackedInteger::pcmpeqd);
    Meanings.bind(Op.PCMPGTD, PackedInteger::pcmpgtd);
    Meanings.bind(Op.PSIGND, PackedInteger::psignd);
    Meanings.bind(Op.PMINSD, PackedInteger::pminsd);
    Meanings.bind(Op.PMAXSD, PackedInteger::pmaxsd);
    Meanings.bind(Op.PMINUD, PackedInteger::pminud);
    Meanings.bind(Op.PMAXUD, PackedInteger::pmaxud);
    Meanings.bind(Op.PABSD, PackedInteger::pabsd);
    Meanings.bind(Op.PADDQ, PackedInteger::paddq);
    Meanings.bind(Op.PSUBQ, PackedInteger::psubq);
    Meanings.bind(Op.PCMPEQQ, PackedInteger::pcmpeqq);
    Meanings.bind(Op.PCMPGTQ, PackedInteger::pcmpgtq);
    Meanings.bind(Op.PMULLW, PackedInteger::pmullw);
    Meanings.bind(Op.PMULHW, PackedInteger::pmulhw);
    Meanings.bind(Op.PMULHUW, PackedInteger::pmulhuw);
    Meanings.bind(Op.PMULHRSW, PackedInteger::pmulhrsw);
    Meanings.bind(Op.PMULLD, PackedInteger::pmulld);
    Meanings.bind(Op.PMULUDQ, PackedInteger::pmuludq);
    Meanings.bind(Op.PMULDQ, PackedInteger::pmuldq);
    Meanings.bind(Op.PMADDWD, PackedInteger::pmaddwd);
    Meanings.bind(Op.PMADDUBSW, PackedInteger::pmaddubsw);
    Meanings.bind(Op.PSADBW, PackedInteger::psadbw);
    Meanings.bind(Op.PAND, PackedInteger::pand);
    Meanings.bind(Op.ANDPS, PackedInteger::andps);
    Meanings.bind(Op.ANDPD, PackedInteger::andpd);
    Meanings.bind(Op.PANDN, PackedInteger::pandn);
    Meanings.bind(Op.ANDNPS, PackedInteger::andnps);
    Meanings.bind(Op.ANDNPD, PackedInteger::andnpd);
    Meanings.bind(Op.POR, PackedInteger::por);
    Meanings.bind(Op.ORPS, PackedInteger::orps);
    Meanings.bind(Op.ORPD, PackedInteger::orpd);
    Meanings.bind(Op.PXOR, PackedInteger::pxor);
    Meanings.bind(Op.XORPS, PackedInteger::xorps);
    Meanings.bind(Op.XORPD, PackedInteger::xorpd);
    Meanings.bind(Op.PSLLW, PackedInteger::psllw);
    Meanings.bind(Op.PSRLW, PackedInteger::psrlw);
    Meanings.bind(Op.PSRAW, PackedInteger::psraw);
    Meanings.bind(Op.PSLLD, PackedInteger::pslld);
    Meanings.bind(Op.PSRLD, PackedInteger::psrld);
    Meanings.bind(Op.PSRAD, PackedInteger::psrad);
    Meanings.bind(Op.PSLLQ, PackedInteger::psllq);
    Meanings.bind(Op.PSRLQ, PackedInteger::psrlq);
    Meanings.bind(Op.PSLLDQ, PackedInteger::pslldq);
    Meanings.bind(Op.PSRLDQ, PackedInteger::psrldq);
    Meanings.bind(Op.PHADDW, PackedInteger::phaddw);
    Meanings.bind(Op.PHSUBW, PackedInteger::phsubw);
    Meanings.bind(Op.PHADDSW, PackedInteger::phaddsw);
    Meanings.bind(Op.PHSUBSW, PackedInteger::phsubsw);
    Meanings.bind(Op.PHADDD, PackedInteger::phaddd);
    Meanings.bind(Op.PHSUBD, PackedInteger::phsubd);
    Meanings.bind(Op.PHMINPOSUW, PackedInteger::phminposuw);
    Meanings.bind(Op.MPSADBW, PackedInteger::mpsadbw);
    Meanings.bind(Op.PTEST, PackedInteger::ptest);
  }

  /** PADDB: sums of bytes. APM4. */
  static void paddb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addBytes(f.d0, f.s0), Lanes.addBytes(f.d1, f.s1));
  }

  /** PSUBB: differences of bytes. APM4. */
  static void psubb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.subtractBytes(f.d0, f.s0), Lanes.subtractBytes(f.d1, f.s1));
  }

  /** PCMPEQB: all ones where bytes are equal. APM4. */
  static void pcmpeqb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.equalBytes(f.d0, f.s0), Lanes.equalBytes(f.d1, f.s1));
  }

  /** PCMPGTB: all ones where the destination's signed bytes are greater. APM4. */
  static void pcmpgtb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.greaterBytes(f.d0, f.s0), Lanes.greaterBytes(f.d1, f.s1));
  }

  /** PSIGNB: bytes negated, zeroed or kept by the sign of the source. APM4. */
  static void psignb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.signBytes(f.d0, f.s0), Lanes.signBytes(f.d1, f.s1));
  }

  /** PMINSB: the lesser signed bytes. APM4. */
  static void pminsb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.minimumSignedBytes(f.d0, f.s0), Lanes.minimumSignedBytes(f.d1, f.s1));
  }

  /** PMAXSB: the greater signed bytes. APM4. */
  static void pmaxsb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.maximumSignedBytes(f.d0, f.s0), Lanes.maximumSignedBytes(f.d1, f.s1));
  }

  /** PMINUB: the lesser unsigned bytes. APM4. */
  static void pminub(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.minimumUnsignedBytes(f.d0, f.s0), Lanes.minimumUnsignedBytes(f.d1, f.s1));
  }

  /** PMAXUB: the greater unsigned bytes. APM4. */
  static void pmaxub(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.maximumUnsignedBytes(f.d0, f.s0), Lanes.maximumUnsignedBytes(f.d1, f.s1));
  }

  /** PABSB: magnitudes of bytes. APM4. */
  static void pabsb(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, Lanes.absoluteBytes(f.s0), Lanes.absoluteBytes(f.s1));
  }

  /** PADDSB: sums of signed bytes, saturated. APM4. */
  static void paddsb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addSignedBytes(f.d0, f.s0), Lanes.addSignedBytes(f.d1, f.s1));
  }

  /** PADDUSB: sums of unsigned bytes, saturated. APM4. */
  static void paddusb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addUnsignedBytes(f.d0, f.s0), Lanes.addUnsignedBytes(f.d1, f.s1));
  }

  /** PSUBSB: differences of signed bytes, saturated. APM4. */
  static void psubsb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.subtractSignedBytes(f.d0, f.s0), Lanes.subtractSignedBytes(f.d1, f.s1));
  }

  /** PSUBUSB: differences of unsigned bytes, saturated. APM4. */
  static void psubusb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.subtractUnsignedBytes(f.d0, f.s0), Lanes.subtractUnsignedBytes(f.d1, f.s1));
  }

  /** PAVGB: averages of unsigned bytes, rounded up. APM4. */
  static void pavgb(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.averageBytes(f.d0, f.s0), Lanes.averageBytes(f.d1, f.s1));
  }

  /** PADDW: sums of words. APM4. */
  static void paddw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addWords(f.d0, f.s0), Lanes.addWords(f.d1, f.s1));
  }

  /** PSUBW: differences of words. APM4. */
  static void psubw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.subtractWords(f.d0, f.s0), Lanes.subtractWords(f.d1, f.s1));
  }

  /** PCMPEQW: all ones where words are equal. APM4. */
  static void pcmpeqw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.equalWords(f.d0, f.s0), Lanes.equalWords(f.d1, f.s1));
  }

  /** PCMPGTW: all ones where the destination's signed words are greater. APM4. */
  static void pcmpgtw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.greaterWords(f.d0, f.s0), Lanes.greaterWords(f.d1, f.s1));
  }

  /** PSIGNW: words negated, zeroed or kept by the sign of the source. APM4. */
  static void psignw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.signWords(f.d0, f.s0), Lanes.signWords(f.d1, f.s1));
  }

  /** PMINSW: the lesser signed words. APM4. */
  static void pminsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.minimumSignedWords(f.d0, f.s0), Lanes.minimumSignedWords(f.d1, f.s1));
  }

  /** PMAXSW: the greater signed words. APM4. */
  static void pmaxsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.maximumSignedWords(f.d0, f.s0), Lanes.maximumSignedWords(f.d1, f.s1));
  }

  /** PMINUW: the lesser unsigned words. APM4. */
  static void pminuw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.minimumUnsignedWords(f.d0, f.s0), Lanes.minimumUnsignedWords(f.d1, f.s1));
  }

  /** PMAXUW: the greater unsigned words. APM4. */
  static void pmaxuw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.maximumUnsignedWords(f.d0, f.s0), Lanes.maximumUnsignedWords(f.d1, f.s1));
  }

  /** PABSW: magnitudes of words. APM4. */
  static void pabsw(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, Lanes.absoluteWords(f.s0), Lanes.absoluteWords(f.s1));
  }

  /** PADDSW: sums of signed words, saturated. APM4. */
  static void paddsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addSignedWords(f.d0, f.s0), Lanes.addSignedWords(f.d1, f.s1));
  }

  /** PADDUSW: sums of unsigned words, saturated. APM4. */
  static void paddusw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addUnsignedWords(f.d0, f.s0), Lanes.addUnsignedWords(f.d1, f.s1));
  }

  /** PSUBSW: differences of signed words, saturated. APM4. */
  static void psubsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.subtractSignedWords(f.d0, f.s0), Lanes.subtractSignedWords(f.d1, f.s1));
  }

  /** PSUBUSW: differences of unsigned words, saturated. APM4. */
  static void psubusw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.subtractUnsignedWords(f.d0, f.s0), Lanes.subtractUnsignedWords(f.d1, f.s1));
  }

  /** PAVGW: averages of unsigned words, rounded up. APM4. */
  static void pavgw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.averageWords(f.d0, f.s0), Lanes.averageWords(f.d1, f.s1));
  }

  /** PADDD: sums of doublewords. APM4. */
  static void paddd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.addDoubles(f.d0, f.s0), Lanes.addDoubles(f.d1, f.s1));
  }

  /** PSUBD: differences of doublewords. APM4. */
  static void psubd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.subtractDoubles(f.d0, f.s0), Lanes.subtractDoubles(f.d1, f.s1));
  }

  /** PCMPEQD: all ones where doublewords are equal. APM4. */
  static void pcmpeqd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.equalDoubles(f.d0, f.s0), Lanes.equalDoubles(f.d1, f.s1));
  }

  /** PCMPGTD: all ones where the destination's signed doublewords are greater. APM4. */
  static void pcmpgtd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.greaterDoubles(f.d0, f.s0), Lanes.greaterDoubles(f.d1, f.s1));
  }

  /** PSIGND: doublewords negated, zeroed or kept by the sign of the source. APM4. */
  static void psignd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.signDoubles(f.d0, f.s0), Lanes.signDoubles(f.d1, f.s1));
  }

  /** PMINSD: the lesser signed doublewords. APM4. */
  static void pminsd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.minimumSignedDoubles(f.d0, f.s0), Lanes.minimumSignedDoubles(f.d1, f.s1));
  }

  /** PMAXSD: the greater signed doublewords. APM4. */
  static void pmaxsd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.maximumSignedDoubles(f.d0, f.s0), Lanes.maximumSignedDoubles(f.d1, f.s1));
  }

  /** PMINUD: the lesser unsigned doublewords. APM4. */
  static void pminud(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.minimumUnsignedDoubles(f.d0, f.s0), Lanes.minimumUnsignedDoubles(f.d1, f.s1));
  }

  /** PMAXUD: the greater unsigned doublewords. APM4. */
  static void pmaxud(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.maximumUnsignedDoubles(f.d0, f.s0), Lanes.maximumUnsignedDoubles(f.d1, f.s1));
  }

  /** PABSD: magnitudes of doublewords. APM4. */
  static void pabsd(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, Lanes.absoluteDoubles(f.s0), Lanes.absoluteDoubles(f.s1));
  }

  /** PADDQ: sums of quadwords. APM4. */
  static void paddq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 + f.s0, f.d1 + f.s1);
  }

  /** PSUBQ: differences of quadwords. APM4. */
  static void psubq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 - f.s0, f.d1 - f.s1);
  }

  /** PCMPEQQ: all ones where quadwords are equal. APM4. */
  static void pcmpeqq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 == f.s0 ? -1 : 0, f.d1 == f.s1 ? -1 : 0);
  }

  /** PCMPGTQ: all ones where the destination's signed quadwords are greater. APM4. */
  static void pcmpgtq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 > f.s0 ? -1 : 0, f.d1 > f.s1 ? -1 : 0);
  }

  /** PMULLW: low halves of products of words. APM4. */
  static void pmullw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.multiplyLowWords(f.d0, f.s0), Lanes.multiplyLowWords(f.d1, f.s1));
  }

  /** PMULHW: high halves of products of signed words. APM4. */
  static void pmulhw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.multiplyHighWords(f.d0, f.s0), Lanes.multiplyHighWords(f.d1, f.s1));
  }

  /** PMULHUW: high halves of products of unsigned words. APM4. */
  static void pmulhuw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.multiplyHighUnsignedWords(f.d0, f.s0),
        Lanes.multiplyHighUnsignedWords(f.d1, f.s1));
  }

  /** PMULHRSW: products of words as fractions, rounded. APM4. */
  static void pmulhrsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.multiplyRoundedWords(f.d0, f.s0), Lanes.multiplyRoundedWords(f.d1, f.s1));
  }

  /** PMULLD: low halves of products of doublewords. APM4. */
  static void pmulld(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.multiplyLowDoubles(f.d0, f.s0), Lanes.multiplyLowDoubles(f.d1, f.s1));
  }

  /** PMULUDQ: products of the even unsigned doublewords. APM4. */
  static void pmuludq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        (f.d0 & 0xffff_ffffL) * (f.s0 & 0xffff_ffffL),
        (f.d1 & 0xffff_ffffL) * (f.s1 & 0xffff_ffffL));
  }

  /** PMULDQ: products of the even signed doublewords. APM4. */
  static void pmuldq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, (long) (int) f.d0 * (int) f.s0, (long) (int) f.d1 * (int) f.s1);
  }

  /** PMADDWD: products of signed words, added in pairs. APM4. */
  static void pmaddwd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.multiplyAddWords(f.d0, f.s0), Lanes.multiplyAddWords(f.d1, f.s1));
  }

  /** PMADDUBSW: products of unsigned by signed bytes, added in pairs, saturated. APM4. */
  static void pmaddubsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.multiplyAddBytes(f.d0, f.s0), Lanes.multiplyAddBytes(f.d1, f.s1));
  }

  /** PSADBW: sums of eight absolute differences of bytes. APM4. */
  static void psadbw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.sumOfDifferences(f.d0, f.s0), Lanes.sumOfDifferences(f.d1, f.s1));
  }

  /** PAND: bitwise and. APM4. */
  static void pand(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 & f.s0, f.d1 & f.s1);
  }

  /** ANDPS: bitwise and. APM4. */
  static void andps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 & f.s0, f.d1 & f.s1);
  }

  /** ANDPD: bitwise and. APM4. */
  static void andpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 & f.s0, f.d1 & f.s1);
  }

  /** PANDN: the source where the destination has zeros. APM4. */
  static void pandn(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, ~f.d0 & f.s0, ~f.d1 & f.s1);
  }

  /** ANDNPS: the source where the destination has zeros. APM4. */
  static void andnps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, ~f.d0 & f.s0, ~f.d1 & f.s1);
  }

  /** ANDNPD: the source where the destination has zeros. APM4. */
  static void andnpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, ~f.d0 & f.s0, ~f.d1 & f.s1);
  }

  /** POR: bitwise or. APM4. */
  static void por(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 | f.s0, f.d1 | f.s1);
  }

  /** ORPS: bitwise or. APM4. */
  static void orps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 | f.s0, f.d1 | f.s1);
  }

  /** ORPD: bitwise or. APM4. */
  static void orpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 | f.s0, f.d1 | f.s1);
  }

  /** PXOR: bitwise exclusive or. APM4. */
  static void pxor(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 ^ f.s0, f.d1 ^ f.s1);
  }

  /** XORPS: bitwise exclusive or. APM4. */
  static void xorps(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 ^ f.s0, f.d1 ^ f.s1);
  }

  /** XORPD: bitwise exclusive or. APM4. */
  static void xorpd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, f.d0 ^ f.s0, f.d1 ^ f.s1);
  }

  /** PSLLW: words shifted left; zero past their width. APM4. */
  static void psllw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftLeftWords(f.d0, f.s0), Lanes.shiftLeftWords(f.d1, f.s0));
  }

  /** PSRLW: words shifted right; zero past their width. APM4. */
  static void psrlw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftRightWords(f.d0, f.s0), Lanes.shiftRightWords(f.d1, f.s0));
  }

  /** PSRAW: words shifted right, their sign filling in. APM4. */
  static void psraw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, Lanes.shiftRightSignedWords(f.d0, f.s0), Lanes.shiftRightSignedWords(f.d1, f.s0));
  }

  /** PSLLD: doublewords shifted left; zero past their width. APM4. */
  static void pslld(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftLeftDoubles(f.d0, f.s0), Lanes.shiftLeftDoubles(f.d1, f.s0));
  }

  /** PSRLD: doublewords shifted right; zero past their width. APM4. */
  static void psrld(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftRightDoubles(f.d0, f.s0), Lanes.shiftRightDoubles(f.d1, f.s0));
  }

  /** PSRAD: doublewords shifted right, their sign filling in. APM4. */
  static void psrad(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        Lanes.shiftRightSignedDoubles(f.d0, f.s0),
        Lanes.shiftRightSignedDoubles(f.d1, f.s0));
  }

  /** PSLLQ: quadwords shifted left; zero past their width. APM4. */
  static void psllq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftLeft(f.d0, f.s0), Lanes.shiftLeft(f.d1, f.s0));
  }

  /** PSRLQ: quadwords shifted right; zero past their width. APM4. */
  static void psrlq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(f, in, Lanes.shiftRight(f.d0, f.s0), Lanes.shiftRight(f.d1, f.s0));
  }

  /** PSLLDQ: the register shifted left by bytes. APM4. */
  static void pslldq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int by = f.s0 > 15 ? 128 : 8 * (int) f.s0;
    Simd.result(
        f,
        in,
        shiftLow(f.d0, by),
        by < 64 ? f.d1 << by | shiftRest(f.d0, by) : shiftLow(f.d0, by - 64));
  }

  /** PSRLDQ: the register shifted right by bytes. APM4. */
  static void psrldq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int by = f.s0 > 15 ? 128 : 8 * (int) f.s0;
    long low =
        by < 64 ? f.d0 >>> by | (by == 0 ? 0 : f.d1 << -by) : by < 128 ? f.d1 >>> (by - 64) : 0;
    Simd.result(f, in, low, by < 64 ? f.d1 >>> by : 0);
  }

  private static long shiftLow(long half, int by) {
    return by < 64 ? half << by : 0;
  }

  private static long shiftRest(long half, int by) {
    return by == 0 ? 0 : half >>> -by;
  }

  /** PHADDW: sums of adjacent words. APM4. */
  static void phaddw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, Lanes.horizontalAddWords(f.d0) | Lanes.horizontalAddWords(f.s0) << 32, 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.horizontalAddWords(f.d0) | Lanes.horizontalAddWords(f.d1) << 32,
          Lanes.horizontalAddWords(f.s0) | Lanes.horizontalAddWords(f.s1) << 32);
    }
  }

  /** PHSUBW: differences of adjacent words. APM4. */
  static void phsubw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(
          f,
          in,
          Lanes.horizontalSubtractWords(f.d0) | Lanes.horizontalSubtractWords(f.s0) << 32,
          0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.horizontalSubtractWords(f.d0) | Lanes.horizontalSubtractWords(f.d1) << 32,
          Lanes.horizontalSubtractWords(f.s0) | Lanes.horizontalSubtractWords(f.s1) << 32);
    }
  }

  /** PHADDSW: sums of adjacent signed words, saturated. APM4. */
  static void phaddsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(
          f, in, Lanes.horizontalAddSaturated(f.d0) | Lanes.horizontalAddSaturated(f.s0) << 32, 0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.horizontalAddSaturated(f.d0) | Lanes.horizontalAddSaturated(f.d1) << 32,
          Lanes.horizontalAddSaturated(f.s0) | Lanes.horizontalAddSaturated(f.s1) << 32);
    }
  }

  /** PHSUBSW: differences of adjacent signed words, saturated. APM4. */
  static void phsubsw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(
          f,
          in,
          Lanes.horizontalSubtractSaturated(f.d0) | Lanes.horizontalSubtractSaturated(f.s0) << 32,
          0);
    } else {
      Simd.result(
          f,
          in,
          Lanes.horizontalSubtractSaturated(f.d0) | Lanes.horizontalSubtractSaturated(f.d1) << 32,
          Lanes.horizontalSubtractSaturated(f.s0) | Lanes.horizontalSubtractSaturated(f.s1) << 32);
    }
  }

  /** PHADDD: sums of adjacent doublewords. APM4. */
  static void phaddd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, pairSums(f.d0, f.s0), 0);
    } else {
      Simd.result(f, in, pairSums(f.d0, f.d1), pairSums(f.s0, f.s1));
    }
  }

  private static long pairSums(long low, long high) {
    return Lanes.doubles((int) low + (int) (low >>> 32), (int) high + (int) (high >>> 32));
  }

  /** PHSUBD: differences of adjacent doublewords. APM4. */
  static void phsubd(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    if (Simd.mmx(in)) {
      Simd.result(f, in, pairDifferences(f.d0, f.s0), 0);
    } else {
      Simd.result(f, in, pairDifferences(f.d0, f.d1), pairDifferences(f.s0, f.s1));
    }
  }

  private static long pairDifferences(long low, long high) {
    return Lanes.doubles((int) low - (int) (low >>> 32), (int) high - (int) (high >>> 32));
  }

  /** PHMINPOSUW: the least unsigned word, and its index. APM4. */
  static void phminposuw(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    int least = 0x10000;
    int index = 0;
    for (int i = 0; i < 8; i++) {
      int word = (int) ((i < 4 ? f.s0 : f.s1) >>> (16 * i)) & 0xffff;
      if (word < least) {
        least = word;
        index = i;
      }
    }
    Simd.result(f, in, least | index << 16, 0);
  }

  /** MPSADBW: eight sums of absolute differences of four bytes. APM4. */
  static void mpsadbw(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    int order = (int) in.imm >> 3 * f.lane;
    int block = (order & 3) * 4;
    int start = (order >> 2 & 1) * 4;
    long low = 0;
    long high = 0;
    for (int i = 0; i < 8; i++) {
      int sum = 0;
      for (int k = 0; k < 4; k++) {
        sum +=
            Math.abs(Simd.byteOf(f.d0, f.d1, start + i + k) - Simd.byteOf(f.s0, f.s1, block + k));
      }
      if (i < 4) {
        low |= (long) sum << (16 * i);
      } else {
        high |= (long) sum << (16 * i);
      }
    }
    Simd.result(f, in, low, high);
  }

  /**
   * PTEST: ZF if the source has no bit in common with the destination, CF if none outside it. APM4.
   */
  static void ptest(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    boolean zero = ((f.d0 & f.s0) | (f.d1 & f.s1)) == 0;
    boolean carry = ((~f.d0 & f.s0) | (~f.d1 & f.s1)) == 0;
    Simd.statusFlags(c, (zero ? Rflags.ZF : 0) | (carry ? Rflags.CF : 0));
  }
}
