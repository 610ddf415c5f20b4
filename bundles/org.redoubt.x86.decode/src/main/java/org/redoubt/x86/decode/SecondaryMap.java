package org.redoubt.x86.decode;

import static org.redoubt.x86.decode.Arg.*;
import static org.redoubt.x86.decode.Op.*;

/** The 0F map, in opcode order; VEX map 1 too. APM Vol. 3, Tables. */
final class SecondaryMap {
  static final OpcodeMap MAP = make();

  private SecondaryMap() {}

  private static OpcodeMap make() {
    OpcodeMap m = new OpcodeMap("0F");
    from00(m);
    group7(m);
    from10(m);
    from20(m);
    from40(m);
    from60(m);
    from70(m);
    from80(m);
    from90(m);
    fromB0(m);
    fromC0(m);
    fromD0(m);
    fromE0(m);
    fromF0(m);
    return m.build();
  }

  private static void from00(OpcodeMap m) {
    m.row(0x00, SLDT, EvMw)
        .ext(0)
        .row(0x00, STR, EvMw)
        .ext(1)
        .row(0x00, LLDT, Ew)
        .ext(2)
        .row(0x00, LTR, Ew)
        .ext(3)
        .row(0x00, VERR, Ew)
        .ext(4)
        .row(0x00, VERW, Ew)
        .ext(5)
        .row(0x02, LAR, Gv, EvMw)
        .row(0x03, LSL, Gv, EvMw)
        .row(0x05, SYSCALL)
        .row(0x06, CLTS)
        .row(0x07, SYSRET)
        .row(0x08, INVD)
        .row(0x09, WBINVD)
        .prefix(Row.NP | Row.P66 | Row.PF2)
        .f3(0x09, WBNOINVD)
        .row(0x0b, UD2)
        .row(0x0d, PREFETCH, Mb);
  }

  private static void group7(OpcodeMap m) {
    m.row(0x01, SGDT, M)
        .ext(0)
        .row(0x01, SIDT, M)
        .ext(1)
        .row(0x01, LGDT, M)
        .ext(2)
        .f64()
        .row(0x01, LIDT, M)
        .ext(3)
        .f64()
        .row(0x01, SMSW, EvMw)
        .ext(4)
        .row(0x01, LMSW, Ew)
        .ext(6)
        .row(0x01, INVLPG, Mb)
        .ext(7)
        .np(0x01, VMCALL)
        .ext(0)
        .rm(1)
        .row(0x01, MONITOR)
        .ext(1)
        .rm(0)
        .row(0x01, MWAIT)
        .ext(1)
        .rm(1)
        .row(0x01, CLAC)
        .ext(1)
        .rm(2)
        .row(0x01, STAC)
        .ext(1)
        .rm(3)
        .np(0x01, XGETBV)
        .ext(2)
        .rm(0)
        .np(0x01, XSETBV)
        .ext(2)
        .rm(1)
        .row(0x01, VMRUN)
        .ext(3)
        .rm(0)
        .row(0x01, VMMCALL)
        .ext(3)
        .rm(1)
        .prefix(Row.NP | Row.P66)
        .row(0x01, VMGEXIT)
        .ext(3)
        .rm(1)
        .prefix(Row.PF3 | Row.PF2)
        .row(0x01, VMLOAD)
        .ext(3)
        .rm(2)
        .row(0x01, VMSAVE)
        .ext(3)
        .rm(3)
        .row(0x01, STGI)
        .ext(3)
        .rm(4)
        .row(0x01, CLGI)
        .ext(3)
        .rm(5)
        .row(0x01, SKINIT)
        .ext(3)
        .rm(6)
        .row(0x01, INVLPGA)
        .ext(3)
        .rm(7)
        .np(0x01, RDPKRU)
        .ext(5)
        .rm(6)
        .np(0x01, WRPKRU)
        .ext(5)
        .rm(7)
        .row(0x01, SWAPGS)
        .ext(7)
        .rm(0)
        .o64()
        .row(0x01, RDTSCP)
        .ext(7)
        .rm(1)
        .np(0x01, MONITORX)
        .ext(7)
        .rm(2)
        .np(0x01, MWAITX)
        .ext(7)
        .rm(3)
        .np(0x01, CLZERO)
        .ext(7)
        .rm(4)
        .f3(0x01, RMPADJUST)
        .ext(7)
        .rm(6)
        .o64()
        .f2(0x01, RMPUPDATE)
        .ext(7)
        .rm(6)
        .o64()
        .f3(0x01, PSMASH)
        .ext(7)
        .rm(7)
        .o64()
        .f2(0x01, PVALIDATE)
        .ext(7)
        .rm(7);
  }

  private static void from10(OpcodeMap m) {
    m.np(0x10, MOVUPS, Vx, Wx)
        .p66(0x10, MOVUPD, Vx, Wx)
        .f3(0x10, MOVSS, Vd, Wd)
        .f2(0x10, MOVSD, Vq, Wq)
        .np(0x11, MOVUPS, Wx, Vx)
        .p66(0x11, MOVUPD, Wx, Vx)
        .f3(0x11, MOVSS, Wd, Vd)
        .f2(0x11, MOVSD, Wq, Vq)
        .np(0x12, MOVLPS, Vq, Mq)
        .np(0x12, MOVHLPS, Vx, Ux)
        .p66(0x12, MOVLPD, Vq, Mq)
        .f3(0x12, MOVSLDUP, Vx, Wx)
        .f2(0x12, MOVDDUP, Vx, Wq)
        .np(0x13, MOVLPS, Mq, Vq)
        .p66(0x13, MOVLPD, Mq, Vq)
        .np(0x14, UNPCKLPS, Vx, Wx)
        .p66(0x14, UNPCKLPD, Vx, Wx)
        .np(0x15, UNPCKHPS, Vx, Wx)
        .p66(0x15, UNPCKHPD, Vx, Wx)
        .np(0x16, MOVHPS, Vx, Mq)
        .np(0x16, MOVLHPS, Vx, Ux)
        .p66(0x16, MOVHPD, Vx, Mq)
        .f3(0x16, MOVSHDUP, Vx, Wx)
        .np(0x17, MOVHPS, Mq, Vx)
        .p66(0x17, MOVHPD, Mq, Vx)
        .row(0x18, PREFETCH, Mb)
        .row(0x18, NOP, Ev)
        .reg();
    for (int i = 0x19; i <= 0x1f; i++) {
      m.row(i, NOP, Ev);
    }
  }

  private static void from20(OpcodeMap m) {
    m.row(0x20, MOV_FROM_CR, Rm, Cm)
        .row(0x21, MOV_FROM_DR, Rm, Dm)
        .row(0x22, MOV_CR, Cm, Rm)
        .row(0x23, MOV_DR, Dm, Rm)
        .np(0x28, MOVAPS, Vx, Wx)
        .p66(0x28, MOVAPD, Vx, Wx)
        .np(0x29, MOVAPS, Wx, Vx)
        .p66(0x29, MOVAPD, Wx, Vx)
        .np(0x2a, CVTPI2PS, Vx, Qq)
        .p66(0x2a, CVTPI2PD, Vx, Qq)
        .f3(0x2a, CVTSI2SS, Vd, Ey)
        .f2(0x2a, CVTSI2SD, Vq, Ey)
        .np(0x2b, MOVNTPS, Mdq, Vx)
        .p66(0x2b, MOVNTPD, Mdq, Vx)
        .f3(0x2b, MOVNTSS, Md, Vd)
        .f2(0x2b, MOVNTSD, Mq, Vq)
        .np(0x2c, CVTTPS2PI, Pq, Wq)
        .p66(0x2c, CVTTPD2PI, Pq, Wx)
        .f3(0x2c, CVTTSS2SI, Gy, Wd)
        .f2(0x2c, CVTTSD2SI, Gy, Wq)
        .np(0x2d, CVTPS2PI, Pq, Wq)
        .p66(0x2d, CVTPD2PI, Pq, Wx)
        .f3(0x2d, CVTSS2SI, Gy, Wd)
        .f2(0x2d, CVTSD2SI, Gy, Wq)
        .np(0x2e, UCOMISS, Vd, Wd)
        .p66(0x2e, UCOMISD, Vq, Wq)
        .np(0x2f, COMISS, Vd, Wd)
        .p66(0x2f, COMISD, Vq, Wq)
        .row(0x30, WRMSR)
        .row(0x31, RDTSC)
        .row(0x32, RDMSR)
        .row(0x33, RDPMC)
        .row(0x34, SYSENTER)
        .row(0x35, SYSEXIT);
  }

  private static void from40(OpcodeMap m) {
    for (int cc = 0; cc < 16; cc++) {
      m.row(0x40 + cc, CMOVCC, Gv, Ev);
    }
    m.np(0x50, MOVMSKPS, Gd, Ux)
        .p66(0x50, MOVMSKPD, Gd, Ux)
        .np(0x52, RSQRTPS, Vx, Wx)
        .f3(0x52, RSQRTSS, Vd, Wd)
        .np(0x53, RCPPS, Vx, Wx)
        .f3(0x53, RCPSS, Vd, Wd)
        .np(0x54, ANDPS, Vx, Wx)
        .p66(0x54, ANDPD, Vx, Wx)
        .np(0x55, ANDNPS, Vx, Wx)
        .p66(0x55, ANDNPD, Vx, Wx)
        .np(0x56, ORPS, Vx, Wx)
        .p66(0x56, ORPD, Vx, Wx)
        .np(0x57, XORPS, Vx, Wx)
        .p66(0x57, XORPD, Vx, Wx);
    arithmetic(m, 0x51, SQRTPS, SQRTPD, SQRTSS, SQRTSD);
    arithmetic(m, 0x58, ADDPS, ADDPD, ADDSS, ADDSD);
    arithmetic(m, 0x59, MULPS, MULPD, MULSS, MULSD);
    m.np(0x5a, CVTPS2PD, Vx, Wq)
        .p66(0x5a, CVTPD2PS, Vx, Wx)
        .f3(0x5a, CVTSS2SD, Vq, Wd)
        .f2(0x5a, CVTSD2SS, Vd, Wq)
        .np(0x5b, CVTDQ2PS, Vx, Wx)
        .p66(0x5b, CVTPS2DQ, Vx, Wx)
        .f3(0x5b, CVTTPS2DQ, Vx, Wx);
    arithmetic(m, 0x5c, SUBPS, SUBPD, SUBSS, SUBSD);
    arithmetic(m, 0x5d, MINPS, MINPD, MINSS, MINSD);
    arithmetic(m, 0x5e, DIVPS, DIVPD, DIVSS, DIVSD);
    arithmetic(m, 0x5f, MAXPS, MAXPD, MAXSS, MAXSD);
  }

  private static void arithmetic(OpcodeMap m, int opcode, Op ps, Op pd, Op ss, Op sd) {
    m.np(opcode, ps, Vx, Wx).p66(opcode, pd, Vx, Wx).f3(opcode, ss, Vd, Wd).f2(opcode, sd, Vq, Wq);
  }

  private static void from60(OpcodeMap m) {
    m.np(0x60, PUNPCKLBW, Pq, Qd)
        .p66(0x60, PUNPCKLBW, Vx, Wx)
        .np(0x61, PUNPCKLWD, Pq, Qd)
        .p66(0x61, PUNPCKLWD, Vx, Wx)
        .np(0x62, PUNPCKLDQ, Pq, Qd)
        .p66(0x62, PUNPCKLDQ, Vx, Wx);
    Op[] ops = {
      PACKSSWB, PCMPGTB, PCMPGTW, PCMPGTD, PACKUSWB, PUNPCKHBW, PUNPCKHWD, PUNPCKHDQ, PACKSSDW
    };
    for (int i = 0; i < ops.length; i++) {
      m.mmxSse(0x63 + i, ops[i]);
    }
    m.p66(0x6c, PUNPCKLQDQ, Vx, Wx)
        .p66(0x6d, PUNPCKHQDQ, Vx, Wx)
        .np(0x6e, MOVD, Pq, Ey)
        .p66(0x6e, MOVD, Vx, Ey)
        .np(0x6f, MOVQ, Pq, Qq)
        .p66(0x6f, MOVDQA, Vx, Wx)
        .f3(0x6f, MOVDQU, Vx, Wx);
  }

  private static void from70(OpcodeMap m) {
    m.np(0x70, PSHUFW, Pq, Qq, Ib)
        .p66(0x70, PSHUFD, Vx, Wx, Ib)
        .f3(0x70, PSHUFHW, Vx, Wx, Ib)
        .f2(0x70, PSHUFLW, Vx, Wx, Ib);
    shift(m, 0x71, 2, PSRLW);
    shift(m, 0x71, 4, PSRAW);
    shift(m, 0x71, 6, PSLLW);
    shift(m, 0x72, 2, PSRLD);
    shift(m, 0x72, 4, PSRAD);
    shift(m, 0x72, 6, PSLLD);
    shift(m, 0x73, 2, PSRLQ);
    shift(m, 0x73, 6, PSLLQ);
    m.p66(0x73, PSRLDQ, Ux, Ib)
        .ext(3)
        .p66(0x73, PSLLDQ, Ux, Ib)
        .ext(7)
        .mmxSse(0x74, PCMPEQB)
        .mmxSse(0x75, PCMPEQW)
        .mmxSse(0x76, PCMPEQD)
        .np(0x77, EMMS)
        .p66(0x78, EXTRQ, Ux, Ib, Ib2)
        .ext(0)
        .f2(0x78, INSERTQ, Vx, Ux, Ib, Ib2)
        .p66(0x79, EXTRQ, Vx, Ux)
        .f2(0x79, INSERTQ, Vx, Ux)
        .p66(0x7c, HADDPD, Vx, Wx)
        .f2(0x7c, HADDPS, Vx, Wx)
        .p66(0x7d, HSUBPD, Vx, Wx)
        .f2(0x7d, HSUBPS, Vx, Wx)
        .np(0x7e, MOVD, Ey, Pd)
        .p66(0x7e, MOVD, Ey, Vd)
        .f3(0x7e, MOVQ, Vx, Wq)
        .np(0x7f, MOVQ, Qq, Pq)
        .p66(0x7f, MOVDQA, Wx, Vx)
        .f3(0x7f, MOVDQU, Wx, Vx);
  }

  private static void shift(OpcodeMap m, int opcode, int ext, Op op) {
    m.np(opcode, op, Nq, Ib).ext(ext).p66(opcode, op, Ux, Ib).ext(ext);
  }

  private static void from80(OpcodeMap m) {
    for (int cc = 0; cc < 16; cc++) {
      m.row(0x80 + cc, JCC, Jz).d64();
    }
  }

  private static void from90(OpcodeMap m) {
    for (int cc = 0; cc < 16; cc++) {
      m.row(0x90 + cc, SETCC, Eb);
    }
    m.row(0xa0, PUSH_SREG, FS)
        .d64()
        .row(0xa1, POP_SREG, FS)
        .d64()
        .row(0xa2, CPUID)
        .row(0xa3, BT, Ev, Gv)
        .row(0xa4, SHLD, Ev, Gv, Ib)
        .row(0xa5, SHLD, Ev, Gv, CL)
        .row(0xa8, PUSH_SREG, GS)
        .d64()
        .row(0xa9, POP_SREG, GS)
        .d64()
        .row(0xaa, RSM)
        .row(0xab, BTS, Ev, Gv)
        .lockable()
        .row(0xac, SHRD, Ev, Gv, Ib)
        .row(0xad, SHRD, Ev, Gv, CL);
    m.np(0xae, FXSAVE, M)
        .ext(0)
        .np(0xae, FXRSTOR, M)
        .ext(1)
        .np(0xae, LDMXCSR, Md)
        .ext(2)
        .np(0xae, STMXCSR, Md)
        .ext(3)
        .np(0xae, XSAVE, M)
        .ext(4)
        .np(0xae, XRSTOR, M)
        .ext(5)
        .np(0xae, XSAVEOPT, M)
        .ext(6)
        .p66(0xae, CLWB, Mb)
        .ext(6)
        .np(0xae, CLFLUSH, Mb)
        .ext(7)
        .p66(0xae, CLFLUSHOPT, Mb)
        .ext(7)
        .f3(0xae, RDFSBASE, Ry)
        .ext(0)
        .o64()
        .f3(0xae, RDGSBASE, Ry)
        .ext(1)
        .o64()
        .f3(0xae, WRFSBASE, Ry)
        .ext(2)
        .o64()
        .f3(0xae, WRGSBASE, Ry)
        .ext(3)
        .o64()
        .np(0xae, LFENCE)
        .ext(5)
        .reg()
        .np(0xae, MFENCE)
        .ext(6)
        .reg()
        .np(0xae, SFENCE)
        .ext(7)
        .reg()
        .row(0xaf, IMUL, Gv, Ev);
  }

  private static void fromB0(OpcodeMap m) {
    m.row(0xb0, CMPXCHG, Eb, Gb)
        .lockable()
        .row(0xb1, CMPXCHG, Ev, Gv)
        .lockable()
        .row(0xb2, LSS, Gv, Mp)
        .row(0xb3, BTR, Ev, Gv)
        .lockable()
        .row(0xb4, LFS, Gv, Mp)
        .row(0xb5, LGS, Gv, Mp)
        .row(0xb6, MOVZX, Gv, Eb)
        .row(0xb7, MOVZX, Gv, Ew)
        .f3(0xb8, POPCNT, Gv, Ev)
        .row(0xb9, UD1, Gv, Ev)
        .row(0xba, BT, Ev, Ib)
        .ext(4)
        .row(0xba, BTS, Ev, Ib)
        .ext(5)
        .lockable()
        .row(0xba, BTR, Ev, Ib)
        .ext(6)
        .lockable()
        .row(0xba, BTC, Ev, Ib)
        .ext(7)
        .lockable()
        .row(0xbb, BTC, Ev, Gv)
        .lockable()
        .row(0xbc, BSF, Gv, Ev)
        .prefix(Row.NP | Row.P66 | Row.PF2)
        .f3(0xbc, TZCNT, Gv, Ev)
        .row(0xbd, BSR, Gv, Ev)
        .prefix(Row.NP | Row.P66 | Row.PF2)
        .f3(0xbd, LZCNT, Gv, Ev)
        .row(0xbe, MOVSX, Gv, Eb)
        .row(0xbf, MOVSX, Gv, Ew);
  }

  private static void fromC0(OpcodeMap m) {
    m.row(0xc0, XADD, Eb, Gb)
        .lockable()
        .row(0xc1, XADD, Ev, Gv)
        .lockable()
        .np(0xc2, CMPPS, Vx, Wx, Ib)
        .p66(0xc2, CMPPD, Vx, Wx, Ib)
        .f3(0xc2, CMPSS, Vd, Wd, Ib)
        .f2(0xc2, CMPSD, Vq, Wq, Ib)
        .np(0xc3, MOVNTI, My, Gy)
        .np(0xc4, PINSRW, Pq, EdMw, Ib)
        .p66(0xc4, PINSRW, Vx, EdMw, Ib)
        .np(0xc5, PEXTRW, Gd, Nq, Ib)
        .p66(0xc5, PEXTRW, Gd, Ux, Ib)
        .np(0xc6, SHUFPS, Vx, Wx, Ib)
        .p66(0xc6, SHUFPD, Vx, Wx, Ib)
        .row(0xc7, CMPXCHG8B, Mq)
        .ext(1)
        .w(0)
        .lockable()
        .row(0xc7, CMPXCHG16B, Mdq)
        .ext(1)
        .w(1)
        .lockable()
        .np(0xc7, XRSTORS, M)
        .ext(3)
        .np(0xc7, XSAVEC, M)
        .ext(4)
        .np(0xc7, XSAVES, M)
        .ext(5)
        .row(0xc7, RDRAND, Rv)
        .ext(6)
        .prefix(Row.NP | Row.P66)
        .row(0xc7, RDSEED, Rv)
        .ext(7)
        .prefix(Row.NP | Row.P66)
        .f3(0xc7, RDPID, Rm)
        .ext(7);
    for (int r = 0; r < 8; r++) {
      m.row(0xc8 + r, BSWAP, Zv);
    }
  }

  private static void fromD0(OpcodeMap m) {
    m.p66(0xd0, ADDSUBPD, Vx, Wx)
        .f2(0xd0, ADDSUBPS, Vx, Wx)
        .mmxSse(0xd1, PSRLW)
        .mmxSse(0xd2, PSRLD)
        .mmxSse(0xd3, PSRLQ)
        .mmxSse(0xd4, PADDQ)
        .mmxSse(0xd5, PMULLW)
        .p66(0xd6, MOVQ, Wq, Vx)
        .f3(0xd6, MOVQ2DQ, Vx, Nq)
        .f2(0xd6, MOVDQ2Q, Pq, Ux)
        .np(0xd7, PMOVMSKB, Gd, Nq)
        .p66(0xd7, PMOVMSKB, Gd, Ux)
        .mmxSse(0xd8, PSUBUSB)
        .mmxSse(0xd9, PSUBUSW)
        .mmxSse(0xda, PMINUB)
        .mmxSse(0xdb, PAND)
        .mmxSse(0xdc, PADDUSB)
        .mmxSse(0xdd, PADDUSW)
        .mmxSse(0xde, PMAXUB)
        .mmxSse(0xdf, PANDN);
  }

  private static void fromE0(OpcodeMap m) {
    m.mmxSse(0xe0, PAVGB)
        .mmxSse(0xe1, PSRAW)
        .mmxSse(0xe2, PSRAD)
        .mmxSse(0xe3, PAVGW)
        .mmxSse(0xe4, PMULHUW)
        .mmxSse(0xe5, PMULHW)
        .p66(0xe6, CVTTPD2DQ, Vx, Wx)
        .f3(0xe6, CVTDQ2PD, Vx, Wq)
        .f2(0xe6, CVTPD2DQ, Vx, Wx)
        .np(0xe7, MOVNTQ, Mq, Pq)
        .p66(0xe7, MOVNTDQ, Mdq, Vx)
        .mmxSse(0xe8, PSUBSB)
        .mmxSse(0xe9, PSUBSW)
        .mmxSse(0xea, PMINSW)
        .mmxSse(0xeb, POR)
        .mmxSse(0xec, PADDSB)
        .mmxSse(0xed, PADDSW)
        .mmxSse(0xee, PMAXSW)
        .mmxSse(0xef, PXOR);
  }

  private static void fromF0(OpcodeMap m) {
    m.f2(0xf0, LDDQU, Vx, Mdq)
        .mmxSse(0xf1, PSLLW)
        .mmxSse(0xf2, PSLLD)
        .mmxSse(0xf3, PSLLQ)
        .mmxSse(0xf4, PMULUDQ)
        .mmxSse(0xf5, PMADDWD)
        .mmxSse(0xf6, PSADBW)
        .np(0xf7, MASKMOVQ, Pq, Nq)
        .p66(0xf7, MASKMOVDQU, Vx, Ux)
        .mmxSse(0xf8, PSUBB)
        .mmxSse(0xf9, PSUBW)
        .mmxSse(0xfa, PSUBD)
        .mmxSse(0xfb, PSUBQ)
        .mmxSse(0xfc, PADDB)
        .mmxSse(0xfd, PADDW)
        .mmxSse(0xfe, PADDD)
        .row(0xff, UD0, Gv, Ev);
  }
}
