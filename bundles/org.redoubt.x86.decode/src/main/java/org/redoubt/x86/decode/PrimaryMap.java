package org.redoubt.x86.decode;

import static org.redoubt.x86.decode.Arg.*;
import static org.redoubt.x86.decode.Op.*;

/** The primary opcode map, in opcode order. APM Vol. 3, Tables. */
final class PrimaryMap {
  static final OpcodeMap MAP = make();

  private PrimaryMap() {}

  private static OpcodeMap make() {
    OpcodeMap m = new OpcodeMap("primary");
    arithmetic(m);
    from40(m);
    from80(m);
    fromA0(m);
    fromC0(m);
    fromE0(m);
    X87Map.rows(m);
    return m.build();
  }

  /** The eight two-operand operations, in the order of opcode bits 5:3 and of group 1. */
  private static Op[] group1() {
    return new Op[] {ADD, Op.OR, ADC, SBB, AND, SUB, XOR, CMP};
  }

  private static void arithmetic(OpcodeMap m) {
    Op[] ops = group1();
    for (int i = 0; i < 8; i++) {
      m.row(i * 8, ops[i], Eb, Gb);
      lock(m, ops[i]);
      m.row(i * 8 + 1, ops[i], Ev, Gv);
      lock(m, ops[i]);
      m.row(i * 8 + 2, ops[i], Gb, Eb)
          .row(i * 8 + 3, ops[i], Gv, Ev)
          .row(i * 8 + 4, ops[i], AL, Ib)
          .row(i * 8 + 5, ops[i], RAXv, Iz);
    }
    m.row(0x06, PUSH_SREG, ES)
        .i64()
        .row(0x07, POP_SREG, ES)
        .i64()
        .row(0x0e, PUSH_SREG, CS)
        .i64()
        .row(0x16, PUSH_SREG, SS)
        .i64()
        .row(0x17, POP_SREG, SS)
        .i64()
        .row(0x1e, PUSH_SREG, DS)
        .i64()
        .row(0x1f, POP_SREG, DS)
        .i64()
        .row(0x27, DAA)
        .i64()
        .row(0x2f, DAS)
        .i64()
        .row(0x37, AAA)
        .i64()
        .row(0x3f, AAS)
        .i64();
  }

  private static void lock(OpcodeMap m, Op op) {
    if (op != CMP) {
      m.lockable();
    }
  }

  private static void from40(OpcodeMap m) {
    for (int r = 0; r < 8; r++) {
      m.row(0x40 + r, INC, Zv)
          .i64()
          .row(0x48 + r, DEC, Zv)
          .i64()
          .row(0x50 + r, PUSH, Zv)
          .d64()
          .row(0x58 + r, POP, Zv)
          .d64();
    }
    m.row(0x60, PUSHA)
        .i64()
        .row(0x61, POPA)
        .i64()
        .row(0x62, BOUND, Gv, Ma)
        .i64()
        .row(0x63, ARPL, Ew, Gw)
        .i64()
        .row(0x63, MOVSX, Gv, Ed)
        .o64()
        .row(0x68, PUSH, Iz)
        .d64()
        .row(0x69, IMUL, Gv, Ev, Iz)
        .row(0x6a, PUSH, Ibs)
        .d64()
        .row(0x6b, IMUL, Gv, Ev, Ibs)
        .row(0x6c, INS, Yb, DX)
        .row(0x6d, INS, Yz, DX)
        .row(0x6e, OUTS, DX, Xb)
        .row(0x6f, OUTS, DX, Xz);
    for (int cc = 0; cc < 16; cc++) {
      m.row(0x70 + cc, JCC, Jb).d64();
    }
  }

  private static void from80(OpcodeMap m) {
    Op[] ops = group1();
    for (int i = 0; i < 8; i++) {
      m.row(0x80, ops[i], Eb, Ib).ext(i);
      lock(m, ops[i]);
      m.row(0x81, ops[i], Ev, Iz).ext(i);
      lock(m, ops[i]);
      m.row(0x82, ops[i], Eb, Ib).ext(i).i64();
      lock(m, ops[i]);
      m.row(0x83, ops[i], Ev, Ibs).ext(i);
      lock(m, ops[i]);
    }
    m.row(0x84, TEST, Eb, Gb)
        .row(0x85, TEST, Ev, Gv)
        .row(0x86, XCHG, Eb, Gb)
        .lockable()
        .row(0x87, XCHG, Ev, Gv)
        .lockable()
        .row(0x88, MOV, Eb, Gb)
        .row(0x89, MOV, Ev, Gv)
        .row(0x8a, MOV, Gb, Eb)
        .row(0x8b, MOV, Gv, Ev)
        .row(0x8c, MOV_FROM_SREG, EvMw, Sw)
        .row(0x8d, LEA, Gv, M)
        .row(0x8e, MOV_SREG, Sw, Ew)
        .row(0x8f, POP, Ev)
        .ext(0)
        .d64();
    // 90 without REX.B is NOP or PAUSE; the decoder turns it back into XCHG r8 otherwise.
    m.row(0x90, NOP).prefix(Row.NP | Row.P66 | Row.PF2).f3(0x90, PAUSE);
    for (int r = 1; r < 8; r++) {
      m.row(0x90 + r, XCHG, RAXv, Zv);
    }
    m.row(0x98, CBW)
        .row(0x99, CWD)
        .row(0x9a, CALL_FAR, Ap)
        .i64()
        .row(0x9b, FWAIT)
        .row(0x9c, PUSHF)
        .d64()
        .row(0x9d, POPF)
        .d64()
        .row(0x9e, SAHF)
        .row(0x9f, LAHF);
  }

  private static void fromA0(OpcodeMap m) {
    m.row(0xa0, MOV, AL, Ob)
        .row(0xa1, MOV, RAXv, Ov)
        .row(0xa2, MOV, Ob, AL)
        .row(0xa3, MOV, Ov, RAXv)
        .row(0xa4, MOVS, Yb, Xb)
        .row(0xa5, MOVS, Yv, Xv)
        .row(0xa6, CMPS, Xb, Yb)
        .row(0xa7, CMPS, Xv, Yv)
        .row(0xa8, TEST, AL, Ib)
        .row(0xa9, TEST, RAXv, Iz)
        .row(0xaa, STOS, Yb, AL)
        .row(0xab, STOS, Yv, RAXv)
        .row(0xac, LODS, AL, Xb)
        .row(0xad, LODS, RAXv, Xv)
        .row(0xae, SCAS, AL, Yb)
        .row(0xaf, SCAS, RAXv, Yv);
    for (int r = 0; r < 8; r++) {
      m.row(0xb0 + r, MOV, Zb, Ib).row(0xb8 + r, MOV, Zv, Iv);
    }
  }

  private static void fromC0(OpcodeMap m) {
    Op[] shifts = {ROL, ROR, RCL, RCR, SHL, SHR, SHL, SAR};
    for (int i = 0; i < 8; i++) {
      m.row(0xc0, shifts[i], Eb, Ib)
          .ext(i)
          .row(0xc1, shifts[i], Ev, Ib)
          .ext(i)
          .row(0xd0, shifts[i], Eb, ONE)
          .ext(i)
          .row(0xd1, shifts[i], Ev, ONE)
          .ext(i)
          .row(0xd2, shifts[i], Eb, CL)
          .ext(i)
          .row(0xd3, shifts[i], Ev, CL)
          .ext(i);
    }
    m.row(0xc2, RET, Iw)
        .d64()
        .row(0xc3, RET)
        .d64()
        .row(0xc4, LES, Gz, Mp)
        .i64()
        .row(0xc5, LDS, Gz, Mp)
        .i64()
        .row(0xc6, MOV, Eb, Ib)
        .ext(0)
        .row(0xc7, MOV, Ev, Iz)
        .ext(0)
        .row(0xc8, ENTER, Iw, Ib2)
        .d64()
        .row(0xc9, LEAVE)
        .d64()
        .row(0xca, RETF, Iw)
        .row(0xcb, RETF)
        .row(0xcc, INT3)
        .row(0xcd, INT, Ib)
        .row(0xce, INTO)
        .i64()
        .row(0xcf, IRET)
        .row(0xd4, AAM, Ib)
        .i64()
        .row(0xd5, AAD, Ib)
        .i64()
        .row(0xd6, SALC)
        .i64()
        .row(0xd7, XLAT);
  }

  private static void fromE0(OpcodeMap m) {
    m.row(0xe0, LOOPNE, Jb)
        .d64()
        .row(0xe1, LOOPE, Jb)
        .d64()
        .row(0xe2, LOOP, Jb)
        .d64()
        .row(0xe3, JCXZ, Jb)
        .d64()
        .row(0xe4, IN, AL, Ib)
        .row(0xe5, IN, EAXz, Ib)
        .row(0xe6, OUT, Ib, AL)
        .row(0xe7, OUT, Ib, EAXz)
        .row(0xe8, CALL, Jz)
        .d64()
        .row(0xe9, JMP, Jz)
        .d64()
        .row(0xea, JMP_FAR, Ap)
        .i64()
        .row(0xeb, JMP, Jb)
        .d64()
        .row(0xec, IN, AL, DX)
        .row(0xed, IN, EAXz, DX)
        .row(0xee, OUT, DX, AL)
        .row(0xef, OUT, DX, EAXz)
        .row(0xf1, INT1)
        .row(0xf4, HLT)
        .row(0xf5, CMC)
        .row(0xf6, TEST, Eb, Ib)
        .ext(0)
        .row(0xf6, TEST, Eb, Ib)
        .ext(1)
        .row(0xf6, NOT, Eb)
        .ext(2)
        .lockable()
        .row(0xf6, NEG, Eb)
        .ext(3)
        .lockable()
        .row(0xf6, MUL, Eb)
        .ext(4)
        .row(0xf6, IMUL1, Eb)
        .ext(5)
        .row(0xf6, DIV, Eb)
        .ext(6)
        .row(0xf6, IDIV, Eb)
        .ext(7)
        .row(0xf7, TEST, Ev, Iz)
        .ext(0)
        .row(0xf7, TEST, Ev, Iz)
        .ext(1)
        .row(0xf7, NOT, Ev)
        .ext(2)
        .lockable()
        .row(0xf7, NEG, Ev)
        .ext(3)
        .lockable()
        .row(0xf7, MUL, Ev)
        .ext(4)
        .row(0xf7, IMUL1, Ev)
        .ext(5)
        .row(0xf7, DIV, Ev)
        .ext(6)
        .row(0xf7, IDIV, Ev)
        .ext(7)
        .row(0xf8, CLC)
        .row(0xf9, STC)
        .row(0xfa, CLI)
        .row(0xfb, STI)
        .row(0xfc, CLD)
        .row(0xfd, STD)
        .row(0xfe, INC, Eb)
        .ext(0)
        .lockable()
        .row(0xfe, DEC, Eb)
        .ext(1)
        .lockable()
        .row(0xff, INC, Ev)
        .ext(0)
        .lockable()
        .row(0xff, DEC, Ev)
        .ext(1)
        .lockable()
        .row(0xff, CALL, Ev)
        .ext(2)
        .d64()
        .row(0xff, CALL_FAR, Mp)
        .ext(3)
        .row(0xff, JMP, Ev)
        .ext(4)
        .d64()
        .row(0xff, JMP_FAR, Mp)
        .ext(5)
        .row(0xff, PUSH, Ev)
        .ext(6)
        .d64();
  }
}
