package org.redoubt.x86.decode;

import static org.redoubt.x86.decode.Arg.*;
import static org.redoubt.x86.decode.Op.*;

/** The 0F 38 map, in opcode order; VEX map 2 too. APM Vol. 3, Tables. */
final class Map38 {
  private static final String[] ORDERS = {"132", "213", "231"};
  private static final String[] PACKED = {"FMADDSUB", "FMSUBADD"};
  private static final String[] BOTH = {"FMADD", "FMSUB", "FNMADD", "FNMSUB"};

  static final OpcodeMap MAP = make();

  private Map38() {}

  private static OpcodeMap make() {
    OpcodeMap m = new OpcodeMap("0F38");
    Op[] ssse3 = {
      PSHUFB, PHADDW, PHADDD, PHADDSW, PMADDUBSW, PHSUBW, PHSUBD, PHSUBSW, PSIGNB, PSIGNW, PSIGND,
      PMULHRSW
    };
    for (int i = 0; i < ssse3.length; i++) {
      m.mmxSse(i, ssse3[i]);
    }
    m.p66(0x0c, VPERMILPS, Vx, Hx, Wx)
        .avxOnly()
        .p66(0x0d, VPERMILPD, Vx, Hx, Wx)
        .avxOnly()
        .p66(0x0e, VTESTPS, Vx, Wx)
        .avxOnly()
        .p66(0x0f, VTESTPD, Vx, Wx)
        .avxOnly()
        .p66(0x10, PBLENDVB, Vx, Wx)
        .p66(0x13, VCVTPH2PS, Vx, Wh)
        .avxOnly()
        .p66(0x14, BLENDVPS, Vx, Wx)
        .p66(0x15, BLENDVPD, Vx, Wx)
        .p66(0x16, VPERMPS, Vx, Hx, Wx)
        .avxOnly()
        .l(1)
        .p66(0x17, PTEST, Vx, Wx)
        .avx(Vx, Wx)
        .p66(0x18, VBROADCASTSS, Vx, Md)
        .avxOnly()
        .p66(0x18, VBROADCASTSS, Vx, Ud)
        .avxOnly()
        .feature(Feature.AVX2)
        .p66(0x19, VBROADCASTSD, Vx, Mq)
        .avxOnly()
        .l(1)
        .p66(0x19, VBROADCASTSD, Vx, Uq)
        .avxOnly()
        .l(1)
        .feature(Feature.AVX2)
        .p66(0x1a, VBROADCASTF128, Vx, Mdq)
        .avxOnly()
        .l(1)
        .mmxSse(0x1c, PABSB, Vx, Wx)
        .mmxSse(0x1d, PABSW, Vx, Wx)
        .mmxSse(0x1e, PABSD, Vx, Wx)
        .p66(0x20, PMOVSXBW, Vx, Wq)
        .avx2(Vx, Wh)
        .p66(0x21, PMOVSXBD, Vx, Wd)
        .avx2(Vx, Wf)
        .p66(0x22, PMOVSXBQ, Vx, Ww)
        .avx2(Vx, We)
        .p66(0x23, PMOVSXWD, Vx, Wq)
        .avx2(Vx, Wh)
        .p66(0x24, PMOVSXWQ, Vx, Wd)
        .avx2(Vx, Wf)
        .p66(0x25, PMOVSXDQ, Vx, Wq)
        .avx2(Vx, Wh)
        .p66(0x28, PMULDQ, Vx, Wx)
        .avx2(Vx, Hx, Wx)
        .p66(0x29, PCMPEQQ, Vx, Wx)
        .avx2(Vx, Hx, Wx)
        .p66(0x2a, MOVNTDQA, Vx, Mx)
        .avx2(Vx, Mx)
        .p66(0x2b, PACKUSDW, Vx, Wx)
        .avx2(Vx, Hx, Wx)
        .p66(0x2c, VMASKMOVPS, Vx, Hx, Mx)
        .avxOnly()
        .p66(0x2d, VMASKMOVPD, Vx, Hx, Mx)
        .avxOnly()
        .p66(0x2e, VMASKMOVPS, Mx, Hx, Vx)
        .avxOnly()
        .p66(0x2f, VMASKMOVPD, Mx, Hx, Vx)
        .avxOnly()
        .p66(0x30, PMOVZXBW, Vx, Wq)
        .avx2(Vx, Wh)
        .p66(0x31, PMOVZXBD, Vx, Wd)
        .avx2(Vx, Wf)
        .p66(0x32, PMOVZXBQ, Vx, Ww)
        .avx2(Vx, We)
        .p66(0x33, PMOVZXWD, Vx, Wq)
        .avx2(Vx, Wh)
        .p66(0x34, PMOVZXWQ, Vx, Wd)
        .avx2(Vx, Wf)
        .p66(0x35, PMOVZXDQ, Vx, Wq)
        .avx2(Vx, Wh);
    Op[] from37 = {
      PCMPGTQ, PMINSB, PMINSD, PMINUW, PMINUD, PMAXSB, PMAXSD, PMAXUW, PMAXUD, PMULLD, PHMINPOSUW
    };
    for (int i = 0; i < from37.length; i++) {
      m.p66(0x37 + i, from37[i], Vx, Wx);
      if (from37[i] == PHMINPOSUW) {
        m.avx128(Vx, Wx);
      } else {
        m.avx2(Vx, Hx, Wx);
      }
    }
    avx2(m);
    fma(m);
    m.p66(0x82, INVPCID, Gm, Mdq)
        .np(0xc8, SHA1NEXTE, Vx, Wx)
        .np(0xc9, SHA1MSG1, Vx, Wx)
        .np(0xca, SHA1MSG2, Vx, Wx)
        .np(0xcb, SHA256RNDS2, Vx, Wx)
        .np(0xcc, SHA256MSG1, Vx, Wx)
        .np(0xcd, SHA256MSG2, Vx, Wx)
        .p66(0xdb, AESIMC, Vx, Wx)
        .avx128(Vx, Wx)
        .p66(0xdc, AESENC, Vx, Wx)
        .avx(Vx, Hx, Wx)
        .wide(Feature.VAES)
        .p66(0xdd, AESENCLAST, Vx, Wx)
        .avx(Vx, Hx, Wx)
        .wide(Feature.VAES)
        .p66(0xde, AESDEC, Vx, Wx)
        .avx(Vx, Hx, Wx)
        .wide(Feature.VAES)
        .p66(0xdf, AESDECLAST, Vx, Wx)
        .avx(Vx, Hx, Wx)
        .wide(Feature.VAES)
        .row(0xf0, MOVBE, Gv, Mv)
        .prefix(Row.NP | Row.P66)
        .f2(0xf0, CRC32, Gy, Eb)
        .row(0xf1, MOVBE, Mv, Gv)
        .prefix(Row.NP | Row.P66)
        .f2(0xf1, CRC32, Gy, Ev)
        .np(0xf2, ANDN, Gy, By, Ey)
        .vex()
        .np(0xf3, BLSR, By, Ey)
        .ext(1)
        .vex()
        .np(0xf3, BLSMSK, By, Ey)
        .ext(2)
        .vex()
        .np(0xf3, BLSI, By, Ey)
        .ext(3)
        .vex()
        .np(0xf5, BZHI, Gy, Ey, By)
        .vex()
        .f3(0xf5, PEXT, Gy, By, Ey)
        .vex()
        .f2(0xf5, PDEP, Gy, By, Ey)
        .vex()
        .p66(0xf6, ADCX, Gy, Ey)
        .f3(0xf6, ADOX, Gy, Ey)
        .f2(0xf6, MULX, Gy, By, Ey)
        .vex()
        .np(0xf7, BEXTR, Gy, Ey, By)
        .vex()
        .p66(0xf7, SHLX, Gy, Ey, By)
        .vex()
        .f3(0xf7, SARX, Gy, Ey, By)
        .vex()
        .f2(0xf7, SHRX, Gy, Ey, By)
        .vex();
    return m.build();
  }

  private static void avx2(OpcodeMap m) {
    m.p66(0x36, VPERMD, Vx, Hx, Wx)
        .avxOnly()
        .l(1)
        .p66(0x45, VPSRLVD, Vx, Hx, Wx)
        .avxOnly()
        .p66(0x45, VPSRLVQ, Vx, Hx, Wx)
        .avxOnly()
        .w(1)
        .p66(0x46, VPSRAVD, Vx, Hx, Wx)
        .avxOnly()
        .p66(0x47, VPSLLVD, Vx, Hx, Wx)
        .avxOnly()
        .p66(0x47, VPSLLVQ, Vx, Hx, Wx)
        .avxOnly()
        .w(1)
        .p66(0x58, VPBROADCASTD, Vx, Wd)
        .avxOnly()
        .p66(0x59, VPBROADCASTQ, Vx, Wq)
        .avxOnly()
        .p66(0x5a, VBROADCASTI128, Vx, Mdq)
        .avxOnly()
        .l(1)
        .p66(0x78, VPBROADCASTB, Vx, Wb)
        .avxOnly()
        .p66(0x79, VPBROADCASTW, Vx, Ww)
        .avxOnly()
        .p66(0x8c, VPMASKMOVD, Vx, Hx, Mx)
        .avxOnly()
        .p66(0x8c, VPMASKMOVQ, Vx, Hx, Mx)
        .avxOnly()
        .w(1)
        .p66(0x8e, VPMASKMOVD, Mx, Hx, Vx)
        .avxOnly()
        .p66(0x8e, VPMASKMOVQ, Mx, Hx, Vx)
        .avxOnly()
        .w(1);
    gathers(m, 0x90, VPGATHERDD, VPGATHERDQ, VPGATHERQD, VPGATHERQQ);
    gathers(m, 0x92, VGATHERDPS, VGATHERDPD, VGATHERQPS, VGATHERQPD);
  }

  /** By doubleword and quadword indexes: doublewords with W = 0, quadwords with W = 1. */
  private static void gathers(OpcodeMap m, int opcode, Op dd, Op dq, Op qd, Op qq) {
    m.p66(opcode, dd, Vx, Mgd, Hx, Xx)
        .avxOnly()
        .p66(opcode, dq, Vx, Mgq, Hx, Xh)
        .avxOnly()
        .w(1)
        .p66(opcode + 1, qd, Vh, Mgd, Hh, Xx)
        .avxOnly()
        .p66(opcode + 1, qq, Vx, Mgq, Hx, Xx)
        .avxOnly()
        .w(1);
  }

  /**
   * Fused multiply-add: 96h to 9Fh, A6h to AFh, B6h to BFh, by the order of the operands; double
   * precision with W = 1.
   */
  private static void fma(OpcodeMap m) {
    for (int order = 0; order < 3; order++) {
      int opcode = 0x96 + 16 * order;
      for (String kind : PACKED) {
        fma(m, opcode++, "V" + kind + ORDERS[order] + "P", Hx, Wx, Wx);
      }
      for (String kind : BOTH) {
        fma(m, opcode++, "V" + kind + ORDERS[order] + "P", Hx, Wx, Wx);
        fma(m, opcode++, "V" + kind + ORDERS[order] + "S", Hx, Wd, Wq);
      }
    }
  }

  private static void fma(OpcodeMap m, int opcode, String name, Arg h, Arg single, Arg number) {
    boolean packed = single == Wx;
    m.p66(opcode, Op.valueOf(name + "S"), packed ? Vx : Vd, packed ? h : Hd, single).avxOnly();
    m.p66(opcode, Op.valueOf(name + "D"), packed ? Vx : Vq, packed ? h : Hq, number).avxOnly().w(1);
  }
}
