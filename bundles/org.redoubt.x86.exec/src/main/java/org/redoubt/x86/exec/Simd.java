package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Cr0;
import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Mxcsr;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;

/**
 * How MMX and SSE instructions fetch their operands, store their results and raise their
 * exceptions.
 *
 * <p>A fetch leaves the source in {@code s0} and {@code s1} of the {@link Fpu}, the destination's
 * old value in {@code d0} and {@code d1}. Availability: APM Vol. 1, 4.4 and 5.4; alignment: APM
 * Vol. 4, 1.2; exceptions: APM Vol. 1, 4.10.
 */
final class Simd {
  private static final int RDI = 7;

  private Simd() {}

  // --- availability
  // --------------------------------------------------------------------------------------------------

  /** #UD or #NM if the instruction's registers are not available, #MF before an MMX instruction. */
  static Fpu begin(Cpu c, Insn in) {
    if (in.vector != 0) {
      return c.fpu; // Vex has looked.
    }
    if (uses(in, Operand.XMM)) {
      checkSse(c);
    }
    if (uses(in, Operand.MMX)) {
      beginMmx(c);
    }
    return c.fpu;
  }

  static Fpu beginMmx(Cpu c) {
    if ((c.cr0 & Cr0.EM) != 0) {
      throw c.undefined();
    }
    checkSwitched(c);
    X87.pending(c, c.fpu);
    return c.fpu;
  }

  /** #UD by CR0.EM or CR4.OSFXSR, #NM by CR0.TS. */
  static void checkSse(Cpu c) {
    if ((c.cr0 & Cr0.EM) != 0 || (c.cr4 & Cr4.OSFXSR) == 0) {
      throw c.undefined();
    }
    checkSwitched(c);
  }

  private static void checkSwitched(Cpu c) {
    if ((c.cr0 & Cr0.TS) != 0) {
      throw c.raise(Vector.NM);
    }
  }

  /** #NM by CR0.EM or TS. */
  static void checkX87(Cpu c) {
    if ((c.cr0 & (Cr0.EM | Cr0.TS)) != 0) {
      throw c.raise(Vector.NM);
    }
  }

  /**
   * #MF; with CR0.NE clear the signal to an external interrupt controller is not modelled, and
   * nothing happens.
   */
  static void mathFault(Cpu c) {
    if ((c.cr0 & Cr0.NE) != 0) {
      throw c.raise(Vector.MF);
    }
  }

  private static boolean uses(Insn in, int kind) {
    return in.operand(0).kind == kind || (in.operands() > 1 && in.operand(1).kind == kind);
  }

  /** Whether the result goes to an MMX register. */
  static boolean mmx(Insn in) {
    return in.operand(0).kind == Operand.MMX;
  }

  // --- operands
  // ------------------------------------------------------------------------------------------------------

  /** Source and destination; a source of sixteen bytes in memory must be aligned. */
  static Fpu binary(Cpu c, Insn in) {
    Fpu f = begin(c, in);
    load(c, f, in, in.source, true);
    destination(f, in);
    return f;
  }

  /** The source alone; sixteen bytes in memory must be aligned. */
  static Fpu unary(Cpu c, Insn in) {
    Fpu f = begin(c, in);
    load(c, f, in, in.source, true);
    return f;
  }

  /** Source and destination, aligned or not. */
  static Fpu unaligned(Cpu c, Insn in) {
    Fpu f = begin(c, in);
    load(c, f, in, in.source, false);
    destination(f, in);
    return f;
  }

  /** A source that is a register, for results that are not vectors. */
  static Fpu registerSource(Cpu c, Insn in) {
    return unary(c, in);
  }

  /** As {@link #binary}, with no exception raised yet. */
  static Fpu floatBinary(Cpu c, Insn in) {
    Fpu f = binary(c, in);
    f.raised = f.lane == 0 ? 0 : f.raised;
    return f;
  }

  /** As {@link #unary}, with no exception raised yet. */
  static Fpu floatUnary(Cpu c, Insn in) {
    Fpu f = unary(c, in);
    f.raised = f.lane == 0 ? 0 : f.raised;
    return f;
  }

  /** Operand {@code i} to {@code s0} and {@code s1}. */
  static void load(Cpu c, Fpu f, Insn in, int i, boolean aligned) {
    Operand o = in.operand(i);
    switch (o.kind) {
      case Operand.XMM -> {
        if (f.lane != 0 && in.sourceByLane) {
          loadUpperShare(f, o);
        } else {
          f.s0 = f.xmm[2 * o.reg];
          f.s1 = f.xmm[2 * o.reg + 1];
        }
      }
      case Operand.MMX -> {
        f.s0 = f.significand[o.reg];
        f.s1 = 0;
      }
      case Operand.MEMORY -> {
        if (in.vector != 0) {
          loadShare(c, f, in, o.width);
        } else {
          loadMemory(c, f, in, o.width, aligned);
        }
      }
      default -> {
        f.s0 = in.imm & 0xff;
        f.s1 = 0;
      }
    }
  }

  /** What lane 1 takes of a register: its upper half, or the upper half of the part in use. */
  private static void loadUpperShare(Fpu f, Operand o) {
    if (o.width == 256) {
      f.s0 = f.ymm[2 * o.reg];
      f.s1 = f.ymm[2 * o.reg + 1];
    } else {
      int at = o.width >> 1;
      f.s0 = f.xmm[2 * o.reg + (at >> 6)] >>> (at & 63);
      f.s1 = 0;
    }
  }

  /** What the lane takes of memory; VEX encodings need no alignment. */
  private static void loadShare(Cpu c, Fpu f, Insn in, int width) {
    boolean split = in.vector == 256 && in.sourceByLane;
    int part = split ? width >> 1 : width;
    long gva = Ea.linear(c, in, width >> 3, false);
    Guard.aligned(c, gva, Math.min(width >> 3, 16));
    gva += split ? f.lane * (part >> 3) : 0;
    if (part == 128) {
      long low = Mem.load64(c, gva);
      f.s1 = Mem.load64(c, gva + 8);
      f.s0 = low;
    } else {
      f.s0 = Mem.load(c, gva, part);
      f.s1 = 0;
    }
  }

  private static void loadMemory(Cpu c, Fpu f, Insn in, int width, boolean aligned) {
    long gva = Ea.linear(c, in, width >> 3, false);
    if (width == 128) {
      if (aligned) {
        checkAligned(c, f, gva);
      }
      Guard.aligned(c, gva, 16);
      long low = Mem.load64(c, gva);
      f.s1 = Mem.load64(c, gva + 8);
      f.s0 = low;
    } else {
      f.s0 = Mem.load(c, gva, width);
      f.s1 = 0;
    }
  }

  private static void checkAligned(Cpu c, Fpu f, long gva) {
    if ((gva & 15) != 0 && (f.mxcsr() & Fpu.MXCSR_MM) == 0) {
      throw c.generalProtection();
    }
  }

  /**
   * The destination's old value, or what stands for it in a VEX encoding, to {@code d0} and {@code
   * d1}.
   */
  static void destination(Fpu f, Insn in) {
    Operand o = in.operand(in.source - 1);
    if (o.kind == Operand.XMM) {
      long[] half = f.lane == 0 ? f.xmm : f.ymm;
      f.d0 = half[2 * o.reg];
      f.d1 = half[2 * o.reg + 1];
    } else if (o.kind == Operand.MMX) {
      f.d0 = f.significand[o.reg];
      f.d1 = 0;
    }
  }

  /** An operand of up to 64 bits in a general register or memory. */
  static long integer(Cpu c, Insn in, int i) {
    return Operands.load(c, in, i);
  }

  /** Eight bytes of the memory operand, which has ten, {@code at} bytes into it. */
  static long load64(Cpu c, Insn in, int at) {
    return Mem.load64(c, Ea.linear(c, in, 10, false) + at);
  }

  static int load16(Cpu c, Insn in, int at) {
    return Mem.load16(c, Ea.linear(c, in, 10, false) + at);
  }

  // --- results
  // -------------------------------------------------------------------------------------------------------

  /** Writes the destination, a register. */
  static void result(Fpu f, Insn in, long low, long high) {
    Operand o = in.operand(0);
    if (in.vector != 0) {
      vexResult(f, o.reg, low, high);
      return;
    }
    enterMmx(f, in);
    if (o.kind == Operand.XMM) {
      f.xmm[2 * o.reg] = low;
      f.xmm[2 * o.reg + 1] = high;
    } else {
      f.setMmx(o.reg, low);
    }
  }

  /** A VEX encoding clears what lies above its result. */
  private static void vexResult(Fpu f, int reg, long low, long high) {
    if (f.moreLanes) {
      f.lane0Low = low;
      f.lane0High = high;
      return;
    }
    boolean both = f.lane != 0;
    f.xmm[2 * reg] = both ? f.lane0Low : low;
    f.xmm[2 * reg + 1] = both ? f.lane0High : high;
    f.ymm[2 * reg] = both ? low : 0;
    f.ymm[2 * reg + 1] = both ? high : 0;
  }

  private static void enterMmx(Fpu f, Insn in) {
    if (uses(in, Operand.MMX)) {
      f.enterMmx();
    }
  }

  /** Writes the destination, a register or memory. */
  static void storeVector(Cpu c, Fpu f, Insn in, long low, long high) {
    Operand o = in.operand(0);
    if (o.kind != Operand.MEMORY) {
      result(f, in, low, high);
      return;
    }
    if (f.moreLanes) {
      f.lane0Low = low;
      f.lane0High = high;
      return;
    }
    long gva = Ea.linear(c, in, o.width >> 3, true);
    if (o.width == 256) {
      Guard.aligned(c, gva, 16);
      Mem.checkWrite(c, gva, 32);
      Mem.store64(c, gva, f.lane0Low);
      Mem.store64(c, gva + 8, f.lane0High);
      Mem.store64(c, gva + 16, low);
      Mem.store64(c, gva + 24, high);
    } else if (o.width == 128) {
      Guard.aligned(c, gva, 16);
      Mem.store128(c, gva, low, high);
    } else {
      Mem.store(c, gva, o.width, low);
    }
    enterMmx(f, in);
  }

  /** Writes the destination, a general register or memory. */
  static void store(Cpu c, Insn in, long value) {
    Operands.store(c, in, 0, value);
    if (in.vector == 0) {
      enterMmx(c.fpu, in);
    }
  }

  /** Writes ten bytes of memory. */
  static void store80(Cpu c, Insn in, int high, long low) {
    long gva = Ea.linear(c, in, 10, true);
    Mem.checkWrite(c, gva, 10);
    Mem.store64(c, gva, low);
    Mem.store16(c, gva + 8, high);
  }

  /** MASKMOVQ and MASKMOVDQU: bytes at [rDI] whose mask byte has bit 7. */
  static void storeSelected(Cpu c, Insn in, int bytes) {
    Fpu f = c.fpu;
    enterMmx(f, in);
    Guard.aligned(c, selectedAddress(c, in, 0), bytes);
    for (int i = 0; i < bytes; i++) {
      if (selected(f, i)) {
        Mem.checkWrite(c, selectedAddress(c, in, i), 1);
      }
    }
    for (int i = 0; i < bytes; i++) {
      if (selected(f, i)) {
        Mem.store8(c, selectedAddress(c, in, i), byteOf(f.d0, f.d1, i));
      }
    }
  }

  private static boolean selected(Fpu f, int i) {
    return (byteOf(f.s0, f.s1, i) & 0x80) != 0;
  }

  private static long selectedAddress(Cpu c, Insn in, int i) {
    long offset = c.r[RDI] + i & -1L >>> (64 - in.addressSize);
    return Ea.linear(c, in.segment, offset, 1, true);
  }

  /** Byte {@code i} of sixteen. */
  static int byteOf(long low, long high, int i) {
    return (int) ((i & 8) == 0 ? low >>> (8 * i) : high >>> (8 * i)) & 0xff;
  }

  /** MXCSR.DAZ makes a denormal a zero of its sign. */
  static long denormalAsZero(Fpu f, long bits) {
    boolean flush = (f.mxcsr() & Mxcsr.DAZ) != 0 && (bits & 0x7ffL << 52) == 0;
    return flush ? bits & 1L << 63 : bits;
  }

  static int denormalAsZero(Fpu f, int bits) {
    boolean flush = (f.mxcsr() & Mxcsr.DAZ) != 0 && (bits & 0xff << 23) == 0;
    return flush ? bits & 1 << 31 : bits;
  }

  static int statusFlags(Cpu c) {
    return Flags.status(c);
  }

  static void statusFlags(Cpu c, int bits) {
    Flags.setStatus(c, bits);
  }

  // --- exceptions
  // ----------------------------------------------------------------------------------------------------

  /** Adds the flags raised to MXCSR, raises #XF if one is unmasked, else writes the destination. */
  static void floatResult(Cpu c, Fpu f, Insn in, long low, long high) {
    if (in.vector == 0) {
      enterMmx(f, in);
    }
    commitExceptions(c, f);
    result(f, in, low, high);
  }

  /**
   * Adds the flags raised to MXCSR; #XF if one is unmasked, or #UD if the system does not want #XF.
   */
  static void commitExceptions(Cpu c, Fpu f) {
    if (f.moreLanes) {
      return;
    }
    int mxcsr = f.mxcsr();
    int raised = f.raised;
    if ((raised & ~mxcsr) == 0 && (raised & ~(mxcsr >> 7)) == 0) {
      return;
    }
    int unmasked = raised & ~(mxcsr >> 7);
    if ((unmasked & X87.BEFORE) != 0) {
      raised &= X87.BEFORE;
    }
    f.setMxcsr(mxcsr | raised);
    if (unmasked != 0) {
      throw (c.cr4 & Cr4.OSXMMEXCPT) != 0 ? c.raise(Vector.XF) : c.undefined();
    }
  }
}
