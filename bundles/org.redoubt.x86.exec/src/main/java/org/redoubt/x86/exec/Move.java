package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;

/** Data movement between registers and memory. */
final class Move {
  private Move() {}

  static void bind() {
    Meanings.bind(Op.MOV, Move::mov);
    Meanings.bind(Op.MOVSX, (cpu, in) -> store(cpu, in, 0, loadSigned(cpu, in, 1)));
    Meanings.bind(Op.MOVZX, Move::mov);
    Meanings.bind(Op.MOVNTI, Move::mov);
    Meanings.bind(Op.MOVBE, Move::movbe);
    Meanings.bind(Op.LEA, (cpu, in) -> store(cpu, in, 0, Ea.offset(cpu, in)));
    Meanings.bind(Op.XCHG, Move::xchg);
    Meanings.bind(Op.CMOVCC, Move::cmov);
    Meanings.bind(
        Op.SETCC, (cpu, in) -> store(cpu, in, 0, Flags.condition(cpu, in.condition) ? 1 : 0));
    Meanings.bind(Op.XLAT, Move::xlat);
    Meanings.bind(Op.CBW, Move::cbw);
    Meanings.bind(Op.CWD, Move::cwd);
    Meanings.bind(Op.LAHF, Move::lahf);
    Meanings.bind(Op.SAHF, Move::sahf);
    Meanings.bind(Op.SALC, (cpu, in) -> setGpr(cpu, Gpr.RAX, 8, Flags.cf(cpu) ? 0xff : 0));
  }

  static void mov(Cpu cpu, Insn in) {
    store(cpu, in, 0, load(cpu, in, 1));
  }

  static void movbe(Cpu cpu, Insn in) {
    store(cpu, in, 0, Long.reverseBytes(load(cpu, in, 1)) >>> (64 - in.width));
  }

  /** XCHG with memory is atomic without LOCK. */
  static void xchg(Cpu cpu, Insn in) {
    long b = load(cpu, in, 1);
    Operand a = in.operand(0);
    long old;
    if (a.isMemory()) {
      long gva = Ea.linear(cpu, in, a.width >> 3, true);
      do {
        old = Mem.loadForWrite(cpu, gva, a.width);
      } while (!Atomics.compareAndSet(cpu, gva, a.width, old, b));
    } else {
      old = load(cpu, in, 0);
      store(cpu, in, 0, b);
    }
    store(cpu, in, 1, old);
  }

  /** CMOVcc: memory is read in any case, and a 32-bit destination is always cleared above. */
  static void cmov(Cpu cpu, Insn in) {
    long value = load(cpu, in, 1);
    store(cpu, in, 0, Flags.condition(cpu, in.condition) ? value : load(cpu, in, 0));
  }

  static void xlat(Cpu cpu, Insn in) {
    long offset = zeroExtend(cpu.r[Gpr.RBX] + (cpu.r[Gpr.RAX] & 0xff), in.addressSize);
    setGpr(cpu, Gpr.RAX, 8, Mem.load8(cpu, Ea.linear(cpu, in.segment, offset, 1, false)));
  }

  /** CBW, CWDE, CDQE. */
  static void cbw(Cpu cpu, Insn in) {
    setGpr(cpu, Gpr.RAX, in.width, signExtend(cpu.r[Gpr.RAX], in.width / 2));
  }

  /** CWD, CDQ, CQO. */
  static void cwd(Cpu cpu, Insn in) {
    setGpr(cpu, Gpr.RDX, in.width, signExtend(cpu.r[Gpr.RAX], in.width) >> 63);
  }

  private static final int IN_AH = Rflags.SF | Rflags.ZF | Rflags.AF | Rflags.PF | Rflags.CF;

  static void lahf(Cpu cpu, Insn in) {
    long ah = Flags.status(cpu) & IN_AH | Rflags.FIXED;
    cpu.r[Gpr.RAX] = cpu.r[Gpr.RAX] & ~0xff00L | ah << 8;
  }

  static void sahf(Cpu cpu, Insn in) {
    int ah = (int) cpu.r[Gpr.RAX] >> 8;
    Flags.setStatus(cpu, Flags.status(cpu) & ~IN_AH | ah & IN_AH);
  }
}
