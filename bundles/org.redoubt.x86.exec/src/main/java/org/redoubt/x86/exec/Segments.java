package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Seg;
import org.redoubt.spec.x86.Vector;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** Segment registers, descriptor-table registers, and instructions that look at descriptors. */
final class Segments {
  private Segments() {}

  static void bind() {
    Meanings.bind(Op.MOV_SREG, Segments::movToSegment);
    Meanings.bind(Op.MOV_FROM_SREG, Segments::movFromSegment);
    Meanings.bind(Op.PUSH_SREG, Segments::pushSegment);
    Meanings.bind(Op.POP_SREG, Segments::popSegment);
    Meanings.bind(Op.LES, (cpu, in) -> loadFar(cpu, in, Seg.ES));
    Meanings.bind(Op.LDS, (cpu, in) -> loadFar(cpu, in, Seg.DS));
    Meanings.bind(Op.LSS, (cpu, in) -> loadFar(cpu, in, Seg.SS));
    Meanings.bind(Op.LFS, (cpu, in) -> loadFar(cpu, in, Seg.FS));
    Meanings.bind(Op.LGS, (cpu, in) -> loadFar(cpu, in, Seg.GS));
    Meanings.bind(Op.LGDT, (cpu, in) -> loadTable(cpu, in, true));
    Meanings.bind(Op.LIDT, (cpu, in) -> loadTable(cpu, in, false));
    Meanings.bind(Op.SGDT, (cpu, in) -> storeTable(cpu, in, cpu.gdtLimit, cpu.gdtBase));
    Meanings.bind(Op.SIDT, (cpu, in) -> storeTable(cpu, in, cpu.idtLimit, cpu.idtBase));
    Meanings.bind(Op.LLDT, Segments::lldt);
    Meanings.bind(Op.LTR, Segments::ltr);
    Meanings.bind(Op.SLDT, (cpu, in) -> storeSelector(cpu, in, Cpu.LDTR));
    Meanings.bind(Op.STR, (cpu, in) -> storeSelector(cpu, in, Cpu.TR));
    Meanings.bind(Op.LAR, Segments::lar);
    Meanings.bind(Op.LSL, Segments::lsl);
    Meanings.bind(Op.VERR, (cpu, in) -> verify(cpu, in, false));
    Meanings.bind(Op.VERW, (cpu, in) -> verify(cpu, in, true));
    Meanings.bind(Op.ARPL, Segments::arpl);
  }

  // Data segments

  private static void movToSegment(Cpu cpu, Insn in) {
    int segment = in.operand(0).reg;
    load(cpu, segment, (int) Operands.load(cpu, in, 1));
    cpu.interruptShadow = segment == Seg.SS;
  }

  private static void movFromSegment(Cpu cpu, Insn in) {
    store(cpu, in, 0, cpu.seg[in.operand(1).reg].selector);
  }

  private static void pushSegment(Cpu cpu, Insn in) {
    Stack.push(cpu, cpu.seg[in.operand(0).reg].selector, in.operandSize);
  }

  private static void popSegment(Cpu cpu, Insn in) {
    int segment = in.operand(0).reg;
    load(cpu, segment, (int) Stack.peek(cpu, 0, 16));
    Stack.release(cpu, in.operandSize >> 3);
    cpu.interruptShadow = segment == Seg.SS;
  }

  private static void loadFar(Cpu cpu, Insn in, int segment) {
    int bytes = in.operandSize >> 3;
    long gva = Ea.linear(cpu, in, bytes + 2, false);
    long offset = Mem.load(cpu, gva, in.operandSize);
    load(cpu, segment, Mem.load16(cpu, gva + bytes));
    store(cpu, in, 0, offset);
  }

  /** Loads ES, SS, DS, FS or GS. */
  static void load(Cpu cpu, int segment, int selector) {
    SegmentCache s = cpu.seg[segment];
    if (cpu.realSegments()) {
      loadReal(cpu, s, selector);
      return;
    }
    if (Descriptors.isNull(selector)) {
      loadNull(cpu, segment, selector);
      return;
    }
    long d = Descriptors.read(cpu, selector, Vector.GP);
    if (segment == Seg.SS) {
      checkStack(cpu, selector, d, cpu.cpl, Vector.GP);
    } else {
      checkData(cpu, selector, d);
    }
    Descriptors.fill(s, selector, Descriptors.markAccessed(cpu, selector, d));
  }

  private static void loadReal(Cpu cpu, SegmentCache s, int selector) {
    s.selector = selector & 0xffff;
    s.base = (selector & 0xffffL) << 4;
    if (cpu.v8086()) {
      s.limit = 0xffff;
      s.attributes = Seg.ATTR_P | Seg.ATTR_DPL | Seg.ATTR_S | Seg.ATTR_RW | Seg.ATTR_ACCESSED;
    }
  }

  private static void loadNull(Cpu cpu, int segment, int selector) {
    if (segment == Seg.SS
        && !(cpu.codeSize == org.redoubt.x86.decode.CodeSize.BITS64
            && cpu.cpl < 3
            && (selector & 3) == cpu.cpl)) {
      throw cpu.generalProtection();
    }
    int attributes = segment == Seg.SS ? cpu.cpl << Seg.ATTR_DPL_SHIFT : 0;
    cpu.seg[segment].set(selector, 0, 0, attributes);
  }

  /** A stack segment: writable data of exactly that privilege. */
  static void checkStack(Cpu cpu, int selector, long d, int cpl, int vector) {
    if ((selector & 3) != cpl
        || !Descriptors.isSegment(d)
        || Descriptors.isCode(d)
        || !Descriptors.is(d, Seg.ATTR_RW)
        || Descriptors.dpl(d) != cpl) {
      throw Descriptors.fault(cpu, vector, selector);
    }
    if (!Descriptors.present(d)) {
      throw Descriptors.fault(cpu, Vector.SS, selector);
    }
  }

  private static void checkData(Cpu cpu, int selector, long d) {
    boolean code = Descriptors.isCode(d);
    boolean legal = Descriptors.isSegment(d) && (!code || Descriptors.is(d, Seg.ATTR_RW));
    if (legal && !(code && Descriptors.isConforming(d))) {
      legal = Descriptors.dpl(d) >= Math.max(cpu.cpl, selector & 3);
    }
    if (!legal) {
      throw Descriptors.gp(cpu, selector);
    }
    if (!Descriptors.present(d)) {
      throw Descriptors.fault(cpu, Vector.NP, selector);
    }
  }

  // Tables

  private static void loadTable(Cpu cpu, Insn in, boolean gdt) {
    cpu.requireCpl0();
    int baseWidth = in.is64() ? 64 : 32;
    long gva = Ea.linear(cpu, in, 2 + baseWidth / 8, false);
    int limit = Mem.load16(cpu, gva);
    long base = Mem.load(cpu, gva + 2, baseWidth);
    if (in.operandSize == 16) {
      base &= 0xff_ffff;
    }
    if (gdt) {
      cpu.gdtLimit = limit;
      cpu.gdtBase = base;
    } else {
      cpu.idtLimit = limit;
      cpu.idtBase = base;
    }
  }

  private static void storeTable(Cpu cpu, Insn in, int limit, long base) {
    requireUmip(cpu);
    int baseWidth = in.is64() ? 64 : 32;
    long gva = Ea.linear(cpu, in, 2 + baseWidth / 8, true);
    Mem.checkWrite(cpu, gva, 2 + baseWidth / 8);
    Mem.store16(cpu, gva, limit);
    Mem.store(cpu, gva + 2, baseWidth, base);
  }

  /** UMIP makes SGDT, SIDT, SLDT, STR and SMSW privileged. */
  static void requireUmip(Cpu cpu) {
    if ((cpu.cr4 & Cr4.UMIP) != 0) {
      cpu.requireCpl0();
    }
  }

  private static void requireProtected(Cpu cpu) {
    if (cpu.realSegments()) {
      throw cpu.undefined();
    }
  }

  private static void storeSelector(Cpu cpu, Insn in, int segment) {
    requireProtected(cpu);
    requireUmip(cpu);
    store(cpu, in, 0, cpu.seg[segment].selector);
  }

  private static void lldt(Cpu cpu, Insn in) {
    requireProtected(cpu);
    cpu.requireCpl0();
    int selector = (int) Operands.load(cpu, in, 0);
    if (Descriptors.isNull(selector)) {
      cpu.seg[Cpu.LDTR].set(selector, 0, 0, 0);
      return;
    }
    loadSystem(cpu, Cpu.LDTR, selector, Seg.TYPE_LDT, Seg.TYPE_LDT);
  }

  private static void ltr(Cpu cpu, Insn in) {
    requireProtected(cpu);
    cpu.requireCpl0();
    int selector = (int) Operands.load(cpu, in, 0);
    if (Descriptors.isNull(selector)) {
      throw cpu.generalProtection();
    }
    loadSystem(cpu, Cpu.TR, selector, Seg.TYPE_TSS, cpu.longMode() ? Seg.TYPE_TSS : 1);
    SystemMem.setBits(cpu, Descriptors.address(cpu, selector, 8) + 5, 2);
    cpu.seg[Cpu.TR].attributes |= 2;
  }

  private static void loadSystem(Cpu cpu, int segment, int selector, int type, int otherType) {
    int bytes = cpu.longMode() ? 16 : 8;
    long gva = (selector & 4) != 0 ? -1 : Descriptors.address(cpu, selector, bytes);
    if (gva == -1) {
      throw Descriptors.gp(cpu, selector);
    }
    long d = SystemMem.load(cpu, gva, 64);
    long high = cpu.longMode() ? SystemMem.load(cpu, gva + 8, 64) : 0;
    int actual = Descriptors.type(d);
    if (Descriptors.isSegment(d) || actual != type && actual != otherType) {
      throw Descriptors.gp(cpu, selector);
    }
    if (!Descriptors.present(d)) {
      throw Descriptors.fault(cpu, Vector.NP, selector);
    }
    SegmentCache s = cpu.seg[segment];
    Descriptors.fill(s, selector, d);
    s.base |= high << 32;
  }

  // Looking at descriptors: ZF says whether the selector can be used.

  private static boolean visible(Cpu cpu, int selector, long d) {
    if (Descriptors.isSegment(d) && Descriptors.isCode(d) && Descriptors.isConforming(d)) {
      return true;
    }
    return Descriptors.dpl(d) >= Math.max(cpu.cpl, selector & 3);
  }

  private static boolean systemType(Cpu cpu, long d, boolean limitOnly) {
    return switch (Descriptors.type(d)) {
      case Seg.TYPE_LDT, Seg.TYPE_TSS, Seg.TYPE_TSS_BUSY -> true;
      case Seg.TYPE_TSS16, Seg.TYPE_TSS16_BUSY -> !cpu.longMode();
      case Seg.TYPE_CALL_GATE -> !limitOnly;
      case Seg.TYPE_CALL_GATE16, Seg.TYPE_TASK_GATE -> !limitOnly && !cpu.longMode();
      default -> false;
    };
  }

  private static void lar(Cpu cpu, Insn in) {
    look(cpu, in, false);
  }

  private static void lsl(Cpu cpu, Insn in) {
    look(cpu, in, true);
  }

  private static void look(Cpu cpu, Insn in, boolean limit) {
    requireProtected(cpu);
    int selector = (int) Operands.load(cpu, in, 1) & 0xffff;
    long gva = Descriptors.isNull(selector) ? -1 : Descriptors.address(cpu, selector, 8);
    boolean ok = false;
    if (gva != -1) {
      long d = SystemMem.load(cpu, gva, 64);
      ok = visible(cpu, selector, d) && (Descriptors.isSegment(d) || systemType(cpu, d, limit));
      if (ok) {
        store(cpu, in, 0, limit ? Descriptors.limit(d) : d >>> 32 & 0xff_ff00);
      }
    }
    Flags.setZero(cpu, ok);
  }

  private static void verify(Cpu cpu, Insn in, boolean write) {
    requireProtected(cpu);
    int selector = (int) Operands.load(cpu, in, 0) & 0xffff;
    long gva = Descriptors.isNull(selector) ? -1 : Descriptors.address(cpu, selector, 8);
    boolean ok = false;
    if (gva != -1) {
      long d = SystemMem.load(cpu, gva, 64);
      boolean code = Descriptors.isCode(d);
      boolean rw = Descriptors.is(d, Seg.ATTR_RW);
      ok =
          Descriptors.isSegment(d)
              && visible(cpu, selector, d)
              && (write ? !code && rw : !code || rw);
    }
    Flags.setZero(cpu, ok);
  }

  private static void arpl(Cpu cpu, Insn in) {
    requireProtected(cpu);
    int target = (int) loadForWrite(cpu, in, 0);
    int rpl = (int) Operands.load(cpu, in, 1) & 3;
    boolean lower = (target & 3) < rpl;
    if (lower) {
      store(cpu, in, 0, target & ~3 | rpl);
    }
    Flags.setZero(cpu, lower);
  }
}
