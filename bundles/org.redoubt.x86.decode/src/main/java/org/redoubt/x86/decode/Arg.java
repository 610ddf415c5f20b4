package org.redoubt.x86.decode;

/**
 * An operand in an encoding, in the manual's notation: a capital for where it is encoded, small
 * letters for its width. APM Vol. 3, Appendix A.1.
 */
enum Arg {
  Eb(Where.E, W.B),
  Ew(Where.E, W.W),
  Ed(Where.E, W.D),
  Eq(Where.E, W.Q),
  Ev(Where.E, W.V),
  Ey(Where.E, W.Y),
  /** A register of the operand size, or a word in memory. */
  EvMw(Where.E, W.V, W.W),
  /** A 32-bit register, or a byte in memory. */
  EdMb(Where.E, W.D, W.B),
  /** A 32-bit register, or a word in memory. */
  EdMw(Where.E, W.D, W.W),
  /** A register of 64 bits in 64-bit mode, else 32. */
  Rm(Where.R, W.M),
  Ry(Where.R, W.Y),
  Rv(Where.R, W.V),
  Rw(Where.R, W.W),
  Rd(Where.R, W.D),
  Rq(Where.R, W.Q),
  Gb(Where.G, W.B),
  Gw(Where.G, W.W),
  Gd(Where.G, W.D),
  Gv(Where.G, W.V),
  Gy(Where.G, W.Y),
  Gz(Where.G, W.Z),
  /** As {@link #Gv}, of 64 bits in 64-bit mode whatever the prefix. */
  Gm(Where.G, W.M),
  By(Where.B, W.Y),
  Ib(Where.I, W.B),
  /** A byte, sign-extended. */
  Ibs(Where.I, W.BS),
  Iw(Where.I, W.W),
  Iz(Where.I, W.Z),
  Iv(Where.I, W.V),
  /** The second byte immediate. */
  Ib2(Where.I2, W.B),
  Jb(Where.J, W.B),
  Jz(Where.J, W.Z),
  Ap(Where.A, W.P),
  Ob(Where.O, W.B),
  Ov(Where.O, W.V),
  M(Where.M, W.NONE),
  Mb(Where.M, W.B),
  Mw(Where.M, W.W),
  Md(Where.M, W.D),
  Mq(Where.M, W.Q),
  Mdq(Where.M, W.DQ),
  Mt(Where.M, W.T),
  Mp(Where.M, W.P),
  My(Where.M, W.Y),
  Mv(Where.M, W.V),
  /** Two of the operand size: BOUND, CMPXCHG8B and 16B. */
  Ma(Where.M, W.A),
  Sw(Where.S, W.W),
  Cm(Where.C, W.M),
  Dm(Where.D, W.M),
  Zb(Where.Z, W.B),
  Zv(Where.Z, W.V),
  Xb(Where.X, W.B),
  Xv(Where.X, W.V),
  Xz(Where.X, W.Z),
  Yb(Where.YY, W.B),
  Yv(Where.YY, W.V),
  Yz(Where.YY, W.Z),
  AL(Where.FIXED, W.B, 0),
  CL(Where.FIXED, W.B, 1),
  AX(Where.FIXED, W.W, 0),
  DX(Where.FIXED, W.W, 2),
  EAXz(Where.FIXED, W.Z, 0),
  RAXv(Where.FIXED, W.V, 0),
  ONE(Where.ONE, W.B),
  ES(Where.SEG, W.W, 0),
  CS(Where.SEG, W.W, 1),
  SS(Where.SEG, W.W, 2),
  DS(Where.SEG, W.W, 3),
  FS(Where.SEG, W.W, 4),
  GS(Where.SEG, W.W, 5),
  Pq(Where.P, W.Q),
  Pd(Where.P, W.D),
  Qq(Where.Q, W.Q),
  Qd(Where.Q, W.D),
  Nq(Where.N, W.Q),
  /** A whole XMM register, or YMM register with VEX.L. */
  Vx(Where.V, W.X),
  /** A whole XMM register, whatever VEX.L. */
  Vdq(Where.V, W.DQ),
  Vd(Where.V, W.D),
  Vq(Where.V, W.Q),
  Wx(Where.WW, W.X),
  /** Half as long as the vector. */
  Wh(Where.WW, W.XH),
  /** A quarter as long as the vector. */
  Wf(Where.WW, W.XF),
  /** An eighth as long as the vector. */
  We(Where.WW, W.XE),
  Wdq(Where.WW, W.DQ),
  Wd(Where.WW, W.D),
  Wq(Where.WW, W.Q),
  Ww(Where.WW, W.W),
  Wb(Where.WW, W.B),
  Ux(Where.U, W.X),
  Ud(Where.U, W.D),
  Uq(Where.U, W.Q),
  /** The register of VEX.vvvv. */
  Hx(Where.H, W.X),
  Hd(Where.H, W.D),
  Hq(Where.H, W.Q),
  /** The register in bits 7:4 of an immediate. */
  Lx(Where.L, W.X),
  Mx(Where.M, W.X),
  /** A vector of addresses, of doublewords or quadwords in memory. */
  Mgd(Where.M, W.D),
  Mgq(Where.M, W.Q),
  /** The index register of such addresses. */
  Xx(Where.INDEX, W.X),
  Xh(Where.INDEX, W.XH),
  /** Half a vector in a register. */
  Vh(Where.V, W.XH),
  Hh(Where.H, W.XH),
  ST0(Where.STK, W.T, 0),
  STi(Where.STI, W.T);

  /** Where an operand is encoded. */
  enum Where {
    E,
    R,
    G,
    B,
    I,
    I2,
    J,
    A,
    O,
    M,
    S,
    C,
    D,
    Z,
    X,
    YY,
    FIXED,
    ONE,
    SEG,
    P,
    Q,
    N,
    V,
    WW,
    U,
    H,
    L,
    INDEX,
    STK,
    STI
  }

  /** Its width. */
  enum W {
    NONE,
    B,
    BS,
    W,
    D,
    Q,
    DQ,
    T,
    /** By operand size: 16, 32 or 64. */
    V,
    /** By operand size, at most 32. */
    Z,
    /** 64 with REX.W, else 32. */
    Y,
    /** 64 in 64-bit mode, else 32. */
    M,
    /** A far pointer: selector and offset. */
    P,
    /** Twice the operand size. */
    A,
    /** The vector length: 128 bits, or 256 with VEX.L. */
    X,
    /** Half of it. */
    XH,
    /** A quarter of it. */
    XF,
    /** An eighth of it. */
    XE;

    boolean byLength() {
      return ordinal() >= X.ordinal();
    }
  }

  final Where where;
  final W width;
  final W memoryWidth;
  final int reg;

  Arg(Where where, W width) {
    this(where, width, width, 0);
  }

  Arg(Where where, W width, W memoryWidth) {
    this(where, width, memoryWidth, 0);
  }

  Arg(Where where, W width, int reg) {
    this(where, width, width, reg);
  }

  Arg(Where where, W width, W memoryWidth, int reg) {
    this.where = where;
    this.width = width;
    this.memoryWidth = memoryWidth;
    this.reg = reg;
  }

  /** True when the memory operand is a vector of addresses. */
  boolean gathered() {
    return this == Mgd || this == Mgq;
  }

  /** True when ModRM.mod must not be 3. */
  boolean memoryOnly() {
    return where == Where.M;
  }

  /** True when ModRM.mod must be 3. */
  boolean registerOnly() {
    return switch (where) {
      case R, N, U, STI -> true;
      default -> false;
    };
  }

  /** True when the operand needs a ModRM byte. */
  boolean usesModRm() {
    return switch (where) {
      case E, R, G, M, S, C, D, P, Q, N, V, WW, U, STI -> true;
      default -> false;
    };
  }
}
