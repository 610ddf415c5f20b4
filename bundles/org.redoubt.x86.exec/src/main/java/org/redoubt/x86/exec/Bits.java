package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;

/** Bit tests, scans, counts, BMI1, BMI2, CRC32, BSWAP. */
final class Bits {
  private Bits() {}

  static void bind() {
    Meanings.bind(Op.BT, Bits::bt);
    Meanings.bind(Op.BTS, Bits::bts);
    Meanings.bind(Op.BTR, Bits::btr);
    Meanings.bind(Op.BTC, Bits::btc);
    Meanings.bind(Op.BSF, Bits::bsf);
    Meanings.bind(Op.BSR, Bits::bsr);
    Meanings.bind(Op.TZCNT, Bits::tzcnt);
    Meanings.bind(Op.LZCNT, Bits::lzcnt);
    Meanings.bind(Op.POPCNT, Bits::popcnt);
    Meanings.bind(Op.BEXTR, Bits::bextr);
    Meanings.bind(Op.BLSI, Bits::blsi);
    Meanings.bind(Op.BLSMSK, Bits::blsmsk);
    Meanings.bind(Op.BLSR, Bits::blsr);
    Meanings.bind(Op.BZHI, Bits::bzhi);
    Meanings.bind(Op.PDEP, Bits::pdep);
    Meanings.bind(Op.PEXT, Bits::pext);
    Meanings.bind(Op.CRC32, Bits::crc32);
    Meanings.bind(Op.BSWAP, Bits::bswap);
  }

  // BT family: CF is the bit; the others are undefined (left alone).

  static void bt(Cpu cpu, Insn in) {
    change(cpu, in, 0);
  }

  static void bts(Cpu cpu, Insn in) {
    change(cpu, in, 1);
  }

  static void btr(Cpu cpu, Insn in) {
    change(cpu, in, 2);
  }

  static void btc(Cpu cpu, Insn in) {
    change(cpu, in, 3);
  }

  private static long changed(long old, long bit, int how) {
    return switch (how) {
      case 1 -> old | bit;
      case 2 -> old & ~bit;
      case 3 -> old ^ bit;
      default -> old;
    };
  }

  private static void change(Cpu cpu, Insn in, int how) {
    Operand index = in.operand(1);
    if (in.operand(0).isMemory() && index.kind == Operand.GPR) {
      changeString(cpu, in, how);
      return;
    }
    long bit = 1L << (load(cpu, in, 1) & (in.width - 1));
    long old;
    if (how == 0) {
      old = load(cpu, in, 0);
    } else {
      do {
        old = loadForWrite(cpu, in, 0);
      } while (!replace(cpu, in, 0, old, changed(old, bit, how)));
    }
    Flags.setCarry(cpu, (old & bit) != 0);
  }

  /** A bit index in a register reaches beyond the operand: memory is a string of bits. */
  private static void changeString(Cpu cpu, Insn in, int how) {
    int width = in.width;
    int bytes = width >> 3;
    long index = loadSigned(cpu, in, 1);
    long offset = Ea.offset(cpu, in) + (index >> (width == 64 ? 6 : width == 32 ? 5 : 4)) * bytes;
    if (in.addressSize != 64) {
      offset = zeroExtend(offset, in.addressSize);
    }
    long gva = Ea.linear(cpu, in.segment, offset, bytes, how != 0);
    long bit = 1L << (index & (width - 1));
    long old;
    if (how == 0) {
      old = Mem.load(cpu, gva, width);
    } else if (in.lock) {
      do {
        old = Mem.loadForWrite(cpu, gva, width);
      } while (!Atomics.compareAndSet(cpu, gva, width, old, changed(old, bit, how)));
    } else {
      old = Mem.loadForWrite(cpu, gva, width);
      Mem.store(cpu, gva, width, changed(old, bit, how));
    }
    Flags.setCarry(cpu, (old & bit) != 0);
  }

  /** BSF: with a source of zero the destination keeps its value, as AMD specifies. */
  static void bsf(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    if (a != 0) {
      store(cpu, in, 0, Long.numberOfTrailingZeros(a));
    }
    Flags.setZero(cpu, a == 0);
  }

  static void bsr(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    if (a != 0) {
      store(cpu, in, 0, 63 - Long.numberOfLeadingZeros(a));
    }
    Flags.setZero(cpu, a == 0);
  }

  static void tzcnt(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    count(cpu, in, a == 0 ? in.width : Long.numberOfTrailingZeros(a), a == 0);
  }

  static void lzcnt(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    count(cpu, in, Long.numberOfLeadingZeros(a) - (64 - in.width), a == 0);
  }

  private static void count(Cpu cpu, Insn in, int result, boolean cf) {
    store(cpu, in, 0, result);
    Flags.setStatus(cpu, (cf ? Rflags.CF : 0) | (result == 0 ? Rflags.ZF : 0));
  }

  static void popcnt(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    store(cpu, in, 0, Long.bitCount(a));
    Flags.setStatus(cpu, a == 0 ? Rflags.ZF : 0);
  }

  // BMI1, BMI2

  static void bextr(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    int control = (int) load(cpu, in, 2);
    int start = control & 0xff;
    int length = control >> 8 & 0xff;
    long result = start >= in.width ? 0 : a >>> start;
    if (length < 64) {
      result &= (1L << length) - 1;
    }
    store(cpu, in, 0, result);
    Flags.setStatus(cpu, zeroExtend(result, in.width) == 0 ? Rflags.ZF : 0);
  }

  static void blsi(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    isolate(cpu, in, a & -a, a != 0);
  }

  static void blsmsk(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    isolate(cpu, in, a ^ a - 1, a == 0);
  }

  static void blsr(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    isolate(cpu, in, a & a - 1, a == 0);
  }

  private static void isolate(Cpu cpu, Insn in, long result, boolean cf) {
    store(cpu, in, 0, result);
    Flags.result(cpu, signExtend(result, in.width), cf, false);
  }

  static void bzhi(Cpu cpu, Insn in) {
    long a = load(cpu, in, 1);
    int n = (int) load(cpu, in, 2) & 0xff;
    isolate(cpu, in, n < in.width ? a & (1L << n) - 1 : a, n >= in.width);
  }

  static void pdep(Cpu cpu, Insn in) {
    store(cpu, in, 0, Long.expand(load(cpu, in, 1), load(cpu, in, 2)));
  }

  static void pext(Cpu cpu, Insn in) {
    store(cpu, in, 0, Long.compress(load(cpu, in, 1), load(cpu, in, 2)));
  }

  /** CRC-32C: polynomial 11EDC6F41h, reflected. */
  private static final int CRC32C = 0x82f6_3b78;

  static void crc32(Cpu cpu, Insn in) {
    long data = load(cpu, in, 1);
    int crc = (int) load(cpu, in, 0);
    for (int i = in.operand(1).width; i > 0; i -= 8) {
      crc ^= (int) data & 0xff;
      for (int b = 0; b < 8; b++) {
        crc = crc >>> 1 ^ (CRC32C & -(crc & 1));
      }
      data >>>= 8;
    }
    store(cpu, in, 0, crc & 0xffff_ffffL);
  }

  /** BSWAP: of 16 bits undefined (zero, as processors do). */
  static void bswap(Cpu cpu, Insn in) {
    long a = load(cpu, in, 0);
    long result =
        switch (in.width) {
          case 64 -> Long.reverseBytes(a);
          case 32 -> Integer.reverseBytes((int) a) & 0xffff_ffffL;
          default -> 0;
        };
    store(cpu, in, 0, result);
  }
}
