package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;

/** Descriptors as raw longs, and where they are. APM Vol. 2, 4.7 and 4.8. */
final class Descriptors {
  private Descriptors() {}

  static long base(long d) {
    return d >>> 16 & 0xff_ffff | (d >>> 56) << 24;
  }

  static long limit(long d) {
    long limit = d & 0xffff | d >>> 32 & 0xf_0000;
    return (d >>> 55 & 1) != 0 ? limit << 12 | 0xfff : limit;
  }

  static int attributes(long d) {
    return (int) (d >>> 40 & 0xff | d >>> 44 & 0xf00);
  }

  static boolean is(long d, int bits) {
    return (attributes(d) & bits) == bits;
  }

  static int type(long d) {
    return attributes(d) & Seg.ATTR_TYPE;
  }

  static int dpl(long d) {
    return (int) (d >>> 45) & 3;
  }

  static boolean present(long d) {
    return is(d, Seg.ATTR_P);
  }

  /** True for a code or data descriptor, false for a system one. */
  static boolean isSegment(long d) {
    return is(d, Seg.ATTR_S);
  }

  static boolean isCode(long d) {
    return is(d, Seg.ATTR_S | Seg.ATTR_CODE);
  }

  static boolean isConforming(long d) {
    return is(d, Seg.ATTR_CE);
  }

  static boolean isNull(int selector) {
    return (selector & 0xfffc) == 0;
  }

  /** A selector as an error code. */
  static long error(int selector) {
    return selector & 0xfffc;
  }

  /** Linear address of a selector's descriptor, or -1 if it lies beyond its table. */
  static long address(Cpu cpu, int selector, int bytes) {
    long tableBase = cpu.gdtBase;
    long tableLimit = cpu.gdtLimit;
    if ((selector & 4) != 0) {
      SegmentCache ldt = cpu.seg[Cpu.LDTR];
      if (!ldt.is(Seg.ATTR_P)) {
        return -1;
      }
      tableBase = ldt.base;
      tableLimit = ldt.limit;
    }
    int offset = selector & 0xfff8;
    return offset + bytes - 1 > tableLimit ? -1 : SystemMem.wrap(cpu, tableBase + offset);
  }

  /** Reads a descriptor; the vector with the selector as error code if it is beyond the table. */
  static long read(Cpu cpu, int selector, int vector) {
    long gva = address(cpu, selector, 8);
    if (gva == -1) {
      throw cpu.raise(vector, error(selector));
    }
    return SystemMem.load(cpu, gva, 64);
  }

  /** Sets the accessed bit of a code or data descriptor that was read before. */
  static long markAccessed(Cpu cpu, int selector, long d) {
    if ((d >>> 40 & Seg.ATTR_ACCESSED) == 0) {
      SystemMem.setBits(cpu, address(cpu, selector, 8) + 5, Seg.ATTR_ACCESSED);
    }
    return d | (long) Seg.ATTR_ACCESSED << 40;
  }

  static void fill(SegmentCache s, int selector, long d) {
    s.set(selector, base(d), limit(d), attributes(d));
  }

  /** #GP with the selector, or another vector. */
  static GuestFault fault(Cpu cpu, int vector, int selector) {
    return cpu.raise(vector, error(selector));
  }

  static GuestFault gp(Cpu cpu, int selector) {
    return fault(cpu, Vector.GP, selector);
  }
}
