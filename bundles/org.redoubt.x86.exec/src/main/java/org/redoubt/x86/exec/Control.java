package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Near control transfer. While these run, {@code cpu.rip} is the next instruction's. */
final class Control {
  private Control() {}

  static void bind() {
    Meanings.bind(Op.JMP, (cpu, in) -> jump(cpu, load(cpu, in, 0)));
    Meanings.bind(Op.CALL, Control::call);
    Meanings.bind(Op.RET, Control::ret);
    Meanings.bind(Op.JCC, Control::jcc);
    Meanings.bind(Op.LOOP, (cpu, in) -> loop(cpu, in, true));
    Meanings.bind(Op.LOOPE, (cpu, in) -> loop(cpu, in, Flags.zf(cpu)));
    Meanings.bind(Op.LOOPNE, (cpu, in) -> loop(cpu, in, !Flags.zf(cpu)));
    Meanings.bind(Op.JCXZ, Control::jcxz);
    Meanings.bind(Op.BOUND, Control::bound);
    Meanings.bind(Op.NOP, (cpu, in) -> {});
    Meanings.bind(Op.PAUSE, (cpu, in) -> {});
    Meanings.bind(Op.UD0, Control::undefined);
    Meanings.bind(Op.UD1, Control::undefined);
    Meanings.bind(Op.UD2, Control::undefined);
    Meanings.bind(Op.INVALID, Control::undefined);
  }

  /** True for an address whose upper bits all equal bit 47 (56 with five-level paging). */
  static boolean canonical(Cpu cpu, long address) {
    int shift = (cpu.cr4 & Cr4.LA57) != 0 ? 7 : 16;
    return address << shift >> shift == address;
  }

  /** Goes to an offset in CS: #GP(0) if it is not canonical or beyond the limit. */
  static void jump(Cpu cpu, long target) {
    check(cpu, target);
    cpu.rip = target;
  }

  private static void check(Cpu cpu, long target) {
    if (cpu.codeSize == CodeSize.BITS64
        ? !canonical(cpu, target)
        : target > cpu.seg[Seg.CS].limit) {
      throw cpu.generalProtection();
    }
  }

  private static void call(Cpu cpu, Insn in) {
    long target = load(cpu, in, 0);
    check(cpu, target);
    Stack.push(cpu, in.next, in.width);
    cpu.rip = target;
  }

  private static void ret(Cpu cpu, Insn in) {
    long target = Stack.peek(cpu, 0, in.width);
    check(cpu, target);
    Stack.release(cpu, (in.width >> 3) + (in.operands() == 0 ? 0 : in.imm));
    cpu.rip = target;
  }

  private static void jcc(Cpu cpu, Insn in) {
    if (Flags.condition(cpu, in.condition)) {
      jump(cpu, in.imm);
    }
  }

  private static void loop(Cpu cpu, Insn in, boolean condition) {
    long count = zeroExtend(cpu.r[Gpr.RCX] - 1, in.addressSize);
    if (count != 0 && condition) {
      jump(cpu, in.imm);
    }
    setGpr(cpu, Gpr.RCX, in.addressSize, count);
  }

  private static void jcxz(Cpu cpu, Insn in) {
    if (zeroExtend(cpu.r[Gpr.RCX], in.addressSize) == 0) {
      jump(cpu, in.imm);
    }
  }

  private static void bound(Cpu cpu, Insn in) {
    long index = loadSigned(cpu, in, 0);
    long gva = Ea.linear(cpu, in, in.width / 4, false);
    long low = signExtend(Mem.load(cpu, gva, in.width), in.width);
    long high = signExtend(Mem.load(cpu, gva + in.width / 8, in.width), in.width);
    if (index < low || index > high) {
      throw cpu.raise(Vector.BR);
    }
  }

  private static void undefined(Cpu cpu, Insn in) {
    throw in.length > org.redoubt.x86.decode.Decoder.MAX_LENGTH
        ? cpu.generalProtection()
        : cpu.undefined();
  }
}
