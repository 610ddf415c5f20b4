package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * The gathers of AVX2: elements from addresses that are a vector. APM Vol. 4.
 *
 * <p>When an element faults, those before it are in the destination and out of the mask, so that
 * the instruction goes on from there. All else is as it was, as on Zen.
 */
final class Gather {
  private Gather() {}

  static void bind() {
    Vex.bind(Op.VPGATHERDD, Guard.unaligned((c, in) -> gather(c, in, 32, 32)));
    Vex.bind(Op.VPGATHERDQ, Guard.unaligned((c, in) -> gather(c, in, 32, 64)));
    Vex.bind(Op.VPGATHERQD, Guard.unaligned((c, in) -> gather(c, in, 64, 32)));
    Vex.bind(Op.VPGATHERQQ, Guard.unaligned((c, in) -> gather(c, in, 64, 64)));
    Vex.bind(Op.VGATHERDPS, Guard.unaligned((c, in) -> gather(c, in, 32, 32)));
    Vex.bind(Op.VGATHERDPD, Guard.unaligned((c, in) -> gather(c, in, 32, 64)));
    Vex.bind(Op.VGATHERQPS, Guard.unaligned((c, in) -> gather(c, in, 64, 32)));
    Vex.bind(Op.VGATHERQPD, Guard.unaligned((c, in) -> gather(c, in, 64, 64)));
  }

  private static void gather(Cpu c, Insn in, int indexBits, int bits) {
    Fpu f = c.fpu;
    int destination = in.operand(0).reg;
    int maskRegister = in.operand(2).reg;
    long[] index = Avx.load(c, in, 3, f.result);
    long[] value = Avx.load(c, in, 0, f.v);
    long[] mask = Avx.load(c, in, 2, f.w);
    int n = in.vector / Math.max(indexBits, bits);
    int done = 0;
    try {
      for (int i = 0; i < n; i++) {
        if (Avx.chosen(mask, i, bits)) {
          Avx.put(value, i, bits, Mem.load(c, address(c, in, index, i, indexBits, bits), bits));
        }
        done = i + 1;
      }
    } catch (GuestFault fault) {
      for (int i = 0; i < done; i++) {
        Avx.put(mask, i, bits, 0);
      }
      keep(f, destination, value, in.operand(0).width);
      keep(f, maskRegister, mask, in.operand(2).width);
      throw fault;
    }
    java.util.Arrays.fill(mask, 0);
    if (n * bits < 128) {
      value[1] = 0;
    }
    Avx.store(f, destination, value, in.operand(0).width);
    Avx.store(f, maskRegister, mask, in.operand(2).width);
  }

  /** Writes the part of a register that the operand has, and no more. */
  private static void keep(Fpu f, int reg, long[] value, int bits) {
    f.xmm[2 * reg] = value[0];
    f.xmm[2 * reg + 1] = value[1];
    if (bits == 256) {
      f.ymm[2 * reg] = value[2];
      f.ymm[2 * reg + 1] = value[3];
    }
  }

  private static long address(Cpu c, Insn in, long[] index, int i, int indexBits, int bits) {
    long at = Avx.element(index, i, indexBits);
    long offset = in.disp + ((indexBits == 32 ? (int) at : at) << in.scale);
    if (in.base >= 0) {
      offset += c.r[in.base];
    }
    if (in.addressSize == 32) {
      offset &= 0xffff_ffffL;
    }
    return Ea.linear(c, in.segment, offset, bits >> 3, false);
  }
}
