package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.CodeSize;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;

/** Far jumps, calls and returns, IRET. APM Vol. 2, 4.11 and 8.9. */
final class FarTransfer {
  private FarTransfer() {}

  static void bind() {
    Meanings.bind(Op.JMP_FAR, (cpu, in) -> transfer(cpu, in, false));
    Meanings.bind(Op.CALL_FAR, (cpu, in) -> transfer(cpu, in, true));
    Meanings.bind(Op.RETF, FarTransfer::retf);
    Meanings.bind(Op.IRET, FarTransfer::iret);
  }

  private static void transfer(Cpu cpu, Insn in, boolean call) {
    int selector;
    long offset;
    if (in.operand(0).kind == Operand.FAR) {
      selector = (int) in.imm2;
      offset = in.imm;
    } else {
      int bytes = in.operandSize >> 3;
      long gva = Ea.linear(cpu, in, bytes + 2, false);
      offset = Mem.load(cpu, gva, in.operandSize);
      selector = Mem.load16(cpu, gva + bytes);
    }
    if (cpu.realSegments()) {
      real(cpu, in, selector, offset, call);
      return;
    }
    if (Descriptors.isNull(selector)) {
      throw cpu.generalProtection();
    }
    long d = Descriptors.read(cpu, selector, Vector.GP);
    if (Descriptors.isSegment(d)) {
      direct(cpu, in, selector, d, offset, call);
    } else {
      gate(cpu, selector, d, call);
    }
  }

  private static void real(Cpu cpu, Insn in, int selector, long offset, boolean call) {
    requireLimit(cpu, offset);
    if (call) {
      pushReturn(cpu, in.operandSize);
    }
    realCode(cpu, selector, offset);
  }

  private static void requireLimit(Cpu cpu, long offset) {
    if (offset > cpu.seg[Seg.CS].limit) {
      throw cpu.generalProtection();
    }
  }

  private static void realCode(Cpu cpu, int selector, long offset) {
    SegmentCache cs = cpu.seg[Seg.CS];
    cs.selector = selector & 0xffff;
    cs.base = (selector & 0xffffL) << 4;
    cpu.rip = offset;
    cpu.modeChanged();
  }

  /** Pushes CS and RIP; both or neither. */
  private static void pushReturn(Cpu cpu, int width) {
    long sp = cpu.r[Gpr.RSP];
    boolean done = false;
    try {
      Stack.push(cpu, cpu.seg[Seg.CS].selector, width);
      Stack.push(cpu, cpu.rip, width);
      done = true;
    } finally {
      if (!done) {
        cpu.r[Gpr.RSP] = sp;
      }
    }
  }

  private static void direct(Cpu cpu, Insn in, int selector, long d, long offset, boolean call) {
    boolean conforming = Descriptors.isConforming(d);
    int dpl = Descriptors.dpl(d);
    boolean allowed = conforming ? dpl <= cpu.cpl : dpl == cpu.cpl && (selector & 3) <= cpu.cpl;
    if (!Descriptors.isCode(d) || !allowed) {
      throw Descriptors.gp(cpu, selector);
    }
    requireCode(cpu, selector, d, offset);
    long marked = Descriptors.markAccessed(cpu, selector, d);
    if (call) {
      pushReturn(cpu, in.operandSize);
    }
    enterCode(cpu, selector & ~3 | cpu.cpl, marked, offset);
  }

  /** Present, L and D not both set, and the offset within it. */
  private static void requireCode(Cpu cpu, int selector, long d, long offset) {
    boolean code64 = cpu.longMode() && Descriptors.is(d, Seg.ATTR_L);
    if (code64 && Descriptors.is(d, Seg.ATTR_DB)) {
      throw Descriptors.gp(cpu, selector);
    }
    if (!Descriptors.present(d)) {
      throw Descriptors.fault(cpu, Vector.NP, selector);
    }
    if (code64 ? !Control.canonical(cpu, offset) : offset > Descriptors.limit(d)) {
      throw cpu.generalProtection();
    }
  }

  private static void enterCode(Cpu cpu, int selector, long d, long offset) {
    Descriptors.fill(cpu.seg[Seg.CS], selector, d);
    cpu.rip = offset;
    cpu.modeChanged();
  }

  // Call gates

  private static void gate(Cpu cpu, int gateSelector, long gate, boolean call) {
    int type = Descriptors.type(gate);
    boolean wide = type == Seg.TYPE_CALL_GATE;
    if (!wide && type != Seg.TYPE_CALL_GATE16) {
      TaskSwitch.jump(cpu, gateSelector, gate, call);
      return;
    }
    if (!wide && cpu.longMode() || Descriptors.dpl(gate) < Math.max(cpu.cpl, gateSelector & 3)) {
      throw Descriptors.gp(cpu, gateSelector);
    }
    if (!Descriptors.present(gate)) {
      throw Descriptors.fault(cpu, Vector.NP, gateSelector);
    }
    int selector = (int) (gate >>> 16) & 0xffff;
    if (Descriptors.isNull(selector)) {
      throw cpu.generalProtection();
    }
    long code = Descriptors.read(cpu, selector, Vector.GP);
    int dpl = Descriptors.dpl(code);
    boolean conforming = Descriptors.isConforming(code);
    boolean allowed = call || conforming ? dpl <= cpu.cpl : dpl == cpu.cpl;
    if (!Descriptors.isCode(code)
        || !allowed
        || cpu.longMode() && !Descriptors.is(code, Seg.ATTR_L)) {
      throw Descriptors.gp(cpu, selector);
    }
    long target = gate & 0xffff | (wide ? gate >>> 32 & 0xffff_0000L : 0);
    if (cpu.longMode()) {
      long gva = Descriptors.address(cpu, gateSelector, 16);
      if (gva == -1) {
        throw Descriptors.gp(cpu, gateSelector);
      }
      target |= SystemMem.load(cpu, gva + 8, 32) << 32;
    }
    requireCode(cpu, selector, code, target);
    code = Descriptors.markAccessed(cpu, selector, code);
    if (!call || conforming || dpl == cpu.cpl) {
      if (call) {
        pushReturn(cpu, cpu.longMode() ? 64 : wide ? 32 : 16);
      }
      enterCode(cpu, selector & ~3 | cpu.cpl, code, target);
    } else if (cpu.longMode()) {
      callInnerLong(cpu, selector, code, target);
    } else {
      callInner(cpu, gate, wide ? 4 : 2, selector, code, target);
    }
  }

  private static void callInnerLong(Cpu cpu, int selector, long code, long target) {
    int newCpl = Descriptors.dpl(code);
    SegmentCache tss = cpu.seg[Cpu.TR];
    long sp = SystemMem.load(cpu, tss.base + 4 + newCpl * 8L, 64);
    int oldCpl = cpu.cpl;
    cpu.cpl = newCpl;
    cpu.privilegeChanged();
    boolean done = false;
    try {
      Mem.checkWrite(cpu, sp - 32, 32);
      Mem.store64(cpu, sp - 8, cpu.seg[Seg.SS].selector);
      Mem.store64(cpu, sp - 16, cpu.r[Gpr.RSP]);
      Mem.store64(cpu, sp - 24, cpu.seg[Seg.CS].selector);
      Mem.store64(cpu, sp - 32, cpu.rip);
      done = true;
    } finally {
      if (!done) {
        cpu.cpl = oldCpl;
        cpu.privilegeChanged();
      }
    }
    cpu.seg[Seg.SS].set(newCpl, 0, 0, newCpl << Seg.ATTR_DPL_SHIFT);
    cpu.r[Gpr.RSP] = sp - 32;
    enterCode(cpu, selector & ~3 | newCpl, code, target);
  }

  private static void callInner(
      Cpu cpu, long gate, int bytes, int selector, long code, long target) {
    int newCpl = Descriptors.dpl(code);
    int oldCpl = cpu.cpl;
    int parameters = (int) (gate >>> 32) & 31;
    long[] values = new long[parameters];
    for (int i = 0; i < parameters; i++) {
      values[i] = Stack.peek(cpu, (long) i * bytes, bytes * 8);
    }
    Interrupts.Frame frame = new Interrupts.Frame(cpu, bytes, 0);
    frame.innerStack(newCpl);
    cpu.cpl = newCpl;
    cpu.privilegeChanged();
    boolean done = false;
    try {
      frame.push(cpu.seg[Seg.SS].selector);
      frame.push(cpu.r[Gpr.RSP]);
      for (int i = parameters - 1; i >= 0; i--) {
        frame.push(values[i]);
      }
      frame.push(cpu.seg[Seg.CS].selector);
      frame.push(cpu.rip);
      done = true;
    } finally {
      if (!done) {
        cpu.cpl = oldCpl;
        cpu.privilegeChanged();
      }
    }
    frame.commit();
    enterCode(cpu, selector & ~3 | newCpl, code, target);
  }

  // Returns

  private static void retf(Cpu cpu, Insn in) {
    int width = in.width;
    int bytes = width >> 3;
    long offset = Stack.peek(cpu, 0, width);
    int selector = (int) Stack.peek(cpu, bytes, width) & 0xffff;
    long extra = in.operands() == 0 ? 0 : in.imm;
    if (cpu.realSegments()) {
      requireLimit(cpu, offset);
      Stack.release(cpu, 2L * bytes + extra);
      realCode(cpu, selector, offset);
      return;
    }
    long code = returnCode(cpu, selector, offset);
    if ((selector & 3) == cpu.cpl) {
      Stack.release(cpu, 2L * bytes + extra);
      enterCode(cpu, selector, code, offset);
      return;
    }
    long sp = Stack.peek(cpu, 2L * bytes + extra, width);
    int ss = (int) Stack.peek(cpu, 3L * bytes + extra, width) & 0xffff;
    outer(cpu, selector, code, offset, ss, sp + extra);
  }

  /** Checks the CS of a far return. */
  private static long returnCode(Cpu cpu, int selector, long offset) {
    if (Descriptors.isNull(selector)) {
      throw cpu.generalProtection();
    }
    long code = Descriptors.read(cpu, selector, Vector.GP);
    int rpl = selector & 3;
    int dpl = Descriptors.dpl(code);
    if (!Descriptors.isCode(code)
        || rpl < cpu.cpl
        || (Descriptors.isConforming(code) ? dpl > rpl : dpl != rpl)) {
      throw Descriptors.gp(cpu, selector);
    }
    requireCode(cpu, selector, code, offset);
    return Descriptors.markAccessed(cpu, selector, code);
  }

  /** Goes to CS:RIP with a new stack; the privilege may become lower. */
  private static void outer(Cpu cpu, int selector, long code, long offset, int ss, long sp) {
    int newCpl = selector & 3;
    boolean to64 = cpu.longMode() && Descriptors.is(code, Seg.ATTR_L);
    long stack = 0;
    boolean nullStack = Descriptors.isNull(ss);
    if (nullStack) {
      if (!to64 || newCpl == 3 || (ss & 3) != newCpl) {
        throw cpu.generalProtection();
      }
    } else {
      stack = Descriptors.read(cpu, ss, Vector.GP);
      Segments.checkStack(cpu, ss, stack, newCpl, Vector.GP);
      stack = Descriptors.markAccessed(cpu, ss, stack);
    }
    boolean lowered = newCpl > cpu.cpl;
    cpu.cpl = newCpl;
    enterCode(cpu, selector, code, offset);
    if (nullStack) {
      cpu.seg[Seg.SS].set(ss, 0, 0, newCpl << Seg.ATTR_DPL_SHIFT);
    } else {
      Descriptors.fill(cpu.seg[Seg.SS], ss, stack);
    }
    if (cpu.stackBits() == 16) {
      setGpr(cpu, Gpr.RSP, 16, sp);
    } else {
      cpu.r[Gpr.RSP] = zeroExtend(sp, cpu.stackBits());
    }
    if (lowered) {
      dropDataSegments(cpu);
    }
  }

  /** Segments that the outer level may not use become null. */
  private static void dropDataSegments(Cpu cpu) {
    for (int i : new int[] {Seg.ES, Seg.DS, Seg.FS, Seg.GS}) {
      SegmentCache s = cpu.seg[i];
      boolean conforming = s.is(Seg.ATTR_CODE | Seg.ATTR_CE);
      if (s.is(Seg.ATTR_P) && !conforming && s.dpl() < cpu.cpl) {
        s.set(0, 0, 0, 0);
      }
    }
  }

  private static void iret(Cpu cpu, Insn in) {
    int width = in.width;
    int bytes = width >> 3;
    boolean virtual = Virtual.flagsVirtual(cpu, width);
    if (!cpu.realSegments() && (cpu.systemFlags & Rflags.NT) != 0) {
      TaskSwitch.back(cpu);
      return;
    }
    long offset = Stack.peek(cpu, 0, width);
    int selector = (int) Stack.peek(cpu, bytes, width) & 0xffff;
    long flags = Stack.peek(cpu, 2L * bytes, width);
    if (cpu.realSegments()) {
      requireLimit(cpu, offset);
      if (virtual) {
        Virtual.checkFlags(cpu, flags);
      }
      Stack.release(cpu, 3L * bytes);
      realCode(cpu, selector, offset);
      if (virtual) {
        Virtual.setFlags(cpu, flags);
      } else {
        Stack.setFlags(cpu, flags, width, true);
      }
    } else if ((flags & Rflags.VM) != 0 && cpu.cpl == 0 && !cpu.longMode()) {
      toV86(cpu, offset, selector, flags);
    } else {
      protectedIret(cpu, in, selector, offset, flags);
    }
    cpu.nmiBlocked = false;
  }

  private static void protectedIret(Cpu cpu, Insn in, int selector, long offset, long flags) {
    int bytes = in.width >> 3;
    long code = returnCode(cpu, selector, offset);
    boolean from64 = cpu.codeSize == CodeSize.BITS64;
    // What may change is judged by the privilege of the IRET itself.
    if ((selector & 3) == cpu.cpl && !from64) {
      Stack.release(cpu, 3L * bytes);
      enterCode(cpu, selector, code, offset);
      Stack.setFlags(cpu, flags, in.width, true);
      return;
    }
    long sp = Stack.peek(cpu, 3L * bytes, in.width);
    int ss = (int) Stack.peek(cpu, 4L * bytes, in.width) & 0xffff;
    int oldCpl = cpu.cpl;
    outer(cpu, selector, code, offset, ss, sp);
    int newCpl = cpu.cpl;
    cpu.cpl = oldCpl;
    Stack.setFlags(cpu, flags, in.width, true);
    cpu.cpl = newCpl;
    cpu.privilegeChanged();
  }

  private static void toV86(Cpu cpu, long offset, int selector, long flags) {
    if (offset > 0xffff) {
      throw cpu.generalProtection();
    }
    long sp = Stack.peek(cpu, 12, 32);
    int[] order = {Seg.SS, Seg.ES, Seg.DS, Seg.FS, Seg.GS};
    int[] selectors = new int[order.length];
    for (int i = 0; i < order.length; i++) {
      selectors[i] = (int) Stack.peek(cpu, 16 + 4L * i, 32) & 0xffff;
    }
    Flags.setAll(cpu, flags);
    for (int i = 0; i < order.length; i++) {
      Segments.load(cpu, order[i], selectors[i]);
    }
    SegmentCache cs = cpu.seg[Seg.CS];
    cs.limit = 0xffff;
    cs.attributes = cpu.seg[Seg.SS].attributes;
    cpu.cpl = 3;
    cpu.r[Gpr.RSP] = sp;
    realCode(cpu, selector, offset);
  }
}
