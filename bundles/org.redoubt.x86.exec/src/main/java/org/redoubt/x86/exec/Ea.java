package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;

/** Effective and linear addresses. APM Vol. 2, 1.2 and 4.12. */
public final class Ea {
  private Ea() {}

  /** Offset of the memory operand in its segment. */
  public static long offset(Cpu cpu, Insn in) {
    long a = in.disp;
    if (in.base >= 0) {
      a += cpu.r[in.base];
    }
    if (in.index >= 0) {
      a += cpu.r[in.index] << in.scale;
    }
    return switch (in.addressSize) {
      case 64 -> a;
      case 32 -> a & 0xffff_ffffL;
      default -> a & 0xffff;
    };
  }

  /**
   * Linear address of the memory operand, segment checks done.
   *
   * @param bytes how many are accessed
   * @param write whether they are written
   */
  public static long linear(Cpu cpu, Insn in, int bytes, boolean write) {
    return linear(cpu, in.segment, offset(cpu, in), bytes, write);
  }

  /** Linear address of an offset in a segment, segment checks done. */
  public static long linear(Cpu cpu, int segment, long offset, int bytes, boolean write) {
    if (cpu.codeSize == CodeSize.BITS64) {
      return segment < Seg.FS ? offset : offset + cpu.seg[segment].base;
    }
    return legacy(cpu, segment, offset, bytes, write);
  }

  private static long legacy(Cpu cpu, int segment, long offset, int bytes, boolean write) {
    SegmentCache s = cpu.seg[segment];
    if (!allowed(cpu, s, offset, bytes, write)) {
      throw cpu.raise(segment == Seg.SS ? Vector.SS : Vector.GP, 0);
    }
    return s.base + offset & 0xffff_ffffL;
  }

  private static boolean allowed(Cpu cpu, SegmentCache s, long offset, int bytes, boolean write) {
    boolean code = s.is(Seg.ATTR_CODE);
    if (cpu.protectedMode() && !cpu.v8086()) {
      if (!s.is(Seg.ATTR_P) || write && (code || !s.is(Seg.ATTR_RW))) {
        return false;
      }
      if (!write && code && !s.is(Seg.ATTR_RW)) {
        return false;
      }
    }
    return within(s, offset, bytes);
  }

  /** Whether an access lies within a segment's limit. */
  static boolean within(SegmentCache s, long offset, int bytes) {
    boolean code = s.is(Seg.ATTR_CODE);
    long last = offset + bytes - 1;
    if (!code && s.is(Seg.ATTR_CE)) {
      long top = s.is(Seg.ATTR_DB) ? 0xffff_ffffL : 0xffff;
      return offset > s.limit && last <= top;
    }
    return last <= s.limit;
  }
}
