package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/** IN, OUT, INS, OUTS. */
final class Ports {
  private Ports() {}

  static void bind() {
    Meanings.bind(Op.IN, Ports::in);
    Meanings.bind(Op.OUT, Ports::out);
    Meanings.bind(Op.INS, Ports::ins);
    Meanings.bind(Op.OUTS, Ports::outs);
  }

  /** #GP(0) unless IOPL or the TSS's permission bitmap allows the ports. APM Vol. 2, 12.2.4. */
  private static void check(Cpu cpu, int port, int bytes) {
    if (!cpu.protectedMode() || cpu.cpl <= cpu.iopl() && !cpu.v8086()) {
      return;
    }
    SegmentCache tss = cpu.seg[Cpu.TR];
    if (!tss.is(Seg.ATTR_P) || (tss.attributes & 8) == 0 || tss.limit < 0x67) {
      throw cpu.generalProtection();
    }
    long map = SystemMem.load(cpu, tss.base + 0x66, 16) + (port >> 3);
    if (map + 1 > tss.limit) {
      throw cpu.generalProtection();
    }
    long bits = SystemMem.load(cpu, tss.base + map, 16) >> (port & 7);
    if ((bits & (1 << bytes) - 1) != 0) {
      throw cpu.generalProtection();
    }
  }

  /** #UD where the machine cannot carry string I/O out: it cannot read an encrypted guest. */
  private static void checkString(Cpu cpu, int port) {
    if (!cpu.bus.stringIo(port)) {
      throw cpu.undefined();
    }
  }

  private static void in(Cpu cpu, Insn in) {
    int port = (int) load(cpu, in, 1) & 0xffff;
    int bytes = in.width >> 3;
    check(cpu, port, bytes);
    Breakpoints.port(cpu, port, bytes);
    setGpr(cpu, Gpr.RAX, in.width, cpu.bus.in(port, bytes));
  }

  private static void out(Cpu cpu, Insn in) {
    int port = (int) load(cpu, in, 0) & 0xffff;
    int bytes = in.width >> 3;
    check(cpu, port, bytes);
    Breakpoints.port(cpu, port, bytes);
    cpu.bus.out(port, bytes, (int) zeroExtend(cpu.r[Gpr.RAX], in.width));
  }

  private static void ins(Cpu cpu, Insn in) {
    int port = (int) cpu.r[Gpr.RDX] & 0xffff;
    int bytes = in.width >> 3;
    check(cpu, port, bytes);
    checkString(cpu, port);
    for (long count = Strings.count(cpu, in); count > 0; count--) {
      long gva = Strings.destination(cpu, in, bytes, true);
      Mem.checkWrite(cpu, gva, bytes);
      Breakpoints.port(cpu, port, bytes);
      Mem.store(cpu, gva, in.width, cpu.bus.in(port, bytes));
      Strings.advance(cpu, in, Gpr.RDI, Strings.step(cpu, bytes));
      Strings.counted(cpu, in, 1);
      if (count > 1 && Strings.interrupted(cpu, in)) {
        return;
      }
    }
  }

  private static void outs(Cpu cpu, Insn in) {
    int port = (int) cpu.r[Gpr.RDX] & 0xffff;
    int bytes = in.width >> 3;
    check(cpu, port, bytes);
    checkString(cpu, port);
    for (long count = Strings.count(cpu, in); count > 0; count--) {
      long value = Mem.load(cpu, Strings.source(cpu, in, bytes), in.width);
      Breakpoints.port(cpu, port, bytes);
      cpu.bus.out(port, bytes, (int) value);
      Strings.advance(cpu, in, Gpr.RSI, Strings.step(cpu, bytes));
      Strings.counted(cpu, in, 1);
      if (count > 1 && Strings.interrupted(cpu, in)) {
        return;
      }
    }
  }
}
