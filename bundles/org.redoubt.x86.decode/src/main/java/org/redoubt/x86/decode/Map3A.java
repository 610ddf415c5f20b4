package org.redoubt.x86.decode;

import static org.redoubt.x86.decode.Arg.*;
import static org.redoubt.x86.decode.Op.*;

/** The 0F 3A map, in opcode order; VEX map 3 too. APM Vol. 3, Tables. */
final class Map3A {
  static final OpcodeMap MAP = make();

  private Map3A() {}

  private static OpcodeMap make() {
    return new OpcodeMap("0F3A")
        .p66(0x08, ROUNDPS, Vx, Wx, Ib)
        .p66(0x09, ROUNDPD, Vx, Wx, Ib)
        .p66(0x0a, ROUNDSS, Vd, Wd, Ib)
        .p66(0x0b, ROUNDSD, Vq, Wq, Ib)
        .p66(0x0c, BLENDPS, Vx, Wx, Ib)
        .p66(0x0d, BLENDPD, Vx, Wx, Ib)
        .p66(0x0e, PBLENDW, Vx, Wx, Ib)
        .np(0x0f, PALIGNR, Pq, Qq, Ib)
        .p66(0x0f, PALIGNR, Vx, Wx, Ib)
        .p66(0x14, PEXTRB, EdMb, Vx, Ib)
        .p66(0x15, PEXTRW, EdMw, Vx, Ib)
        .p66(0x16, PEXTRD, Ey, Vx, Ib)
        .p66(0x17, EXTRACTPS, Ed, Vx, Ib)
        .p66(0x20, PINSRB, Vx, EdMb, Ib)
        .p66(0x21, INSERTPS, Vx, Wd, Ib)
        .p66(0x22, PINSRD, Vx, Ey, Ib)
        .p66(0x40, DPPS, Vx, Wx, Ib)
        .p66(0x41, DPPD, Vx, Wx, Ib)
        .p66(0x42, MPSADBW, Vx, Wx, Ib)
        .p66(0x44, PCLMULQDQ, Vx, Wx, Ib)
        .p66(0x60, PCMPESTRM, Vx, Wx, Ib)
        .p66(0x61, PCMPESTRI, Vx, Wx, Ib)
        .p66(0x62, PCMPISTRM, Vx, Wx, Ib)
        .p66(0x63, PCMPISTRI, Vx, Wx, Ib)
        .np(0xcc, SHA1RNDS4, Vx, Wx, Ib)
        .p66(0xdf, AESKEYGENASSIST, Vx, Wx, Ib)
        .f2(0xf0, RORX, Gy, Ey, Ib)
        .vex()
        .build();
  }
}
