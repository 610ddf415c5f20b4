package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.simd.StringMatch;

/** The packed string compares of SSE4.2. APM Vol. 4. Their memory operands need no alignment. */
final class StringCompare {
  private static final int RAX = 0;
  private static final int RCX = 1;
  private static final int RDX = 2;

  private StringCompare() {}

  static void bind() {
    Meanings.bind(Op.PCMPESTRI, StringCompare::pcmpestri);
    Meanings.bind(Op.PCMPESTRM, StringCompare::pcmpestrm);
    Meanings.bind(Op.PCMPISTRI, StringCompare::pcmpistri);
    Meanings.bind(Op.PCMPISTRM, StringCompare::pcmpistrm);
  }

  /** PCMPESTRI: lengths in rAX and rDX, the index of a match to ECX. APM4. */
  static void pcmpestri(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    index(c, in, explicit(c, f, in));
  }

  /** PCMPESTRM: lengths in rAX and rDX, the mask of matches to XMM0. APM4. */
  static void pcmpestrm(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    mask(f, in, explicit(c, f, in));
  }

  /** PCMPISTRI: lengths up to a zero, the index of a match to ECX. APM4. */
  static void pcmpistri(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    index(c, in, implicit(c, f, in));
  }

  /** PCMPISTRM: lengths up to a zero, the mask of matches to XMM0. APM4. */
  static void pcmpistrm(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    mask(f, in, implicit(c, f, in));
  }

  private static int explicit(Cpu c, Fpu f, Insn in) {
    int n = StringMatch.elements((int) in.imm);
    return compare(c, f, in, length(c.r[RAX], in, n), length(c.r[RDX], in, n));
  }

  private static int length(long register, Insn in, int most) {
    long value = Math.abs(in.operandSize == 64 ? register : (long) (int) register);
    return value < 0 || value > most ? most : (int) value;
  }

  private static int implicit(Cpu c, Fpu f, Insn in) {
    int control = (int) in.imm;
    return compare(
        c,
        f,
        in,
        StringMatch.implicitLength(f.d0, f.d1, control),
        StringMatch.implicitLength(f.s0, f.s1, control));
  }

  private static int compare(Cpu c, Fpu f, Insn in, int destinationLength, int sourceLength) {
    int control = (int) in.imm;
    int n = StringMatch.elements(control);
    int mask = StringMatch.mask(f.d0, f.d1, destinationLength, f.s0, f.s1, sourceLength, control);
    int flags = mask != 0 ? Rflags.CF : 0;
    flags |= sourceLength < n ? Rflags.ZF : 0;
    flags |= destinationLength < n ? Rflags.SF : 0;
    flags |= (mask & 1) != 0 ? Rflags.OF : 0;
    Simd.statusFlags(c, flags);
    return mask;
  }

  private static void index(Cpu c, Insn in, int mask) {
    int index = StringMatch.elements((int) in.imm);
    if (mask != 0) {
      boolean highest = (in.imm & 0x40) != 0;
      index =
          highest ? 31 - Integer.numberOfLeadingZeros(mask) : Integer.numberOfTrailingZeros(mask);
    }
    c.r[RCX] = index;
  }

  private static void mask(Fpu f, Insn in, int mask) {
    f.xmm[0] = mask;
    f.xmm[1] = 0;
    if (in.vector != 0) {
      f.ymm[0] = 0;
      f.ymm[1] = 0;
    }
    if ((in.imm & 0x40) != 0) {
      int n = StringMatch.elements((int) in.imm);
      f.xmm[0] = expand(mask, n);
      f.xmm[1] = expand(mask >> (n / 2), n);
    }
  }

  /** Eight bytes or four words, all ones where the mask has a one. */
  private static long expand(int mask, int n) {
    int width = 128 / n;
    long ones = (1L << width) - 1;
    long r = 0;
    for (int i = 0; i < 64 / width; i++) {
      r |= (mask >> i & 1) != 0 ? ones << (width * i) : 0;
    }
    return r;
  }
}
