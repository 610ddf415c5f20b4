package org.redoubt.x86.decode;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * One form of an instruction: a row of the decoder's own maps, with a choice of mode, mandatory
 * prefix, operand size and register or memory. All that is left open is which registers, which
 * address, which immediate.
 *
 * <p>Lives in the decoder's package because it reads the rows themselves: what is in the maps is in
 * the test.
 */
public final class Form {
  private final Row row;
  private final int map;
  private final int opcode;
  private final int prefix;
  private final CodeSize size;
  private final boolean w;
  private final boolean l;
  private final boolean memory;

  private Form(
      Row row,
      int map,
      int opcode,
      int prefix,
      CodeSize size,
      boolean w,
      boolean l,
      boolean memory) {
    this.row = row;
    this.map = map;
    this.opcode = opcode;
    this.prefix = prefix;
    this.size = size;
    this.w = w;
    this.l = l;
    this.memory = memory;
  }

  /** Every form of 64-bit code, then of 32-bit code, then of 16-bit code. */
  public static List<Form> all() {
    List<Form> forms = new ArrayList<>();
    OpcodeMap[] maps = {PrimaryMap.MAP, SecondaryMap.MAP, Map38.MAP, Map3A.MAP};
    for (CodeSize size : new CodeSize[] {CodeSize.BITS64, CodeSize.BITS32, CodeSize.BITS16}) {
      for (int map = 0; map < maps.length; map++) {
        for (int opcode = 0; opcode < 256; opcode++) {
          for (Row row : maps[map].rows(opcode)) {
            addRow(forms, row, map, opcode, size);
          }
        }
      }
    }
    return forms;
  }

  private static void addRow(List<Form> forms, Row row, int map, int opcode, CodeSize size) {
    boolean wide = size == CodeSize.BITS64;
    if (wide ? row.not64 : row.only64) {
      return;
    }
    for (int prefix : prefixes(row)) {
      for (boolean w : new boolean[] {false, true}) {
        boolean possible =
            (wide || !w || row.vex && row.w == 1) && (row.w < 0 || row.w == (w ? 1 : 0));
        // REX.W makes 66 as an operand size void.
        if (!possible || (w && prefix == 0x66 && row.prefixes == Row.ANY_PREFIX)) {
          continue;
        }
        for (boolean l : new boolean[] {false, true}) {
          if (l ? row.vex && row.l != 0 : row.l != 1) {
            add(forms, row, map, opcode, prefix, size, w, l);
          }
        }
      }
    }
  }

  private static void add(
      List<Form> forms,
      Row row,
      int map,
      int opcode,
      int prefix,
      CodeSize size,
      boolean w,
      boolean l) {
    if (!row.modRm || !row.memoryOnly) {
      forms.add(new Form(row, map, opcode, prefix, size, w, l, false));
    }
    if (row.modRm && !row.registerOnly) {
      forms.add(new Form(row, map, opcode, prefix, size, w, l, true));
    }
  }

  private static Set<Integer> prefixes(Row row) {
    Set<Integer> set = new java.util.LinkedHashSet<>();
    if ((row.prefixes & Row.NP) != 0) {
      set.add(0);
    }
    if ((row.prefixes & Row.P66) != 0) {
      set.add(0x66);
    }
    boolean string = row.op.is(Trait.STRING);
    if ((row.prefixes & Row.PF3) != 0
        && (row.prefixes != Row.ANY_PREFIX || string)
        && !isMixed(row)) {
      set.add(0xf3);
    }
    if ((row.prefixes & Row.PF2) != 0
        && (row.prefixes != Row.ANY_PREFIX || string)
        && !isMixed(row)) {
      set.add(0xf2);
    }
    return set;
  }

  /** Rows that take F2 or F3 besides none only because those prefixes do nothing there. */
  private static boolean isMixed(Row row) {
    return row.prefixes != Row.ANY_PREFIX && (row.prefixes & Row.NP) != 0;
  }

  public Op op() {
    return row.op;
  }

  /** The CPUID feature of the encoding. */
  public Feature feature() {
    return l ? row.wideFeature : row.feature;
  }

  /** A VEX encoding. */
  public boolean vex() {
    return row.vex;
  }

  /** Bytes of a whole vector. */
  public int vectorBytes() {
    return l && row.vector() ? 32 : 16;
  }

  /** The memory operand is a vector of addresses. */
  public boolean gathers() {
    for (Arg a : row.args) {
      if (a.gathered()) {
        return true;
      }
    }
    return false;
  }

  /** The indexes of such addresses have 64 bits. */
  public boolean quadIndexes() {
    return (opcode & 1) != 0;
  }

  /** The code segment's size. */
  public CodeSize size() {
    return size;
  }

  /** 64-bit code. */
  public boolean wide() {
    return size == CodeSize.BITS64;
  }

  /** Has an operand that ModRM puts in memory. */
  public boolean memory() {
    return memory;
  }

  /** The encoding takes LOCK. */
  public boolean lockable() {
    return row.lockable && memory;
  }

  /** The operand is at an absolute address in the code. */
  public boolean absolute() {
    return has(Arg.Where.O);
  }

  /** A relative branch. */
  public boolean relative() {
    return has(Arg.Where.J);
  }

  public boolean farPointer() {
    return has(Arg.Where.A);
  }

  private boolean has(Arg.Where where) {
    for (Arg a : row.args) {
      if (a.where == where) {
        return true;
      }
    }
    return false;
  }

  /** Operand size in bits. */
  public int operandSize() {
    boolean size16 = prefix == 0x66;
    if (!wide()) {
      return size16 == (size == CodeSize.BITS32) ? 16 : 32;
    }
    if (row.force64 || w) {
      return 64;
    }
    return size16 ? 16 : row.default64 ? 64 : 32;
  }

  /** Repeats: F3 or F2 before a string operation. */
  public boolean repeats() {
    return row.op.is(Trait.STRING) && (prefix == 0xf3 || prefix == 0xf2);
  }

  /** What varies from case to case. */
  public static final class Choice {
    /** ModRM.reg with REX.R. */
    public int reg;

    /** ModRM.rm with REX.B, of a register form. */
    public int rm;

    /** The register of VEX.vvvv. */
    public int vexRegister;

    /** The register in an immediate. */
    public int immediateRegister;

    /** The two-byte VEX prefix, where it will do. */
    public boolean shortVex;

    public boolean lock;
    public boolean addressPrefix;

    /** A segment prefix without effect, or 0. */
    public int idlePrefix;

    public int base = -1;
    public int index = -1;
    public int scale;
    public int displacement;

    /** 0, 1 or 4 bytes of displacement. */
    public int displacementBytes;

    public boolean ripRelative;

    /** ModRM.rm of a 16-bit address, or -1. */
    public int address16 = -1;

    /** First immediate, relative target or absolute address. */
    public long immediate;

    public long immediate2;
  }

  /** The bytes. */
  public byte[] encode(Choice c) {
    Bytes out = new Bytes();
    if (c.idlePrefix != 0) {
      out.add(c.idlePrefix);
    }
    if (c.addressPrefix) {
      out.add(0x67);
    }
    if (c.lock) {
      out.add(0xf0);
    }
    if (prefix != 0 && !row.vex) {
      out.add(prefix);
    }
    prefixOfRegisters(out, c);
    out.add(opcode);
    if (row.modRm) {
      modRm(out, c);
    }
    immediates(out, c);
    return out.toArray();
  }

  private void prefixOfRegisters(Bytes out, Choice c) {
    int reg = row.ext >= 0 ? 0 : c.reg >> 3 & 1;
    int indexHigh = memory && c.index >= 0 ? c.index >> 3 & 1 : 0;
    int rmHigh = memory ? c.base >= 0 ? c.base >> 3 & 1 : 0 : row.rm >= 0 ? 0 : c.rm >> 3 & 1;
    if (row.vex) {
      int pp = prefix == 0x66 ? 1 : prefix == 0xf3 ? 2 : prefix == 0xf2 ? 3 : 0;
      boolean extended = wide();
      int inverted = extended ? (reg ^ 1) << 7 | (indexHigh ^ 1) << 6 | (rmHigh ^ 1) << 5 : 0xe0;
      boolean usesV = has(Arg.Where.B) || has(Arg.Where.H);
      int v = usesV ? c.vexRegister & (wide() ? 15 : 7) : 0;
      int last = (~v & 15) << 3 | (l ? 4 : 0) | pp;
      if (c.shortVex && map == 1 && !w && (inverted & 0x60) == 0x60) {
        out.add(0xc5);
        out.add(inverted & 0x80 | last);
        return;
      }
      out.add(0xc4);
      out.add(inverted | map);
      out.add((w ? 0x80 : 0) | last);
      return;
    }
    if (!row.modRm && !has(Arg.Where.Z)) {
      // No register is encoded; REX.B would make a NOP an XCHG.
      reg = 0;
      rmHigh = 0;
    }
    int rex = (w ? 8 : 0) | reg << 2 | indexHigh << 1 | rmHigh;
    if (wide() && (rex != 0 || (c.reg & 16) != 0)) {
      out.add(0x40 | rex);
    }
    if (map >= 1) {
      out.add(0x0f);
    }
    if (map >= 2) {
      out.add(map == 2 ? 0x38 : 0x3a);
    }
  }

  private void modRm(Bytes out, Choice c) {
    int reg = row.ext >= 0 ? row.ext : segmentLimited(c.reg & 7);
    if (!memory) {
      out.add(0xc0 | reg << 3 | (row.rm >= 0 ? row.rm : c.rm & 7));
      return;
    }
    if (c.address16 >= 0) {
      boolean direct = c.address16 == 6 && c.displacementBytes == 0;
      out.add((direct ? 0 : c.displacementBytes) << 6 | reg << 3 | c.address16);
      out.value(c.displacement, direct ? 2 : c.displacementBytes);
      return;
    }
    if (c.ripRelative) {
      out.add(reg << 3 | 5);
      out.value(c.displacement, 4);
      return;
    }
    if (c.base < 0) {
      out.add(reg << 3 | 4);
      out.add(c.scale << 6 | (c.index < 0 ? 4 : c.index & 7) << 3 | 5);
      out.value(c.displacement, 4);
      return;
    }
    int mod = c.displacementBytes == 0 ? 0 : c.displacementBytes == 1 ? 1 : 2;
    boolean sib = c.index >= 0 || (c.base & 7) == 4;
    out.add(mod << 6 | reg << 3 | (sib ? 4 : c.base & 7));
    if (sib) {
      out.add(c.scale << 6 | (c.index < 0 ? 4 : c.index & 7) << 3 | (c.base & 7));
    }
    out.value(c.displacement, c.displacementBytes);
  }

  private int segmentLimited(int reg) {
    return has(Arg.Where.S) ? reg % 6 : reg;
  }

  private void immediates(Bytes out, Choice c) {
    for (Arg a : row.args) {
      switch (a.where) {
        case I -> out.value(c.immediate, immediateBytes(a));
        case L -> out.add(c.immediateRegister << 4 | (int) c.immediate & 15);
        case I2 -> out.value(c.immediate2, immediateBytes(a));
        case J -> out.value(c.immediate, a.width == Arg.W.B ? 1 : operandSize() == 16 ? 2 : 4);
        case O -> out.value(c.immediate, addressBytes(c));
        default -> out.keep();
      }
    }
  }

  private int addressBytes(Choice c) {
    return switch (size) {
      case BITS64 -> c.addressPrefix ? 4 : 8;
      case BITS32 -> c.addressPrefix ? 2 : 4;
      case BITS16 -> c.addressPrefix ? 4 : 2;
    };
  }

  private int immediateBytes(Arg a) {
    return switch (a.width) {
      case B, BS -> 1;
      case W -> 2;
      case Z -> operandSize() == 16 ? 2 : 4;
      default -> operandSize() / 8;
    };
  }

  @Override
  public String toString() {
    StringBuilder s = new StringBuilder();
    s.append(row.op).append(" %d-bit".formatted(size.bits()));
    if (prefix != 0) {
      s.append(" %02x".formatted(prefix));
    }
    if (w) {
      s.append(" W");
    }
    s.append(new String[] {" ", " 0f ", " 0f38 ", " 0f3a "}[map]).append("%02x".formatted(opcode));
    if (row.ext >= 0) {
      s.append("/").append(row.ext);
    }
    if (row.vex) {
      s.append(l ? " L1" : " L0");
    }
    for (Arg a : row.args) {
      s.append(' ').append(a);
    }
    return s.append(memory ? " (memory)" : "").toString();
  }

  private static final class Bytes {
    private final byte[] buffer = new byte[32];
    private int length;

    void add(int b) {
      buffer[length++] = (byte) b;
    }

    void value(long value, int bytes) {
      for (int i = 0; i < bytes; i++) {
        add((int) (value >>> (8 * i)));
      }
    }

    void keep() {}

    byte[] toArray() {
      return java.util.Arrays.copyOf(buffer, length);
    }
  }
}
