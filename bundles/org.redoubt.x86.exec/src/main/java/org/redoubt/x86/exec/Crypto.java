package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.simd.AesRound;
import org.redoubt.x86.exec.internal.simd.CarryLess;
import org.redoubt.x86.exec.internal.simd.Lanes;

/** AES, carry-less multiplication and SHA. APM Vol. 4; what they compute: FIPS 197, FIPS 180-4. */
final class Crypto {
  private Crypto() {}

  static void bind() {
    Meanings.bind(Op.AESENC, Crypto::aesenc);
    Meanings.bind(Op.AESENCLAST, Crypto::aesenclast);
    Meanings.bind(Op.AESDEC, Crypto::aesdec);
    Meanings.bind(Op.AESDECLAST, Crypto::aesdeclast);
    Meanings.bind(Op.AESIMC, Crypto::aesimc);
    Meanings.bind(Op.AESKEYGENASSIST, Crypto::aeskeygenassist);
    Meanings.bind(Op.PCLMULQDQ, Crypto::pclmulqdq);
  }

  /** AESENC: one round. APM4. */
  static void aesenc(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, AesRound.encrypt(f.d0, f.d1, 0) ^ f.s0, AesRound.encrypt(f.d0, f.d1, 2) ^ f.s1);
  }

  /** AESENCLAST: the last round. APM4. */
  static void aesenclast(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        AesRound.encryptLast(f.d0, f.d1, 0) ^ f.s0,
        AesRound.encryptLast(f.d0, f.d1, 2) ^ f.s1);
  }

  /** AESDEC: one round of the equivalent inverse cipher. APM4. */
  static void aesdec(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f, in, AesRound.decrypt(f.d0, f.d1, 0) ^ f.s0, AesRound.decrypt(f.d0, f.d1, 2) ^ f.s1);
  }

  /** AESDECLAST: the last round of the equivalent inverse cipher. APM4. */
  static void aesdeclast(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    Simd.result(
        f,
        in,
        AesRound.decryptLast(f.d0, f.d1, 0) ^ f.s0,
        AesRound.decryptLast(f.d0, f.d1, 2) ^ f.s1);
  }

  /** AESIMC: InvMixColumns of a round key. APM4. */
  static void aesimc(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    Simd.result(f, in, AesRound.unmix(f.s0), AesRound.unmix(f.s1));
  }

  /** AESKEYGENASSIST: SubWord and RotWord of the odd doublewords. APM4. */
  static void aeskeygenassist(Cpu c, Insn in) {
    Fpu f = Simd.unary(c, in);
    int constant = (int) in.imm & 0xff;
    Simd.result(
        f, in, assist((int) (f.s0 >>> 32), constant), assist((int) (f.s1 >>> 32), constant));
  }

  private static long assist(int word, int constant) {
    int substituted = AesRound.substituteWord(word);
    return Lanes.doubles(substituted, Integer.rotateRight(substituted, 8) ^ constant);
  }

  /** PCLMULQDQ: carry-less product of two chosen quadwords. APM4. */
  static void pclmulqdq(Cpu c, Insn in) {
    Fpu f = Simd.binary(c, in);
    long a = (in.imm & 1) == 0 ? f.d0 : f.d1;
    long b = (in.imm & 0x10) == 0 ? f.s0 : f.s1;
    Simd.result(f, in, CarryLess.multiplyLow(a, b), CarryLess.multiplyHigh(a, b));
  }
}
