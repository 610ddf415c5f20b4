package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.exec.internal.simd.Lanes;

/**
 * SHA-1 and SHA-256 rounds and message schedules. APM Vol. 4; FIPS 180-4, sections 4.1, 6.1 and
 * 6.2. The variable that the standard names first lies in the top doubleword.
 */
final class Sha {
  private static final int[] SHA1_K = {0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6};

  private Sha() {}

  static void bind() {
    Meanings.bind(Op.SHA1NEXTE, Sha::sha1nexte);
    Meanings.bind(Op.SHA1MSG1, Sha::sha1msg1);
    Meanings.bind(Op.SHA1MSG2, Sha::sha1msg2);
    Meanings.bind(Op.SHA1RNDS4, Sha::sha1rnds4);
    Meanings.bind(Op.SHA256RNDS2, Sha::sha256rnds2);
    Meanings.bind(Op.SHA256MSG1, Sha::sha256msg1);
    Meanings.bind(Op.SHA256MSG2, Sha::sha256msg2);
  }

  private static int low(long half) {
    return (int) half;
  }

  private static int high(long half) {
    return (int) (half >>> 32);
  }

  /** SHA1NEXTE: the state variable E after four rounds, added to the next words. APM4. */
  static void sha1nexte(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int e = Integer.rotateLeft(high(f.d1), 30);
    Simd.result(f, in, f.s0, Lanes.doubles(low(f.s1), high(f.s1) + e));
  }

  /** SHA1MSG1: W[t-14] xor W[t-16] for four words. APM4. */
  static void sha1msg1(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    Simd.result(f, in, f.d0 ^ f.s1, f.d1 ^ f.d0);
  }

  /** SHA1MSG2: the rest of the schedule for four words. APM4. */
  static void sha1msg2(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int w16 = Integer.rotateLeft(high(f.d1) ^ low(f.s1), 1);
    int w17 = Integer.rotateLeft(low(f.d1) ^ high(f.s0), 1);
    int w18 = Integer.rotateLeft(high(f.d0) ^ low(f.s0), 1);
    int w19 = Integer.rotateLeft(low(f.d0) ^ w16, 1);
    Simd.result(f, in, Lanes.doubles(w19, w18), Lanes.doubles(w17, w16));
  }

  /** SHA1RNDS4: four rounds; the immediate chooses function and constant. APM4. */
  static void sha1rnds4(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int which = (int) in.imm & 3;
    int va = high(f.d1);
    int vb = low(f.d1);
    int vc = high(f.d0);
    int vd = low(f.d0);
    int ve = 0;
    for (int round = 0; round < 4; round++) {
      long half = round < 2 ? f.s1 : f.s0;
      int w = (round & 1) == 0 ? high(half) : low(half);
      int next =
          sha1Function(which, vb, vc, vd) + Integer.rotateLeft(va, 5) + w + ve + SHA1_K[which];
      ve = vd;
      vd = vc;
      vc = Integer.rotateLeft(vb, 30);
      vb = va;
      va = next;
    }
    Simd.result(f, in, Lanes.doubles(vd, vc), Lanes.doubles(vb, va));
  }

  private static int sha1Function(int which, int x, int y, int z) {
    return switch (which) {
      case 0 -> (x & y) ^ (~x & z);
      case 2 -> (x & y) ^ (x & z) ^ (y & z);
      default -> x ^ y ^ z;
    };
  }

  /** SHA256RNDS2: two rounds, with message and constant added up in XMM0. APM4. */
  static void sha256rnds2(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int va = high(f.s1);
    int vb = low(f.s1);
    int ve = high(f.s0);
    int vf = low(f.s0);
    int vc = high(f.d1);
    int vd = low(f.d1);
    int vg = high(f.d0);
    int vh = low(f.d0);
    long words = f.xmm[0];
    for (int round = 0; round < 2; round++) {
      int choice = (ve & vf) ^ (~ve & vg);
      int majority = (va & vb) ^ (va & vc) ^ (vb & vc);
      int t1 = choice + bigSigma(ve, 6, 11, 25) + (round == 0 ? low(words) : high(words)) + vh;
      int t2 = majority + bigSigma(va, 2, 13, 22);
      vh = vg;
      vg = vf;
      vf = ve;
      ve = vd + t1;
      vd = vc;
      vc = vb;
      vb = va;
      va = t1 + t2;
    }
    Simd.result(f, in, Lanes.doubles(vf, ve), Lanes.doubles(vb, va));
  }

  /** SHA256MSG1: W[t-16] plus sigma0 of W[t-15] for four words. APM4. */
  static void sha256msg1(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int w0 = low(f.d0) + smallSigma(high(f.d0), 7, 18, 3);
    int w1 = high(f.d0) + smallSigma(low(f.d1), 7, 18, 3);
    int w2 = low(f.d1) + smallSigma(high(f.d1), 7, 18, 3);
    int w3 = high(f.d1) + smallSigma(low(f.s0), 7, 18, 3);
    Simd.result(f, in, Lanes.doubles(w0, w1), Lanes.doubles(w2, w3));
  }

  /** SHA256MSG2: sigma1 of W[t-2] added for four words. APM4. */
  static void sha256msg2(Cpu c, Insn in) {
    Fpu f = Simd.unaligned(c, in);
    int w16 = low(f.d0) + smallSigma(low(f.s1), 17, 19, 10);
    int w17 = high(f.d0) + smallSigma(high(f.s1), 17, 19, 10);
    int w18 = low(f.d1) + smallSigma(w16, 17, 19, 10);
    int w19 = high(f.d1) + smallSigma(w17, 17, 19, 10);
    Simd.result(f, in, Lanes.doubles(w16, w17), Lanes.doubles(w18, w19));
  }

  private static int bigSigma(int x, int a, int b, int d) {
    return Integer.rotateRight(x, a) ^ Integer.rotateRight(x, b) ^ Integer.rotateRight(x, d);
  }

  private static int smallSigma(int x, int a, int b, int shift) {
    return Integer.rotateRight(x, a) ^ Integer.rotateRight(x, b) ^ x >>> shift;
  }
}
