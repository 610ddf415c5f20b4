package org.redoubt.x86.decode;

/** One encoding: what must match, and what it means. */
final class Row {
  /** Effective mandatory prefix, as bits of {@link #prefixes}. */
  static final int NP = 1;

  static final int P66 = 2;
  static final int PF3 = 4;
  static final int PF2 = 8;
  static final int ANY_PREFIX = 15;

  final int opcode;
  final Op op;
  final Arg[] args;

  int prefixes = ANY_PREFIX;

  /** ModRM.reg, or -1. */
  int ext = -1;

  /** ModRM.rm, or -1. */
  int rm = -1;

  boolean memoryOnly;
  boolean registerOnly;
  boolean modRm;
  boolean not64;
  boolean only64;
  boolean lockable;

  /** Operand size is 64 by default in 64-bit mode, 16 with 66h. */
  boolean default64;

  /** Operand size is 64 in 64-bit mode, always. */
  boolean force64;

  /** REX.W or VEX.W: 0, 1, or -1 for either. VEX.W counts outside 64-bit mode too. */
  int w = -1;

  /** True when encoded by VEX. */
  boolean vex;

  /** VEX.L: 0, 1, or -1 for either. */
  int l = -1;

  /** The CPUID feature of this encoding. */
  Feature feature;

  /** The same with VEX.L = 1. */
  Feature wideFeature;

  Row(int opcode, Op op, Arg... args) {
    this.opcode = opcode;
    this.op = op;
    this.args = args;
    this.feature = op.feature();
    this.wideFeature = feature;
    for (Arg a : args) {
      memoryOnly |= a.memoryOnly();
      registerOnly |= a.registerOnly();
      modRm |= a.usesModRm();
    }
  }

  /** A VEX encoding. What is no extension of its own is AVX; general registers need L = 0. */
  void makeVex() {
    vex = true;
    switch (op.feature()) {
      case BMI1, BMI2 -> l = 0;
      case AVX, AVX2, FMA, F16C -> {}
      default -> {
        feature = Feature.AVX;
        wideFeature = Feature.AVX;
      }
    }
  }

  /** True when some operand is as long as VEX.L says; else the vector length is 128 bits. */
  boolean vector() {
    for (Arg a : args) {
      if (a.width.byLength()) {
        return true;
      }
    }
    return false;
  }

  boolean matches(int prefix, int modrm, boolean is64, boolean bitW, boolean isVex, boolean bitL) {
    return (prefixes & prefix) != 0
        && (ext < 0 || ext == (modrm >> 3 & 7))
        && (rm < 0 || rm == (modrm & 7))
        && !(memoryOnly && modrm >= 0xc0)
        && !(registerOnly && modrm < 0xc0)
        && !(is64 ? not64 : only64)
        && (w < 0 || (w == 1) == bitW)
        && (l < 0 || (l == 1) == bitL)
        && vex == isVex;
  }

  /** True when some encoding fits both rows. */
  boolean clashes(Row o) {
    return (prefixes & o.prefixes) != 0
        && (ext < 0 || o.ext < 0 || ext == o.ext)
        && (rm < 0 || o.rm < 0 || rm == o.rm)
        && !(memoryOnly && o.registerOnly)
        && !(registerOnly && o.memoryOnly)
        && !(not64 && o.only64)
        && !(only64 && o.not64)
        && (w < 0 || o.w < 0 || w == o.w)
        && (l < 0 || o.l < 0 || l == o.l)
        && vex == o.vex;
  }
}
