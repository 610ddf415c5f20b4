package org.redoubt.x86.decode;

import static org.redoubt.x86.decode.Arg.*;
import static org.redoubt.x86.decode.Op.*;

/** The 0F 38 map, in opcode order; VEX map 2 too. APM Vol. 3, Tables. */
final class Map38 {
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
    m.p66(0x10, PBLENDVB, Vx, Wx)
        .p66(0x14, BLENDVPS, Vx, Wx)
        .p66(0x15, BLENDVPD, Vx, Wx)
        .p66(0x17, PTEST, Vx, Wx)
        .mmxSse(0x1c, PABSB)
        .mmxSse(0x1d, PABSW)
        .mmxSse(0x1e, PABSD)
        .p66(0x20, PMOVSXBW, Vx, Wq)
        .p66(0x21, PMOVSXBD, Vx, Wd)
        .p66(0x22, PMOVSXBQ, Vx, Ww)
        .p66(0x23, PMOVSXWD, Vx, Wq)
        .p66(0x24, PMOVSXWQ, Vx, Wd)
        .p66(0x25, PMOVSXDQ, Vx, Wq)
        .p66(0x28, PMULDQ, Vx, Wx)
        .p66(0x29, PCMPEQQ, Vx, Wx)
        .p66(0x2a, MOVNTDQA, Vx, Mdq)
        .p66(0x2b, PACKUSDW, Vx, Wx)
        .p66(0x30, PMOVZXBW, Vx, Wq)
        .p66(0x31, PMOVZXBD, Vx, Wd)
        .p66(0x32, PMOVZXBQ, Vx, Ww)
        .p66(0x33, PMOVZXWD, Vx, Wq)
        .p66(0x34, PMOVZXWQ, Vx, Wd)
        .p66(0x35, PMOVZXDQ, Vx, Wq);
    Op[] from37 = {
      PCMPGTQ, PMINSB, PMINSD, PMINUW, PMINUD, PMAXSB, PMAXSD, PMAXUW, PMAXUD, PMULLD, PHMINPOSUW
    };
    for (int i = 0; i < from37.length; i++) {
      m.p66(0x37 + i, from37[i], Vx, Wx);
    }
    m.p66(0x82, INVPCID, Gm, Mdq)
        .np(0xc8, SHA1NEXTE, Vx, Wx)
        .np(0xc9, SHA1MSG1, Vx, Wx)
        .np(0xca, SHA1MSG2, Vx, Wx)
        .np(0xcb, SHA256RNDS2, Vx, Wx)
        .np(0xcc, SHA256MSG1, Vx, Wx)
        .np(0xcd, SHA256MSG2, Vx, Wx)
        .p66(0xdb, AESIMC, Vx, Wx)
        .p66(0xdc, AESENC, Vx, Wx)
        .p66(0xdd, AESENCLAST, Vx, Wx)
        .p66(0xde, AESDEC, Vx, Wx)
        .p66(0xdf, AESDECLAST, Vx, Wx)
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
}
