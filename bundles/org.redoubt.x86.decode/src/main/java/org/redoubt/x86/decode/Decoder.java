package org.redoubt.x86.decode;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Seg;

/**
 * Reads instructions. One decoder belongs to one thread; it keeps no state from one instruction to
 * the next. What the maps do not know becomes {@link Op#INVALID}.
 */
public final class Decoder {
  /** The longest legal instruction in bytes; a longer one raises #GP. */
  public static final int MAX_LENGTH = 15;

  private static final Operand[] NO_OPERANDS = {};

  // What the Insn takes over.
  long rip;
  CodeSize codeSize = CodeSize.BITS64;
  int opcode;
  int modrm;
  int operandSize;
  int addressSize;
  int segment;
  int base;
  int index;
  int scale;
  long disp;
  long imm;
  long imm2;
  int rep;
  boolean lock;
  int vector;
  int source;
  boolean sourceByLane;
  Feature feature = Feature.BASE;

  private byte[] code = {};
  private int start;
  private int pos;
  private int limit;
  private boolean truncated;
  private boolean tooLong;

  private boolean opsizePrefix;
  private int segmentOverride;
  private int rex;
  private boolean vex;
  private int vexRegister;
  private int vexPrefix;
  private boolean vexLong;
  private boolean vexWide;
  private int vectorIndex;
  private boolean gathered;
  private boolean ripRelative;

  /**
   * Decodes one instruction.
   *
   * @param bytes holds the code; not kept
   * @param offset where the instruction starts in it
   * @param end where the readable bytes end; see {@link #truncated()}
   * @param size of the code segment
   * @param address offset of the instruction in CS
   * @return the instruction; {@link Op#INVALID} if there is none, with a length above 15 if it is
   *     too long
   */
  public Insn decode(byte[] bytes, int offset, int end, CodeSize size, long address) {
    reset(bytes, offset, end, size, address);
    prefixes();
    OpcodeMap map = opcode();
    if (map.modRm(opcode)) {
      fetchModRm(map);
    }
    Row row = match(map);
    if (row == null || truncated || tooLong) {
      return invalid();
    }
    sizes(row);
    vector(row);
    Operand[] operands = operands(row);
    if (operands == null || truncated || tooLong || !legal(row, operands)) {
      return invalid();
    }
    if (ripRelative) {
      disp += rip + length();
      if (addressSize == 32) {
        disp &= 0xffff_ffffL;
      }
    }
    return new Insn(this, row.op, operands, width(row, operands));
  }

  /**
   * True when the last instruction needed bytes past the end. It is to be decoded again with more
   * of them; what was returned means nothing.
   */
  public boolean truncated() {
    return truncated && !tooLong;
  }

  int length() {
    return tooLong ? MAX_LENGTH + 1 : pos - start;
  }

  long wrapRip(long address) {
    return codeSize == CodeSize.BITS64 ? address : address & 0xffff_ffffL;
  }

  private void reset(byte[] bytes, int offset, int end, CodeSize size, long address) {
    code = bytes;
    start = offset;
    pos = offset;
    limit = end;
    codeSize = size;
    rip = address;
    truncated = false;
    tooLong = false;
    opsizePrefix = false;
    segmentOverride = -1;
    rex = 0;
    vex = false;
    vexRegister = 0;
    vexPrefix = 0;
    vexLong = false;
    vexWide = false;
    vectorIndex = Insn.NO_REG;
    gathered = false;
    vector = 0;
    source = 1;
    sourceByLane = false;
    feature = Feature.BASE;
    modrm = 0;
    ripRelative = false;
    rep = Insn.REP_NONE;
    lock = false;
    addressSize = size.bits();
    operandSize = size.bits() == 64 ? 32 : size.bits();
    segment = Seg.DS;
    base = Insn.NO_REG;
    index = Insn.NO_REG;
    scale = 0;
    disp = 0;
    imm = 0;
    imm2 = 0;
  }

  private Insn invalid() {
    lock = false;
    rep = Insn.REP_NONE;
    vector = 0;
    feature = Feature.BASE;
    return new Insn(this, Op.INVALID, NO_OPERANDS, operandSize);
  }

  private int next() {
    if (pos - start >= MAX_LENGTH) {
      tooLong = true;
      return 0;
    }
    if (pos >= limit) {
      truncated = true;
      return 0;
    }
    return code[pos++] & 0xff;
  }

  private long nextSigned(int bytes) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) next() << (8 * i);
    }
    int shift = 64 - 8 * bytes;
    return value << shift >> shift;
  }

  // Prefixes and opcode

  private void prefixes() {
    boolean address = false;
    while (true) {
      int b = next();
      if (truncated || tooLong) {
        return;
      }
      if (!legacyPrefix(b)) {
        if (b == 0x67) {
          address = true;
          rex = 0;
        } else if (codeSize == CodeSize.BITS64 && (b & 0xf0) == 0x40) {
          rex = b;
        } else {
          opcode = b;
          break;
        }
      } else {
        rex = 0;
      }
    }
    if (address) {
      addressSize =
          switch (codeSize) {
            case BITS16 -> 32;
            case BITS32 -> 16;
            case BITS64 -> 32;
          };
    }
  }

  private boolean legacyPrefix(int b) {
    switch (b) {
      case 0x66 -> opsizePrefix = true;
      case 0xf0 -> lock = true;
      case 0xf2 -> rep = Insn.REPNE;
      case 0xf3 -> rep = Insn.REP;
      case 0x26 -> override(Seg.ES);
      case 0x2e -> override(Seg.CS);
      case 0x36 -> override(Seg.SS);
      case 0x3e -> override(Seg.DS);
      case 0x64 -> segmentOverride = Seg.FS;
      case 0x65 -> segmentOverride = Seg.GS;
      default -> {
        return false;
      }
    }
    return true;
  }

  /** In 64-bit mode these four do nothing, and do not undo an FS or GS prefix. */
  private void override(int segmentRegister) {
    if (codeSize != CodeSize.BITS64) {
      segmentOverride = segmentRegister;
    }
  }

  private OpcodeMap opcode() {
    if (opcode == 0x0f) {
      opcode = next();
      if (opcode == 0x38) {
        opcode = next();
        return Map38.MAP;
      }
      if (opcode == 0x3a) {
        opcode = next();
        return Map3A.MAP;
      }
      return SecondaryMap.MAP;
    }
    if ((opcode == 0xc4 || opcode == 0xc5) && startsVex()) {
      return vexPrefix();
    }
    return PrimaryMap.MAP;
  }

  /** Outside 64-bit mode C4 and C5 are LES and LDS unless a register form follows. */
  private boolean startsVex() {
    if (codeSize == CodeSize.BITS64) {
      return true;
    }
    if (pos >= limit) {
      truncated = true;
      return false;
    }
    return (code[pos] & 0xc0) == 0xc0;
  }

  private OpcodeMap vexPrefix() {
    boolean illegal = opsizePrefix || rep != Insn.REP_NONE || lock || rex != 0;
    int map = 1;
    int b = next();
    int extension = ~b >> 5 & 4; // R
    int last = b;
    if (opcode == 0xc4) {
      map = b & 0x1f;
      extension = ~b >> 5 & 7; // R, X, B
      last = next();
      vexWide = (last & 0x80) != 0;
      extension |= last >> 4 & 8; // W
    }
    rex = codeSize == CodeSize.BITS64 ? 0x40 | extension : 0;
    if (codeSize != CodeSize.BITS64) {
      vexRegister = ~last >> 3 & 7;
    } else {
      vexRegister = ~last >> 3 & 15;
    }
    vexLong = (last & 4) != 0;
    vexPrefix = last & 3;
    vex = true;
    opcode = next();
    if (illegal) {
      return VexOnlyMap.NONE;
    }
    return switch (map) {
      case 1 -> SecondaryMap.MAP;
      case 2 -> Map38.MAP;
      case 3 -> Map3A.MAP;
      default -> VexOnlyMap.NONE;
    };
  }

  private static final class VexOnlyMap {
    static final OpcodeMap NONE = new OpcodeMap("none").build();
  }

  private void fetchModRm(OpcodeMap map) {
    modrm = next();
    // MOV to and from control and debug registers ignores the mod field.
    if (map == SecondaryMap.MAP && opcode >= 0x20 && opcode <= 0x23) {
      modrm |= 0xc0;
    }
  }

  private @org.jspecify.annotations.Nullable Row match(OpcodeMap map) {
    int prefix = mandatoryPrefix();
    boolean is64 = codeSize == CodeSize.BITS64;
    Row[] rows = map.rows(opcode);
    if (map == PrimaryMap.MAP && opcode == 0x90 && (rex & 1) != 0) {
      rows = map.rows(0x91);
    }
    boolean wide = vex ? vexWide : (rex & 8) != 0;
    for (Row r : rows) {
      if (r.matches(prefix, modrm, is64, wide, vex, vexLong)) {
        return r;
      }
    }
    return null;
  }

  /** F2 and F3 win over 66, which then only changes the operand size. */
  private int mandatoryPrefix() {
    if (vex) {
      return switch (vexPrefix) {
        case 0 -> Row.NP;
        case 1 -> Row.P66;
        case 2 -> Row.PF3;
        default -> Row.PF2;
      };
    }
    return switch (rep) {
      case Insn.REP -> Row.PF3;
      case Insn.REPNE -> Row.PF2;
      default -> opsizePrefix ? Row.P66 : Row.NP;
    };
  }

  private void sizes(Row row) {
    boolean is64 = codeSize == CodeSize.BITS64;
    if (is64 && (row.force64 || (rex & 8) != 0)) {
      operandSize = 64;
    } else if (is64 && row.default64) {
      operandSize = opsizePrefix ? 16 : 64;
    } else if (opsizePrefix) {
      operandSize = codeSize == CodeSize.BITS16 ? 32 : 16;
    }
  }

  private void vector(Row row) {
    feature = vexLong ? row.wideFeature : row.feature;
    if (!vex || row.op.feature() == Feature.BMI1 || row.op.feature() == Feature.BMI2) {
      return;
    }
    vector = vexLong && row.vector() ? 256 : 128;
    Arg[] args = row.args;
    if (args.length > 1) {
      source = args[0].where == Arg.Where.H || args[1].where == Arg.Where.H ? 2 : 1;
      sourceByLane = args.length > source && args[source].width.byLength();
      for (Arg a : args) {
        gathered |= a.gathered();
      }
    }
  }

  private boolean legal(Row row, Operand[] operands) {
    if (lock && !(row.lockable && operands[0].isMemory())) {
      return false;
    }
    if (!vex) {
      return true;
    }
    boolean usesRegister = false;
    for (Arg a : row.args) {
      usesRegister |= a.where == Arg.Where.B || a.where == Arg.Where.H;
    }
    return (usesRegister || vexRegister == 0) && (!gathered || gathers(operands));
  }

  /** Destination, index and mask of a gather are three registers; the address has a SIB byte. */
  private boolean gathers(Operand[] operands) {
    int destination = operands[0].reg;
    return vectorIndex != Insn.NO_REG
        && destination != vectorIndex
        && destination != vexRegister
        && vectorIndex != vexRegister;
  }

  private int width(Row row, Operand[] operands) {
    if (row.default64 || operands.length == 0) {
      return operandSize;
    }
    int first = row.op == Op.OUT || row.op == Op.OUTS ? 1 : 0;
    int width = operands[first].width;
    return width == 0 ? operandSize : width;
  }

  // Operands

  private Operand @org.jspecify.annotations.Nullable [] operands(Row row) {
    int n = row.args.length;
    if (row.modRm && modrm < 0xc0) {
      address();
    } else if (segmentOverride >= 0) {
      segment = segmentOverride;
    }
    if (n == 0) {
      return NO_OPERANDS;
    }
    Operand[] result = new Operand[n];
    for (int i = 0; i < n; i++) {
      Operand o = operand(row.args[i]);
      if (o == null) {
        return null;
      }
      result[i] = o;
    }
    return result;
  }

  private @org.jspecify.annotations.Nullable Operand operand(Arg a) {
    int width = bits(a.width);
    return switch (a.where) {
      case E, R, M -> modrm < 0xc0 ? memory(bits(a.memoryWidth)) : gpr(rm(), width);
      case G -> gpr(reg(), width);
      case B -> gpr(vexRegister, width);
      case Z -> gpr(opcode & 7 | (rex & 1) << 3, width);
      case FIXED -> Operand.of(Operand.GPR, a.reg, width);
      case P -> Operand.of(Operand.MMX, modrm >> 3 & 7, width);
      case Q, N -> modrm < 0xc0 ? memory(width) : Operand.of(Operand.MMX, modrm & 7, width);
      case V -> Operand.of(Operand.XMM, reg(), width);
      case H -> Operand.of(Operand.XMM, vexRegister, width);
      case WW, U -> modrm < 0xc0 ? memory(width) : Operand.of(Operand.XMM, rm(), width);
      case STK -> Operand.of(Operand.ST, 0, width);
      case STI -> Operand.of(Operand.ST, modrm & 7, width);
      case X, YY -> memory(width);
      default -> otherOperand(a, width);
    };
  }

  private @org.jspecify.annotations.Nullable Operand otherOperand(Arg a, int width) {
    return switch (a.where) {
      case I, I2 -> immediate(a, width);
      case L -> {
        imm = next();
        int register = (int) imm >> 4 & (codeSize == CodeSize.BITS64 ? 15 : 7);
        yield Operand.of(Operand.XMM, register, width);
      }
      case INDEX -> vectorIndex == Insn.NO_REG ? null : Operand.of(Operand.XMM, vectorIndex, width);
      case ONE -> {
        imm = 1;
        yield Operand.of(Operand.IMMEDIATE, 0, 8);
      }
      case J -> target(a);
      case A -> far();
      case O -> moffs(width);
      case S -> segmentRegister();
      case SEG -> Operand.of(Operand.SEGMENT, a.reg, 16);
      case C -> controlRegister(width);
      case D -> reg() < 8 ? Operand.of(Operand.DEBUG, reg(), width) : null;
      default -> throw new AssertionError("bug: no decoder for " + a);
    };
  }

  private Operand immediate(Arg a, int width) {
    long value =
        switch (a.width) {
          case B -> next();
          case W -> nextSigned(2) & 0xffff;
          case BS -> nextSigned(1);
          default -> nextSigned(a.width == Arg.W.Z && width == 64 ? 4 : width / 8);
        };
    if (a.where == Arg.Where.I2) {
      imm2 = value;
      return Operand.of(Operand.IMMEDIATE2, 0, width);
    }
    imm = value;
    return Operand.of(Operand.IMMEDIATE, 0, width);
  }

  private Operand target(Arg a) {
    int bytes = a.width == Arg.W.B ? 1 : operandSize == 16 ? 2 : 4;
    long offset = nextSigned(bytes);
    long target = rip + length() + offset;
    imm =
        switch (operandSize) {
          case 16 -> target & 0xffff;
          case 32 -> target & 0xffff_ffffL;
          default -> target;
        };
    return Operand.of(Operand.TARGET, 0, operandSize);
  }

  private Operand far() {
    imm = nextSigned(operandSize / 8) & (operandSize == 16 ? 0xffffL : 0xffff_ffffL);
    imm2 = nextSigned(2) & 0xffff;
    return Operand.of(Operand.FAR, 0, operandSize);
  }

  private Operand moffs(int width) {
    disp = nextSigned(addressSize / 8);
    if (addressSize != 64) {
      disp &= addressSize == 32 ? 0xffff_ffffL : 0xffffL;
    }
    return memory(width);
  }

  private @org.jspecify.annotations.Nullable Operand segmentRegister() {
    int reg = modrm >> 3 & 7;
    if (reg > Seg.GS || (reg == Seg.CS && opcode == 0x8e)) {
      return null;
    }
    return Operand.of(Operand.SEGMENT, reg, 16);
  }

  private @org.jspecify.annotations.Nullable Operand controlRegister(int width) {
    return switch (reg()) {
      case 0, 2, 3, 4, 8 -> Operand.of(Operand.CONTROL, reg(), width);
      default -> null;
    };
  }

  private int bits(Arg.W w) {
    return switch (w) {
      case NONE -> 0;
      case B -> 8;
      case W -> 16;
      case D -> 32;
      case Q -> 64;
      case DQ -> 128;
      case T -> 80;
      case V, P, BS -> operandSize;
      case Z -> operandSize == 64 && isPortOrRegister() ? 32 : operandSize;
      case Y -> codeSize == CodeSize.BITS64 && (rex & 8) != 0 ? 64 : 32;
      case M -> codeSize == CodeSize.BITS64 ? 64 : 32;
      case A -> operandSize * 2;
      case X -> vexLong ? 256 : 128;
      case XH -> vexLong ? 128 : 64;
      case XF -> vexLong ? 64 : 32;
      case XE -> vexLong ? 32 : 16;
    };
  }

  /** Ports are never wider than 32 bits; an immediate keeps the width that it is extended to. */
  private boolean isPortOrRegister() {
    return switch (opcode) {
      case 0x6d, 0x6f, 0xe5, 0xe7, 0xed, 0xef -> true;
      default -> false;
    };
  }

  private int reg() {
    return modrm >> 3 & 7 | (rex & 4) << 1;
  }

  private int rm() {
    return modrm & 7 | (rex & 1) << 3;
  }

  private Operand gpr(int reg, int width) {
    if (width == 8 && rex == 0 && reg >= 4 && reg < 8) {
      return Operand.of(Operand.GPR_HIGH, reg - 4, 8);
    }
    return Operand.of(Operand.GPR, reg, width);
  }

  private static Operand memory(int width) {
    return Operand.of(Operand.MEMORY, 0, width);
  }

  // Addresses

  private void address() {
    if (addressSize == 16) {
      address16();
    } else {
      address32();
    }
    if (segmentOverride >= 0) {
      segment = segmentOverride;
    }
  }

  private void address16() {
    int mod = modrm >> 6;
    int rm = modrm & 7;
    switch (rm) {
      case 0 -> pair(Gpr.RBX, Gpr.RSI);
      case 1 -> pair(Gpr.RBX, Gpr.RDI);
      case 2 -> pair(Gpr.RBP, Gpr.RSI);
      case 3 -> pair(Gpr.RBP, Gpr.RDI);
      case 4 -> base = Gpr.RSI;
      case 5 -> base = Gpr.RDI;
      case 6 -> base = mod == 0 ? Insn.NO_REG : Gpr.RBP;
      default -> base = Gpr.RBX;
    }
    if (base == Gpr.RBP) {
      segment = Seg.SS;
    }
    if (mod == 1) {
      disp = nextSigned(1);
    } else if (mod == 2 || rm == 6 && mod == 0) {
      disp = nextSigned(2);
    }
  }

  private void pair(int first, int second) {
    base = first;
    index = second;
  }

  private void address32() {
    int mod = modrm >> 6;
    int low = modrm & 7;
    boolean noBase = mod == 0 && low == 5;
    if (low == 4) {
      int sib = next();
      scale = sib >> 6;
      index = sib >> 3 & 7 | (rex & 2) << 2;
      if (gathered) {
        vectorIndex = index;
        index = Insn.NO_REG;
      } else if (index == Gpr.RSP) {
        index = Insn.NO_REG;
        scale = 0;
      }
      low = sib & 7;
      noBase = mod == 0 && low == 5;
    } else if (noBase && codeSize == CodeSize.BITS64) {
      ripRelative = true;
    }
    if (!noBase) {
      base = low | (rex & 1) << 3;
      if (base == Gpr.RSP || base == Gpr.RBP) {
        segment = Seg.SS;
      }
    }
    if (mod == 1) {
      disp = nextSigned(1);
    } else if (mod == 2 || noBase) {
      disp = nextSigned(4);
    }
  }
}
