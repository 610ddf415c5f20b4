package org.redoubt.x86.exec;

import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Operand;

/**
 * Reads and writes operands of up to 64 bits. Values are zero-extended from the operand's width; a
 * store takes the low bits, and clears bits 63:32 of a register with a 32-bit one.
 */
public final class Operands {
  private Operands() {}

  /** The low bits of that width. */
  public static long mask(int width) {
    return -1L >>> (64 - width);
  }

  public static long zeroExtend(long value, int width) {
    return value & -1L >>> (64 - width);
  }

  public static long signExtend(long value, int width) {
    return value << (64 - width) >> (64 - width);
  }

  /** The value of operand i. */
  public static long load(Cpu cpu, Insn in, int i) {
    Operand o = in.operand(i);
    return switch (o.kind) {
      case Operand.GPR -> zeroExtend(cpu.r[o.reg], o.width);
      case Operand.GPR_HIGH -> cpu.r[o.reg] >>> 8 & 0xff;
      case Operand.MEMORY -> Mem.load(cpu, Ea.linear(cpu, in, o.width >> 3, false), o.width);
      case Operand.IMMEDIATE -> zeroExtend(in.imm, o.width);
      case Operand.IMMEDIATE2 -> zeroExtend(in.imm2, o.width);
      case Operand.TARGET, Operand.FAR -> in.imm;
      default -> throw new IllegalStateException("bug: operand " + i + " of " + in);
    };
  }

  /** The value of operand i, sign-extended from its width. */
  public static long loadSigned(Cpu cpu, Insn in, int i) {
    return signExtend(load(cpu, in, i), in.operand(i).width);
  }

  /** Writes operand i. A memory operand may fault: do it before anything else is changed. */
  public static void store(Cpu cpu, Insn in, int i, long value) {
    Operand o = in.operand(i);
    switch (o.kind) {
      case Operand.GPR -> setGpr(cpu, o.reg, o.width, value);
      case Operand.GPR_HIGH -> cpu.r[o.reg] = cpu.r[o.reg] & ~0xff00L | (value & 0xff) << 8;
      case Operand.MEMORY -> Mem.store(cpu, Ea.linear(cpu, in, o.width >> 3, true), o.width, value);
      default -> throw new IllegalStateException("bug: operand " + i + " of " + in);
    }
  }

  /** Writes the low bits of a general-purpose register. */
  public static void setGpr(Cpu cpu, int reg, int width, long value) {
    switch (width) {
      case 64 -> cpu.r[reg] = value;
      case 32 -> cpu.r[reg] = value & 0xffff_ffffL;
      case 16 -> cpu.r[reg] = cpu.r[reg] & ~0xffffL | value & 0xffff;
      default -> cpu.r[reg] = cpu.r[reg] & ~0xffL | value & 0xff;
    }
  }

  /** The value of operand i, which is going to be replaced: faults as a write does. */
  public static long loadForWrite(Cpu cpu, Insn in, int i) {
    Operand o = in.operand(i);
    if (o.kind != Operand.MEMORY) {
      return load(cpu, in, i);
    }
    return Mem.loadForWrite(cpu, Ea.linear(cpu, in, o.width >> 3, true), o.width);
  }

  /**
   * Replaces operand i, which held {@code old}: with LOCK (or XCHG) only if it still does.
   *
   * @return false if it does not: load and compute again
   */
  public static boolean replace(Cpu cpu, Insn in, int i, long old, long value) {
    Operand o = in.operand(i);
    if (in.lock && o.kind == Operand.MEMORY) {
      long gva = Ea.linear(cpu, in, o.width >> 3, true);
      return Atomics.compareAndSet(cpu, gva, o.width, old, value);
    }
    store(cpu, in, i, value);
    return true;
  }
}
