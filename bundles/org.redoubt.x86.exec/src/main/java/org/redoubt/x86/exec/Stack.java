package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** PUSH, POP and their kin. */
final class Stack {
  private Stack() {}

  static void bind() {
    Meanings.bind(Op.PUSH, (cpu, in) -> push(cpu, load(cpu, in, 0), in.width));
    Meanings.bind(Op.POP, Stack::pop);
    Meanings.bind(Op.PUSHA, Stack::pusha);
    Meanings.bind(Op.POPA, Stack::popa);
    Meanings.bind(Op.PUSHF, Stack::pushf);
    Meanings.bind(Op.POPF, Stack::popf);
    Meanings.bind(Op.ENTER, Stack::enter);
    Meanings.bind(Op.LEAVE, Stack::leave);
  }

  /** Linear address of a stack slot. */
  private static long slot(Cpu cpu, long sp, int bytes, boolean write) {
    int bits = cpu.stackBits();
    return bits == 64 ? sp : Ea.linear(cpu, Seg.SS, zeroExtend(sp, bits), bytes, write);
  }

  private static void setSp(Cpu cpu, long sp) {
    int bits = cpu.stackBits();
    if (bits == 16) {
      setGpr(cpu, Gpr.RSP, 16, sp);
    } else {
      cpu.r[Gpr.RSP] = zeroExtend(sp, bits);
    }
  }

  /** Pushes a value of that width; nothing changes if it faults. */
  static void push(Cpu cpu, long value, int width) {
    long sp = cpu.r[Gpr.RSP] - (width >> 3);
    Mem.store(cpu, slot(cpu, sp, width >> 3, true), width, value);
    setSp(cpu, sp);
  }

  /** The value at an offset above the stack pointer, which stays. */
  static long peek(Cpu cpu, long offset, int width) {
    return Mem.load(cpu, slot(cpu, cpu.r[Gpr.RSP] + offset, width >> 3, false), width);
  }

  /** Raises the stack pointer. */
  static void release(Cpu cpu, long bytes) {
    setSp(cpu, cpu.r[Gpr.RSP] + bytes);
  }

  /** POP: a memory destination is addressed with the stack pointer already raised. */
  static void pop(Cpu cpu, Insn in) {
    long old = cpu.r[Gpr.RSP];
    long value = peek(cpu, 0, in.width);
    release(cpu, in.width >> 3);
    if (in.operand(0).isMemory()) {
      storeOrRestore(cpu, in, value, old);
    } else {
      store(cpu, in, 0, value);
    }
  }

  private static void storeOrRestore(Cpu cpu, Insn in, long value, long oldSp) {
    boolean done = false;
    try {
      store(cpu, in, 0, value);
      done = true;
    } finally {
      if (!done) {
        cpu.r[Gpr.RSP] = oldSp;
      }
    }
  }

  private static void pusha(Cpu cpu, Insn in) {
    int width = in.width;
    int bytes = width >> 3;
    long sp = cpu.r[Gpr.RSP];
    Mem.checkWrite(cpu, slot(cpu, sp - 8L * bytes, 8 * bytes, true), 8 * bytes);
    for (int i = 0; i < 8; i++) {
      push(cpu, i == Gpr.RSP ? sp : cpu.r[i], width);
    }
  }

  private static void popa(Cpu cpu, Insn in) {
    int width = in.width;
    int bytes = width >> 3;
    long[] values = cpu.temp;
    for (int i = 0; i < 8; i++) {
      values[i] = peek(cpu, (long) i * bytes, width);
    }
    for (int i = 0; i < 8; i++) {
      if (7 - i != Gpr.RSP) {
        setGpr(cpu, 7 - i, width, values[i]);
      }
    }
    release(cpu, 8L * bytes);
  }

  private static void pushf(Cpu cpu, Insn in) {
    long flags = Virtual.flagsVirtual(cpu, in.width) ? Virtual.flags(cpu) : Flags.all(cpu);
    push(cpu, flags & ~(Rflags.RF | Rflags.VM), in.width);
  }

  private static void popf(Cpu cpu, Insn in) {
    boolean virtual = Virtual.flagsVirtual(cpu, in.width);
    long value = peek(cpu, 0, in.width);
    if (virtual) {
      Virtual.checkFlags(cpu, value);
    }
    release(cpu, in.width >> 3);
    if (virtual) {
      Virtual.setFlags(cpu, value);
    } else {
      setFlags(cpu, value, in.width, false);
    }
  }

  /**
   * Sets RFLAGS as POPF and IRET may: IOPL at CPL 0 only, IF where IOPL allows it.
   *
   * @param iret whether RF may change too
   */
  static void setFlags(Cpu cpu, long value, int width, boolean iret) {
    int may = Rflags.STATUS | Rflags.TF | Rflags.DF | Rflags.NT | Rflags.AC | Rflags.ID;
    if (cpu.cpl == 0) {
      may |= Rflags.IOPL;
    }
    if (cpu.cpl <= cpu.iopl()) {
      may |= Rflags.IF;
    }
    if (iret) {
      may |= Rflags.RF;
    }
    if (width == 16) {
      may &= 0xffff;
    }
    int current = (int) Flags.all(cpu);
    int next = current & ~may | (int) value & may;
    if (!iret) {
      next &= ~Rflags.RF;
    }
    Flags.setAll(cpu, next);
    cpu.privilegeChanged();
  }

  private static void enter(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int size = (int) in.imm;
    int level = (int) in.imm2 & 31;
    long sp = cpu.r[Gpr.RSP];
    long bp = cpu.r[Gpr.RBP];
    Mem.checkWrite(
        cpu, slot(cpu, sp - (long) bytes * (level + 1), bytes, true), bytes * (level + 1));
    push(cpu, bp, in.width);
    long frame = cpu.r[Gpr.RSP];
    boolean done = false;
    try {
      for (int i = 1; i < level; i++) {
        push(
            cpu, Mem.load(cpu, slot(cpu, bp - (long) i * bytes, bytes, false), in.width), in.width);
      }
      if (level > 0) {
        push(cpu, frame, in.width);
      }
      checkFinal(cpu, cpu.r[Gpr.RSP] - size, bytes);
      done = true;
    } finally {
      if (!done) {
        cpu.r[Gpr.RSP] = sp;
      }
    }
    setGpr(cpu, Gpr.RBP, in.width, frame);
    release(cpu, -size);
  }

  /** ENTER faults where a push's write at the final stack pointer would. APM Vol. 3, ENTER. */
  private static void checkFinal(Cpu cpu, long sp, int bytes) {
    long gva = slot(cpu, sp, bytes, true);
    Guard.aligned(cpu, gva, bytes);
    Mem.checkWrite(cpu, gva, bytes);
  }

  private static void leave(Cpu cpu, Insn in) {
    long frame = cpu.r[Gpr.RBP];
    long value = Mem.load(cpu, slot(cpu, frame, in.width >> 3, false), in.width);
    setSp(cpu, frame + (in.width >> 3));
    setGpr(cpu, Gpr.RBP, in.width, value);
  }
}
