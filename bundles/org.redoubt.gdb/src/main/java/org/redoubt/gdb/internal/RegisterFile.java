package org.redoubt.gdb.internal;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.spec.x86.Msr;

/**
 * The registers as gdb numbers them, and the target description that tells it so. GDB manual,
 * appendix G.5.9 (i386 features): core, sse and segments have names and sizes that gdb insists on;
 * the feature {@code org.redoubt.x86.system} is ours.
 */
final class RegisterFile {
  /** RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8 and on: indexes of {@link CpuState#gpr}. */
  private static final int[] GPRS = {0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};

  private static final String[] GPR_NAMES = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15"
  };
  private static final int[] SEGMENTS = {
    CpuState.CS, CpuState.SS, CpuState.DS, CpuState.ES, CpuState.FS, CpuState.GS
  };
  private static final String[] SEGMENT_NAMES = {"cs", "ss", "ds", "es", "fs", "gs"};

  // Offsets in the legacy region of an XSAVE area. APM Vol. 2, Figure 11-8.
  private static final int FCW = 0;
  private static final int FSW = 2;
  private static final int FTW = 4;
  private static final int FOP = 6;
  private static final int FIP = 8;
  private static final int FDP = 16;
  private static final int MXCSR = 24;
  private static final int ST = 32;
  private static final int XMM = 160;
  private static final int XSTATE_BV = 512;
  private static final int X87_AND_SSE = 3;

  private static final int CR0_PE = 1;

  /** One register; values are little-endian bytes. */
  private record Register(
      String name,
      int bits,
      String type,
      String group,
      Function<CpuState, byte[]> get,
      BiConsumer<CpuState, byte[]> set) {}

  private static final List<Register> ALL = new ArrayList<>();
  private static final String DESCRIPTION = describe();

  private RegisterFile() {}

  // What there is

  private static String describe() {
    StringBuilder xml = new StringBuilder(8000);
    xml.append(
        """
        <?xml version="1.0"?>
        <!DOCTYPE target SYSTEM "gdb-target.dtd">
        <target version="1.0">
        <architecture>i386:x86-64</architecture>
        """);
    feature(xml, "org.gnu.gdb.i386.core", FLAGS, RegisterFile::core);
    feature(xml, "org.gnu.gdb.i386.sse", VECTORS, RegisterFile::sse);
    feature(xml, "org.gnu.gdb.i386.segments", "", RegisterFile::segmentBases);
    feature(xml, "org.redoubt.x86.system", "", RegisterFile::system);
    return xml.append("</target>\n").toString();
  }

  private static void feature(StringBuilder xml, String name, String types, Runnable make) {
    int first = ALL.size();
    make.run();
    xml.append("<feature name=\"%s\">\n%s".formatted(name, types));
    for (Register one : ALL.subList(first, ALL.size())) {
      xml.append(
          "<reg name=\"%s\" bitsize=\"%d\" type=\"%s\"%s/>\n"
              .formatted(
                  one.name,
                  one.bits,
                  one.type,
                  one.group.isEmpty() ? "" : " group=\"" + one.group + "\""));
    }
    xml.append("</feature>\n");
  }

  private static final String FLAGS =
      """
      <flags id="i386_eflags" size="4">
      <field name="CF" start="0" end="0"/>
      <field name="" start="1" end="1"/>
      <field name="PF" start="2" end="2"/>
      <field name="AF" start="4" end="4"/>
      <field name="ZF" start="6" end="6"/>
      <field name="SF" start="7" end="7"/>
      <field name="TF" start="8" end="8"/>
      <field name="IF" start="9" end="9"/>
      <field name="DF" start="10" end="10"/>
      <field name="OF" start="11" end="11"/>
      <field name="NT" start="14" end="14"/>
      <field name="RF" start="16" end="16"/>
      <field name="VM" start="17" end="17"/>
      <field name="AC" start="18" end="18"/>
      <field name="VIF" start="19" end="19"/>
      <field name="VIP" start="20" end="20"/>
      <field name="ID" start="21" end="21"/>
      </flags>
      """;

  private static final String VECTORS =
      """
      <vector id="v4f" type="ieee_single" count="4"/>
      <vector id="v2d" type="ieee_double" count="2"/>
      <vector id="v16i8" type="int8" count="16"/>
      <vector id="v8i16" type="int16" count="8"/>
      <vector id="v4i32" type="int32" count="4"/>
      <vector id="v2i64" type="int64" count="2"/>
      <union id="vec128">
      <field name="v4_float" type="v4f"/>
      <field name="v2_double" type="v2d"/>
      <field name="v16_int8" type="v16i8"/>
      <field name="v8_int16" type="v8i16"/>
      <field name="v4_int32" type="v4i32"/>
      <field name="v2_int64" type="v2i64"/>
      <field name="uint128" type="uint128"/>
      </union>
      <flags id="i386_mxcsr" size="4">
      <field name="IE" start="0" end="0"/>
      <field name="DE" start="1" end="1"/>
      <field name="ZE" start="2" end="2"/>
      <field name="OE" start="3" end="3"/>
      <field name="UE" start="4" end="4"/>
      <field name="PE" start="5" end="5"/>
      <field name="DAZ" start="6" end="6"/>
      <field name="IM" start="7" end="7"/>
      <field name="DM" start="8" end="8"/>
      <field name="ZM" start="9" end="9"/>
      <field name="OM" start="10" end="10"/>
      <field name="UM" start="11" end="11"/>
      <field name="PM" start="12" end="12"/>
      <field name="FZ" start="15" end="15"/>
      </flags>
      """;

  /** Reads a number. */
  private interface Getter {
    long of(CpuState state);
  }

  /** Sets a number. */
  private interface Setter {
    void to(CpuState state, long value);
  }

  private static void add(
      String name, int bits, String type, String group, Getter get, Setter set) {
    ALL.add(
        new Register(
            name,
            bits,
            type,
            group,
            state -> little(get.of(state), bits / 8),
            (state, bytes) -> set.to(state, number(bytes))));
  }

  private static void core() {
    for (int i = 0; i < GPRS.length; i++) {
      int at = GPRS[i];
      String type = at == 4 || at == 5 ? "data_ptr" : "int64";
      add(GPR_NAMES[i], 64, type, "", s -> s.gpr[at], (s, v) -> s.gpr[at] = v);
    }
    add("rip", 64, "code_ptr", "", s -> s.rip, RegisterFile::jump);
    add("eflags", 32, "i386_eflags", "", s -> s.rflags, (s, v) -> s.rflags = v);
    for (int i = 0; i < SEGMENTS.length; i++) {
      int at = SEGMENTS[i];
      add(SEGMENT_NAMES[i], 32, "int32", "", s -> s.selector[at], (s, v) -> select(s, at, v));
    }
    for (int i = 0; i < 8; i++) {
      int at = ST + 16 * i;
      ALL.add(
          new Register(
              "st" + i,
              80,
              "i387_ext",
              "",
              s -> java.util.Arrays.copyOfRange(s.xsave, at, at + 10),
              (s, bytes) -> put(s, at, bytes)));
    }
    legacy("fctrl", FCW, 2);
    legacy("fstat", FSW, 2);
    add("ftag", 32, "int", "float", RegisterFile::tags, RegisterFile::setTags);
    legacy("fiseg", FIP + 4, 2);
    legacy("fioff", FIP, 4);
    legacy("foseg", FDP + 4, 2);
    legacy("fooff", FDP, 4);
    legacy("fop", FOP, 2);
  }

  private static void sse() {
    for (int i = 0; i < 16; i++) {
      int at = XMM + 16 * i;
      ALL.add(
          new Register(
              "xmm" + i,
              128,
              "vec128",
              "",
              s -> java.util.Arrays.copyOfRange(s.xsave, at, at + 16),
              (s, bytes) -> put(s, at, bytes)));
    }
    add(
        "mxcsr",
        32,
        "i386_mxcsr",
        "vector",
        s -> area(s).getInt(MXCSR),
        (s, v) -> put(s, MXCSR, little(v, 4)));
  }

  private static void segmentBases() {
    add("fs_base", 64, "int", "", s -> s.base[CpuState.FS], (s, v) -> s.base[CpuState.FS] = v);
    add("gs_base", 64, "int", "", s -> s.base[CpuState.GS], (s, v) -> s.base[CpuState.GS] = v);
  }

  private static void system() {
    add(
        "k_gs_base",
        64,
        "int",
        "system",
        s -> msr(s, Msr.KERNEL_GS_BASE),
        (s, v) -> {
          s.msr.put(Msr.KERNEL_GS_BASE, v);
        });
    add("cr0", 64, "int", "system", s -> s.cr0, (s, v) -> s.cr0 = v);
    add("cr2", 64, "int", "system", s -> s.cr2, (s, v) -> s.cr2 = v);
    add("cr3", 64, "int", "system", s -> s.cr3, (s, v) -> s.cr3 = v);
    add("cr4", 64, "int", "system", s -> s.cr4, (s, v) -> s.cr4 = v);
    add("cr8", 64, "int", "system", s -> s.cr8, (s, v) -> s.cr8 = v & 15);
    add("efer", 64, "int", "system", s -> msr(s, Msr.EFER), (s, v) -> s.msr.put(Msr.EFER, v));
  }

  private static void legacy(String name, int at, int bytes) {
    add(
        name,
        32,
        "int",
        "float",
        s -> bytes == 2 ? area(s).getShort(at) & 0xffff : area(s).getInt(at),
        (s, v) -> put(s, at, little(v, bytes)));
  }

  // How they are in a vCPU's state

  private static ByteBuffer area(CpuState state) {
    return ByteBuffer.wrap(state.xsave).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Into the XSAVE area; what was initial is no more. */
  private static void put(CpuState state, int at, byte[] bytes) {
    System.arraycopy(bytes, 0, state.xsave, at, bytes.length);
    state.xsave[XSTATE_BV] |= X87_AND_SSE;
  }

  private static long msr(CpuState state, int number) {
    return state.msr.getOrDefault(number, 0L);
  }

  /** Who is sent elsewhere is no longer in HLT. */
  private static void jump(CpuState state, long rip) {
    state.rip = rip;
    state.halted = false;
    state.interruptShadow = false;
  }

  /** Real mode only: elsewhere a selector alone does not make a segment. */
  private static void select(CpuState state, int segment, long selector) {
    if ((state.cr0 & CR0_PE) != 0 || selector >>> 16 != 0) {
      throw new IllegalArgumentException("segments can be set in real mode only");
    }
    state.selector[segment] = (int) selector;
    state.base[segment] = selector << 4;
  }

  /** The tag word in full from the abridged one. APM Vol. 1, 6.2.4. */
  private static long tags(CpuState state) {
    int abridged = state.xsave[FTW] & 0xff;
    int top = area(state).getShort(FSW) >> 11 & 7;
    long tags = 0;
    for (int physical = 0; physical < 8; physical++) {
      int tag = 3;
      if ((abridged >> physical & 1) != 0) {
        int at = ST + 16 * (physical - top & 7);
        long fraction = area(state).getLong(at);
        int exponent = area(state).getShort(at + 8) & 0x7fff;
        boolean zero = exponent == 0 && fraction == 0;
        tag = zero ? 1 : exponent == 0 || exponent == 0x7fff || fraction >= 0 ? 2 : 0;
      }
      tags |= (long) tag << 2 * physical;
    }
    return tags;
  }

  private static void setTags(CpuState state, long tags) {
    int abridged = 0;
    for (int physical = 0; physical < 8; physical++) {
      abridged |= (tags >> 2 * physical & 3) == 3 ? 0 : 1 << physical;
    }
    put(state, FTW, new byte[] {(byte) abridged});
  }

  private static byte[] little(long value, int bytes) {
    byte[] result = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      result[i] = (byte) (value >>> 8 * i);
    }
    return result;
  }

  private static long number(byte[] bytes) {
    long value = 0;
    for (int i = bytes.length - 1; i >= 0; i--) {
      value = value << 8 | bytes[i] & 0xff;
    }
    return value;
  }

  // As packets have them

  /** The target description. */
  static String description() {
    return DESCRIPTION;
  }

  static int count() {
    return ALL.size();
  }

  /** All registers, in hexadecimal, as {@code g} answers. */
  static String all(CpuState state) {
    StringBuilder text = new StringBuilder(1200);
    for (Register one : ALL) {
      text.append(Hex.text(one.get.apply(state)));
    }
    return text.toString();
  }

  /** One register, as {@code p} answers. */
  static String one(CpuState state, int number) {
    return Hex.text(ALL.get(number).get.apply(state));
  }

  /**
   * Sets one register; one that keeps its value is left alone.
   *
   * @throws IllegalArgumentException if its value cannot be, or has another size
   */
  static void set(CpuState state, int number, String hex) {
    Register register = ALL.get(number);
    byte[] bytes = Hex.bytes(hex);
    if (bytes.length != register.bits / 8) {
      throw new IllegalArgumentException("%s has %d bits".formatted(register.name, register.bits));
    }
    if (!new BigInteger(bytes).equals(new BigInteger(register.get.apply(state)))) {
      register.set.accept(state, bytes);
    }
  }

  /**
   * Sets all registers, as {@code G} gives them.
   *
   * @throws IllegalArgumentException as {@link #set}
   */
  static void setAll(CpuState state, String hex) {
    int at = 0;
    for (int i = 0; i < ALL.size(); i++) {
      int digits = ALL.get(i).bits / 4;
      if (hex.length() < at + digits) {
        throw new IllegalArgumentException("%d digits are too few".formatted(hex.length()));
      }
      set(state, i, hex.substring(at, at + digits));
      at += digits;
    }
  }
}
