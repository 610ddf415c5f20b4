package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Shifts and rotates. A masked count of zero leaves everything alone, flags included. */
final class Shift {
  private Shift() {}

  static void bind() {
    Meanings.bind(Op.ROL, Shift::rol);
    Meanings.bind(Op.ROR, Shift::ror);
    Meanings.bind(Op.RCL, Shift::rcl);
    Meanings.bind(Op.RCR, Shift::rcr);
    Meanings.bind(Op.SHL, Shift::shl);
    Meanings.bind(Op.SHR, Shift::shr);
    Meanings.bind(Op.SAR, Shift::sar);
    Meanings.bind(Op.SHLD, Shift::shld);
    Meanings.bind(Op.SHRD, Shift::shrd);
    Meanings.bind(Op.RORX, Shift::rorx);
    Meanings.bind(Op.SHLX, (cpu, in) -> store(cpu, in, 0, load(cpu, in, 1) << countX(cpu, in)));
    Meanings.bind(Op.SHRX, (cpu, in) -> store(cpu, in, 0, load(cpu, in, 1) >>> countX(cpu, in)));
    Meanings.bind(
        Op.SARX, (cpu, in) -> store(cpu, in, 0, loadSigned(cpu, in, 1) >> countX(cpu, in)));
  }

  /** The count: masked to 5 bits, 6 for a 64-bit operand. */
  private static int count(Cpu cpu, Insn in, int operand) {
    return (int) load(cpu, in, operand) & (in.width == 64 ? 63 : 31);
  }

  private static int countX(Cpu cpu, Insn in) {
    return count(cpu, in, 2);
  }

  /** A register's upper half is cleared even by a 32-bit shift of 0. */
  private static void unchanged(Cpu cpu, Insn in) {
    store(cpu, in, 0, loadForWrite(cpu, in, 0));
  }

  static void shl(Cpu cpu, Insn in) {
    int count = count(cpu, in, 1);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    long a = loadForWrite(cpu, in, 0);
    long result = a << count;
    store(cpu, in, 0, result);
    boolean cf = count <= in.width && (a >>> (in.width - count) & 1) != 0;
    long signed = signExtend(result, in.width);
    Flags.result(cpu, signed, cf, signed < 0 != cf);
  }

  static void shr(Cpu cpu, Insn in) {
    int count = count(cpu, in, 1);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    long a = loadForWrite(cpu, in, 0);
    long result = a >>> count;
    store(cpu, in, 0, result);
    boolean cf = (a >>> (count - 1) & 1) != 0;
    boolean of = count == 1 && signExtend(a, in.width) < 0;
    Flags.result(cpu, signExtend(result, in.width), cf, of);
  }

  static void sar(Cpu cpu, Insn in) {
    int count = count(cpu, in, 1);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    long a = signExtend(loadForWrite(cpu, in, 0), in.width);
    long result = a >> count;
    store(cpu, in, 0, result);
    Flags.result(cpu, result, (a >> (count - 1) & 1) != 0, false);
  }

  /** ROL: CF is bit 0 of the result; OF, for a count of 1, the top bit xor CF. */
  static void rol(Cpu cpu, Insn in) {
    int count = count(cpu, in, 1);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    long result = rotate(loadForWrite(cpu, in, 0), count, in.width);
    store(cpu, in, 0, result);
    boolean cf = (result & 1) != 0;
    Flags.setCarryOverflow(cpu, cf, top(result, in.width) != cf);
  }

  static void ror(Cpu cpu, Insn in) {
    int count = count(cpu, in, 1);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    long result = rotate(loadForWrite(cpu, in, 0), -count, in.width);
    store(cpu, in, 0, result);
    boolean cf = top(result, in.width);
    Flags.setCarryOverflow(cpu, cf, cf != (result >>> (in.width - 2) & 1) > 0);
  }

  private static boolean top(long value, int width) {
    return (value >>> (width - 1) & 1) != 0;
  }

  private static long rotate(long value, int left, int width) {
    int n = left & (width - 1);
    long v = zeroExtend(value, width);
    return n == 0 ? v : zeroExtend(v << n | v >>> (width - n), width);
  }

  static void rcl(Cpu cpu, Insn in) {
    int width = in.width;
    int masked = count(cpu, in, 1);
    if (masked == 0) {
      unchanged(cpu, in);
      return;
    }
    long a = loadForWrite(cpu, in, 0);
    boolean cf = Flags.cf(cpu);
    for (int i = masked % (width + 1); i > 0; i--) {
      boolean out = top(a, width);
      a = zeroExtend(a << 1 | (cf ? 1 : 0), width);
      cf = out;
    }
    store(cpu, in, 0, a);
    Flags.setCarryOverflow(cpu, cf, top(a, width) != cf);
  }

  static void rcr(Cpu cpu, Insn in) {
    int width = in.width;
    int masked = count(cpu, in, 1);
    if (masked == 0) {
      unchanged(cpu, in);
      return;
    }
    long a = loadForWrite(cpu, in, 0);
    boolean cf = Flags.cf(cpu);
    for (int i = masked % (width + 1); i > 0; i--) {
      boolean out = (a & 1) != 0;
      a = a >>> 1 | (cf ? 1L << (width - 1) : 0);
      cf = out;
    }
    store(cpu, in, 0, a);
    Flags.setCarryOverflow(cpu, cf, top(a, width) != (a >>> (width - 2) & 1) > 0);
  }

  /** SHLD: a 16-bit operand shifted by more than 16 is undefined (the source follows again). */
  static void shld(Cpu cpu, Insn in) {
    int count = count(cpu, in, 2);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    int width = in.width;
    long a = loadForWrite(cpu, in, 0);
    long b = load(cpu, in, 1);
    long result;
    boolean cf;
    if (width == 16) {
      // Past sixteen the manual is silent; silicon goes on with the source.
      long wide = a << 32 | b << 16 | b;
      result = wide >>> (32 - count) & 0xffff;
      cf = (wide >>> (48 - count) & 1) != 0;
    } else {
      result = zeroExtend(a << count | b >>> (width - count), width);
      cf = (a >>> (width - count) & 1) != 0;
    }
    store(cpu, in, 0, result);
    long signed = signExtend(result, width);
    Flags.result(cpu, signed, cf, signed < 0 != signExtend(a, width) < 0);
  }

  static void shrd(Cpu cpu, Insn in) {
    int count = count(cpu, in, 2);
    if (count == 0) {
      unchanged(cpu, in);
      return;
    }
    int width = in.width;
    long a = loadForWrite(cpu, in, 0);
    long b = load(cpu, in, 1);
    long result;
    boolean cf;
    if (width == 16) {
      long wide = b << 32 | b << 16 | a;
      result = wide >>> count & 0xffff;
      cf = (wide >>> (count - 1) & 1) != 0;
    } else {
      result = zeroExtend(a >>> count | b << (width - count), width);
      cf = (a >>> (count - 1) & 1) != 0;
    }
    store(cpu, in, 0, result);
    long signed = signExtend(result, width);
    Flags.result(cpu, signed, cf, signed < 0 != signExtend(a, width) < 0);
  }

  static void rorx(Cpu cpu, Insn in) {
    store(cpu, in, 0, rotate(load(cpu, in, 1), -((int) in.imm & 63), in.width));
  }
}
