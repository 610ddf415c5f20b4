package org.redoubt.x86.exec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Efer;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * Saving and restoring x87, SSE and AVX state as a whole: FXSAVE and the XSAVE family, MXCSR. APM
 * Vol. 2, 11.4.4 and 11.5; APM Vol. 4 and 5.
 *
 * <pre>
 *     0h  FCW 2  FSW 2  FTW 1  -  FOP 2      8h  FIP 8 (or 4, CS 2)     10h  FDP 8 (or 4, DS 2)
 *    18h  MXCSR 4  MXCSR_MASK 4             20h  ST0 to ST7, 16 each
 *    a0h  XMM0 to XMM15, 16 each           200h  XSTATE_BV 8  XCOMP_BV 8  reserved 48
 *   240h  upper halves of YMM0 to YMM15, 16 each
 *   340h  PKRU 4  reserved 4
 * </pre>
 *
 * <p>The compacted format has PKRU at 240h if the upper halves of YMM are not among its components.
 */
public final class StateSave {
  /** Bytes of an image in standard format: legacy region, header, AVX state and PKRU. */
  public static final int BYTES = 840;

  private static final int X87 = 1;
  private static final int SSE = 2;
  private static final int AVX = 4;
  private static final int PKRU = 1 << 9;
  private static final int SUPPORTED = X87 | SSE | AVX | PKRU;
  private static final long COMPACT = 1L << 63;

  private static final int MXCSR_WORD = 3;
  private static final int ST_WORDS = 4;
  private static final int XMM_WORDS = 20;
  private static final int LEGACY_BYTES = 416;
  private static final int HEADER = 512;
  private static final int BASE_BYTES = 576;
  private static final int YMM_BYTES = 256;
  private static final int PKRU_BYTES = 8;
  private static final int PKRU_AT = BASE_BYTES + YMM_BYTES;
  private static final int YMM_WORDS = BASE_BYTES / 8;

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private StateSave() {}

  static void bind() {
    Meanings.bind(Op.LDMXCSR, StateSave::ldmxcsr);
    Meanings.bind(Op.STMXCSR, StateSave::stmxcsr);
    Meanings.bind(Op.FXSAVE, StateSave::fxsave);
    Meanings.bind(Op.FXRSTOR, StateSave::fxrstor);
    Meanings.bind(Op.XSAVE, StateSave::xsave);
    Meanings.bind(Op.XSAVEOPT, StateSave::xsaveopt);
    Meanings.bind(Op.XSAVEC, StateSave::xsavec);
    Meanings.bind(Op.XSAVES, StateSave::xsaves);
    Meanings.bind(Op.XRSTOR, StateSave::xrstor);
    Meanings.bind(Op.XRSTORS, StateSave::xrstors);
  }

  // --- MXCSR
  // -------------------------------------------------------------------------------------------------------

  /** LDMXCSR: #GP for reserved bits. APM4. */
  static void ldmxcsr(Cpu c, Insn in) {
    checkSse(c, in);
    int value = (int) Operands.load(c, in, 0);
    if ((value & ~Fpu.MXCSR_MASK) != 0) {
      throw c.generalProtection();
    }
    c.fpu.setMxcsr(value);
  }

  /** STMXCSR. APM4. */
  static void stmxcsr(Cpu c, Insn in) {
    checkSse(c, in);
    Operands.store(c, in, 0, c.fpu.mxcsr());
  }

  private static void checkSse(Cpu c, Insn in) {
    if (in.vector == 0) {
      Simd.checkSse(c);
    }
  }

  // --- FXSAVE
  // ------------------------------------------------------------------------------------------------------

  /** FXSAVE: x87 and SSE state to 512 bytes of memory. APM4. */
  static void fxsave(Cpu c, Insn in) {
    checkFxsr(c);
    long gva = area(c, in, 16, true);
    int registers = fast(c) ? 0 : xmmRegisters(c);
    Mem.checkWrite(c, gva, HEADER);
    image(c.fpu, wide(in));
    store(c, gva, 0, ST_WORDS + 16);
    store(c, gva, XMM_WORDS, 2 * registers);
  }

  /** FXRSTOR: x87 and SSE state from memory; #GP for reserved bits of MXCSR. APM4. */
  static void fxrstor(Cpu c, Insn in) {
    checkFxsr(c);
    long gva = area(c, in, 16, false);
    Fpu f = c.fpu;
    int registers = fast(c) ? 0 : xmmRegisters(c);
    Mem.checkRead(c, gva, HEADER);
    load(c, gva, 0, XMM_WORDS + 2 * registers);
    checkMxcsr(c, (int) f.image[MXCSR_WORD]);
    takeX87(f, wide(in));
    f.setMxcsr((int) f.image[MXCSR_WORD]);
    takeXmm(f, registers);
  }

  private static void checkFxsr(Cpu c) {
    if ((c.cr0 & (Cr0.EM | Cr0.TS)) != 0) {
      throw c.raise(Vector.NM);
    }
  }

  /** EFER.FFXSR: at CPL 0 in 64-bit mode the XMM registers stay out of it. APM2 11.4.4. */
  private static boolean fast(Cpu c) {
    return (c.efer & Efer.FFXSR) != 0 && c.cpl == 0 && c.codeSize == CodeSize.BITS64;
  }

  private static int xmmRegisters(Cpu c) {
    return c.codeSize == CodeSize.BITS64 ? 16 : 8;
  }

  /** The pointers have 64 bits. */
  private static boolean wide(Insn in) {
    return in.operandSize == 64;
  }

  private static long area(Cpu c, Insn in, int alignment, boolean write) {
    long gva = Ea.linear(c, in, HEADER, write);
    if (alignment == 16) {
      Guard.aligned(c, gva, 4);
    }
    if ((gva & alignment - 1) != 0) {
      throw c.generalProtection();
    }
    return gva;
  }

  private static void checkMxcsr(Cpu c, int value) {
    if ((value & ~Fpu.MXCSR_MASK) != 0) {
      throw c.generalProtection();
    }
  }

  private static void store(Cpu c, long gva, int from, int longs) {
    for (int i = from; i < from + longs; i++) {
      Mem.store64(c, gva + 8L * i, c.fpu.image[i]);
    }
  }

  private static void load(Cpu c, long gva, int from, int longs) {
    for (int i = from; i < from + longs; i++) {
      c.fpu.image[i] = Mem.load64(c, gva + 8L * i);
    }
  }

  // --- the image
  // ---------------------------------------------------------------------------------------------------

  /**
   * Everything, in the format of the legacy region. The pointers are zero unless an exception is
   * pending.
   */
  private static void image(Fpu f, boolean wide) {
    long[] m = f.image;
    boolean pending = (f.status & Fpu.ES) != 0;
    m[0] =
        f.control
            | (long) f.statusWord() << 16
            | (long) f.tags << 32
            | (pending ? (long) f.lastOpcode << 48 : 0);
    m[1] = pending ? pointer(f.lastInstruction, f.lastCs, wide) : 0;
    m[2] = pending ? pointer(f.lastData, f.lastDs, wide) : 0;
    m[MXCSR_WORD] = f.mxcsr() | (long) Fpu.MXCSR_MASK << 32;
    for (int i = 0; i < 8; i++) {
      m[ST_WORDS + 2 * i] = f.stSignificand(i);
      m[ST_WORDS + 2 * i + 1] = f.stSignExponent(i);
    }
    System.arraycopy(f.xmm, 0, m, XMM_WORDS, 32);
    System.arraycopy(f.ymm, 0, m, YMM_WORDS, 32);
  }

  private static long pointer(long offset, int selector, boolean wide) {
    return wide ? offset : (offset & 0xffff_ffffL) | (long) selector << 32;
  }

  private static void takeX87(Fpu f, boolean wide) {
    long[] m = f.image;
    f.control = ((int) m[0] & 0x1f3f) | 0x40;
    f.setStatusWord((int) (m[0] >>> 16) & 0xffff);
    f.tags = (int) (m[0] >>> 32) & 0xff;
    f.lastOpcode = (int) (m[0] >>> 48) & 0x7ff;
    f.lastInstruction = wide ? canonical(m[1]) : m[1] & 0xffff_ffffL;
    f.lastData = wide ? canonical(m[2]) : m[2] & 0xffff_ffffL;
    f.lastCs = wide ? 0 : (int) (m[1] >>> 32) & 0xffff;
    f.lastDs = wide ? 0 : (int) (m[2] >>> 32) & 0xffff;
    for (int i = 0; i < 8; i++) {
      int p = f.physical(i);
      f.significand[p] = m[ST_WORDS + 2 * i];
      f.signExponent[p] = (int) m[ST_WORDS + 2 * i + 1] & 0xffff;
    }
  }

  /** The pointers have 57 bits, as linear addresses have at most. */
  private static long canonical(long pointer) {
    return pointer << 7 >> 7;
  }

  private static void takeXmm(Fpu f, int registers) {
    System.arraycopy(f.image, XMM_WORDS, f.xmm, 0, 2 * registers);
  }

  private static void initX87(Fpu f) {
    f.init();
    for (int i = 0; i < 8; i++) {
      f.significand[i] = 0;
      f.signExponent[i] = 0;
    }
  }

  private static void takeYmm(Fpu f, int registers) {
    System.arraycopy(f.image, YMM_WORDS, f.ymm, 0, 2 * registers);
  }

  private static void init(long[] halves, int registers) {
    Arrays.fill(halves, 0, 2 * registers, 0);
  }

  private static boolean anySet(long[] halves, int registers) {
    long any = 0;
    for (int i = 0; i < 2 * registers; i++) {
      any |= halves[i];
    }
    return any != 0;
  }

  /** The components that are not in their initial state. */
  static int inUse(Cpu c) {
    Fpu f = c.fpu;
    int used = anySet(f.xmm, xmmRegisters(c)) ? SSE : 0;
    used |= anySet(f.ymm, xmmRegisters(c)) ? AVX : 0;
    used |= c.pkru != 0 ? PKRU : 0;
    long registers = 0;
    for (int i = 0; i < 8; i++) {
      registers |= f.significand[i] | f.signExponent[i];
    }
    boolean initial =
        f.control == Fpu.CONTROL_INIT && f.statusWord() == 0 && f.tags == 0 && registers == 0;
    return used | (initial ? 0 : X87);
  }

  // --- the XSAVE family
  // --------------------------------------------------------------------------------------------

  /** XSAVE: the chosen components, in standard format. APM4. */
  static void xsave(Cpu c, Insn in) {
    saveStandard(c, in, false);
  }

  /** XSAVEOPT: as XSAVE, but components in their initial state are only marked as such. APM4. */
  static void xsaveopt(Cpu c, Insn in) {
    saveStandard(c, in, true);
  }

  private static void saveStandard(Cpu c, Insn in, boolean optimize) {
    checkXsave(c);
    int chosen = chosen(c);
    long gva = area(c, in, 64, true);
    Mem.checkWrite(c, gva, areaBytes(chosen, false));
    long old = Mem.load64(c, gva + HEADER);
    int used = inUse(c);
    image(c.fpu, wide(in));
    saveComponents(c, gva, optimize ? chosen & used : chosen, PKRU_AT);
    if ((chosen & (SSE | AVX)) != 0) {
      store(c, gva, MXCSR_WORD, 1);
    }
    Mem.store64(c, gva + HEADER, (old & ~(long) chosen) | (chosen & used));
  }

  private static void saveComponents(Cpu c, long gva, int components, int pkruAt) {
    if ((components & X87) != 0) {
      store(c, gva, 0, 3);
      store(c, gva, ST_WORDS, 16);
    }
    if ((components & SSE) != 0) {
      store(c, gva, XMM_WORDS, 2 * xmmRegisters(c));
    }
    if ((components & AVX) != 0) {
      store(c, gva, YMM_WORDS, 2 * xmmRegisters(c));
    }
    if ((components & PKRU) != 0) {
      Mem.store64(c, gva + pkruAt, c.pkru & 0xffff_ffffL);
    }
  }

  /** Bytes that an area for these components takes. */
  static int areaBytes(int components, boolean compacted) {
    if ((components & PKRU) == 0) {
      return (components & AVX) != 0 ? PKRU_AT : BASE_BYTES;
    }
    return (compacted ? compactedPkru(components) : PKRU_AT) + PKRU_BYTES;
  }

  /** Where PKRU is in compacted format. */
  private static int compactedPkru(long components) {
    return (components & AVX) != 0 ? PKRU_AT : BASE_BYTES;
  }

  /** XSAVEC: the chosen components in use, in compacted format. APM4. */
  static void xsavec(Cpu c, Insn in) {
    saveCompacted(c, in);
  }

  /** XSAVES: as XSAVEC, with supervisor components, of which there are none; privileged. APM4. */
  static void xsaves(Cpu c, Insn in) {
    checkXsave(c);
    c.requireCpl0();
    saveCompacted(c, in);
  }

  private static void saveCompacted(Cpu c, Insn in) {
    checkXsave(c);
    int chosen = chosen(c);
    long gva = area(c, in, 64, true);
    Mem.checkWrite(c, gva, areaBytes(chosen, true));
    int stored = chosen & inUse(c);
    image(c.fpu, wide(in));
    if ((chosen & SSE) != 0 && c.fpu.mxcsr() != Fpu.MXCSR_INIT) {
      stored |= SSE;
    }
    saveComponents(c, gva, stored, compactedPkru(chosen));
    if ((stored & SSE) != 0) {
      store(c, gva, MXCSR_WORD, 1);
    }
    Mem.store64(c, gva + HEADER, stored);
    Mem.store64(c, gva + HEADER + 8, COMPACT | chosen);
  }

  /** XRSTOR: the chosen components, from either format. APM4. */
  static void xrstor(Cpu c, Insn in) {
    restore(c, in, false);
  }

  /** XRSTORS: as XRSTOR, from the compacted format only; privileged. APM4. */
  static void xrstors(Cpu c, Insn in) {
    checkXsave(c);
    c.requireCpl0();
    restore(c, in, true);
  }

  private static void restore(Cpu c, Insn in, boolean compactedOnly) {
    checkXsave(c);
    int chosen = chosen(c);
    long gva = area(c, in, 64, false);
    Mem.checkRead(c, gva, BASE_BYTES);
    long present = Mem.load64(c, gva + HEADER);
    long format = Mem.load64(c, gva + HEADER + 8);
    checkHeader(c, gva, present, format, compactedOnly);
    boolean compacted = format < 0;
    Fpu f = c.fpu;
    load(c, gva, 0, XMM_WORDS + 2 * xmmRegisters(c));
    int taken = chosen & (int) present;
    if ((taken & AVX) != 0) {
      load(c, gva, YMM_WORDS, 2 * xmmRegisters(c));
    }
    int pkru = 0;
    if ((taken & PKRU) != 0) {
      pkru = Mem.load32(c, gva + (compacted ? compactedPkru(format) : PKRU_AT));
    }
    boolean loadsMxcsr = compacted ? (taken & SSE) != 0 : (chosen & (SSE | AVX)) != 0;
    if (loadsMxcsr) {
      checkMxcsr(c, (int) f.image[MXCSR_WORD]);
    }
    if ((chosen & X87) != 0) {
      if ((taken & X87) != 0) {
        takeX87(f, wide(in));
      } else {
        initX87(f);
      }
    }
    if ((chosen & SSE) != 0) {
      if ((taken & SSE) != 0) {
        takeXmm(f, xmmRegisters(c));
      } else {
        init(f.xmm, xmmRegisters(c));
      }
    }
    if (loadsMxcsr || (chosen & SSE) != 0) {
      f.setMxcsr(loadsMxcsr ? (int) f.image[MXCSR_WORD] : Fpu.MXCSR_INIT);
    }
    if ((chosen & AVX) != 0) {
      if ((taken & AVX) != 0) {
        takeYmm(f, xmmRegisters(c));
      } else {
        init(f.ymm, xmmRegisters(c));
      }
    }
    if ((chosen & PKRU) != 0) {
      c.setPkru(pkru);
    }
  }

  /**
   * The header: nothing present that is not enabled or not in the format, reserved bytes zero. APM2
   * 11.5.6.
   */
  private static void checkHeader(
      Cpu c, long gva, long present, long format, boolean compactedOnly) {
    boolean wrong = (present & ~c.xcr0) != 0;
    if (format < 0) {
      long components = format & ~COMPACT;
      wrong |= (components & ~c.xcr0) != 0 || (present & ~components) != 0;
    } else {
      wrong |= format != 0 || compactedOnly;
    }
    for (int i = 16; i < (format < 0 ? 64 : 24); i += 8) {
      wrong |= Mem.load64(c, gva + HEADER + i) != 0;
    }
    if (wrong) {
      throw c.generalProtection();
    }
  }

  /** #UD without CR4.OSXSAVE, #NM by CR0.TS. */
  private static void checkXsave(Cpu c) {
    if ((c.cr4 & Cr4.OSXSAVE) == 0) {
      throw c.undefined();
    }
    if ((c.cr0 & Cr0.TS) != 0) {
      throw c.raise(Vector.NM);
    }
  }

  /** The requested-feature bitmap: EDX:EAX and XCR0. */
  private static int chosen(Cpu c) {
    return (int) (c.r[0] & c.xcr0) & SUPPORTED;
  }

  // --- for engines
  // -------------------------------------------------------------------------------------------------

  /**
   * Writes the state as XSAVE would in 64-bit mode, pointers always included.
   *
   * @param target at least {@link #BYTES} long, or without room for PKRU
   */
  public static void exportTo(Cpu c, byte[] target) {
    Fpu f = c.fpu;
    image(f, true);
    f.image[0] = (f.image[0] & 0xffff_ffff_ffffL) | (long) f.lastOpcode << 48;
    f.image[1] = f.lastInstruction;
    f.image[2] = f.lastData;
    for (int i = 0; i < XMM_WORDS + 32; i++) {
      LONGS.set(target, 8 * i, f.image[i]);
    }
    for (int i = LEGACY_BYTES; i < BASE_BYTES; i++) {
      target[i] = 0;
    }
    for (int i = 0; i < 32; i++) {
      LONGS.set(target, BASE_BYTES + 8 * i, f.ymm[i]);
    }
    boolean keys = target.length >= BYTES;
    if (keys) {
      LONGS.set(target, PKRU_AT, c.pkru & 0xffff_ffffL);
    }
    LONGS.set(target, HEADER, (long) (keys ? SUPPORTED : SUPPORTED & ~PKRU));
  }

  /**
   * Takes the state from an image in standard format. Components that XSTATE_BV does not name
   * become initial.
   *
   * @param source at least {@link #BYTES} long, or without PKRU
   * @throws IllegalArgumentException if reserved bits are set; nothing has changed then
   */
  public static void importFrom(Cpu c, byte[] source) {
    Fpu f = c.fpu;
    boolean keys = source.length >= BYTES;
    for (int i = 0; i < XMM_WORDS + 32; i++) {
      f.image[i] = (long) LONGS.get(source, 8 * i);
    }
    long present = (long) LONGS.get(source, HEADER);
    int mxcsr = (int) f.image[MXCSR_WORD];
    if ((mxcsr & ~Fpu.MXCSR_MASK) != 0
        || (present & ~(keys ? SUPPORTED : SUPPORTED & ~PKRU)) != 0) {
      throw new IllegalArgumentException(
          "Reserved bits in MXCSR %x or XSTATE_BV %x".formatted(mxcsr, present));
    }
    if ((present & X87) != 0) {
      takeX87(f, true);
    } else {
      initX87(f);
    }
    if ((present & SSE) != 0) {
      takeXmm(f, 16);
      f.setMxcsr(mxcsr);
    } else {
      init(f.xmm, 16);
      f.setMxcsr(Fpu.MXCSR_INIT);
    }
    for (int i = 0; i < 32; i++) {
      f.ymm[i] = (present & AVX) != 0 ? (long) LONGS.get(source, BASE_BYTES + 8 * i) : 0;
    }
    c.setPkru((present & PKRU) != 0 ? (int) (long) LONGS.get(source, PKRU_AT) : 0);
  }
}
