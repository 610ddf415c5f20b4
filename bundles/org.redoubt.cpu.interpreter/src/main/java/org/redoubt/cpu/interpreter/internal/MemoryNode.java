package org.redoubt.cpu.interpreter.internal;

import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.SegmentCache;

/**
 * A node with a memory operand in 64-bit code with 64-bit addresses: base + index + displacement +
 * segment base, each of which may be a constant zero.
 */
abstract class MemoryNode extends Node {
  private static final SegmentCache FLAT = new SegmentCache();

  private final int base;
  private final int index;
  private final int scale;
  private final long disp;
  private final SegmentCache segment;

  MemoryNode(Insn in, Cpu cpu) {
    super(in);
    base = in.base < 0 ? Cpu.ZERO : in.base;
    index = in.index < 0 ? Cpu.ZERO : in.index;
    scale = in.scale;
    disp = in.disp;
    segment = in.segment < Seg.FS ? FLAT : cpu.seg[in.segment];
  }

  static boolean fits(Insn in) {
    return in.is64() && in.addressSize == 64 && !in.lock;
  }

  final long address(long[] r) {
    return r[base] + (r[index] << scale) + disp + segment.base;
  }
}
