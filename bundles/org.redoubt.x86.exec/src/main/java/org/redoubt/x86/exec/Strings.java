package org.redoubt.x86.exec;

import static org.redoubt.x86.exec.Operands.*;

import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.spec.x86.Seg;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;

/**
 * String operations. A repeated one works page by page where it can; after each piece the registers
 * are as the manual says between iterations, so that a fault or an interrupt finds them right. A
 * repeated one that is not done leaves RIP at itself.
 */
final class Strings {
  /** Iterations between two looks at the stop flag. */
  private static final int BATCH = 256;

  private Strings() {}

  static void bind() {
    Meanings.bind(Op.MOVS, Strings::movs);
    Meanings.bind(Op.STOS, Strings::stos);
    Meanings.bind(Op.LODS, Strings::lods);
    Meanings.bind(Op.CMPS, Strings::cmps);
    Meanings.bind(Op.SCAS, Strings::scas);
  }

  // Shared parts

  /** Iterations to do: 1 without a prefix. */
  static long count(Cpu cpu, Insn in) {
    return in.rep == Insn.REP_NONE ? 1 : zeroExtend(cpu.r[Gpr.RCX], in.addressSize);
  }

  static int step(Cpu cpu, int bytes) {
    return (cpu.systemFlags & Rflags.DF) != 0 ? -bytes : bytes;
  }

  static long source(Cpu cpu, Insn in, int bytes) {
    long offset = zeroExtend(cpu.r[Gpr.RSI], in.addressSize);
    return Ea.linear(cpu, in.segment, offset, bytes, false);
  }

  static long destination(Cpu cpu, Insn in, int bytes, boolean write) {
    return Ea.linear(cpu, Seg.ES, zeroExtend(cpu.r[Gpr.RDI], in.addressSize), bytes, write);
  }

  static void advance(Cpu cpu, Insn in, int register, long bytes) {
    setGpr(cpu, register, in.addressSize, cpu.r[register] + bytes);
  }

  /** Takes done iterations from RCX. */
  static void counted(Cpu cpu, Insn in, long done) {
    if (in.rep != Insn.REP_NONE) {
      setGpr(cpu, Gpr.RCX, in.addressSize, cpu.r[Gpr.RCX] - done);
    }
  }

  /** True when somebody wants the vCPU, or a trap is due: the instruction goes on later. */
  static boolean interrupted(Cpu cpu, Insn in) {
    if (HostMemory.get32(cpu.tlbBlock + TlbLayout.STOP_FLAG) == 0
        && !cpu.fixedPieces
        && !trapsBetween(cpu)) {
      return false;
    }
    cpu.rip = in.rip;
    return true;
  }

  /** As {@link #interrupted}, but looks at the stop flag only now and then. */
  private static boolean interrupted(Cpu cpu, Insn in, long n) {
    return (n % BATCH == 0 || trapsBetween(cpu)) && interrupted(cpu, in);
  }

  /** Single-stepping, or a data breakpoint or watch hit: a trap after each iteration. */
  private static boolean trapsBetween(Cpu cpu) {
    return (cpu.systemFlags & Rflags.TF) != 0 || cpu.breakpointsHit != 0 || cpu.watchHit != 0;
  }

  /** Whether runs may be worked on in one piece: nothing looks at single elements. */
  private static boolean bulk(Cpu cpu, Insn in) {
    return in.rep != Insn.REP_NONE
        && in.is64()
        && (cpu.systemFlags & Rflags.TF) == 0
        && !cpu.guarded();
  }

  /** How many whole elements from here to the edge of the page, in the direction of going. */
  private static long inPage(long gva, int step) {
    long offset = gva & 0xfff;
    if (step > 0) {
      return (4096 - offset) / step;
    }
    return offset - step > 4096 ? 0 : offset / -step + 1;
  }

  // MOVS

  private static void movs(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int step = step(cpu, bytes);
    long count = count(cpu, in);
    boolean bulk = bulk(cpu, in);
    for (long n = 0; count > 0; n++) {
      long done = bulk ? moveRun(cpu, in, step, count) : 0;
      if (done == 0) {
        moveOne(cpu, in, step);
        done = 1;
      }
      counted(cpu, in, done);
      count -= done;
      if (count > 0 && interrupted(cpu, in, done > 1 ? 0 : n + 1)) {
        return;
      }
    }
  }

  private static void moveOne(Cpu cpu, Insn in, int step) {
    int bytes = in.width >> 3;
    long value = Mem.load(cpu, source(cpu, in, bytes), in.width);
    Mem.store(cpu, destination(cpu, in, bytes, true), in.width, value);
    advance(cpu, in, Gpr.RSI, step);
    advance(cpu, in, Gpr.RDI, step);
  }

  /** Copies up to a page's edge; 0 if that cannot be done in one piece. */
  private static long moveRun(Cpu cpu, Insn in, int step, long count) {
    int bytes = Math.abs(step);
    long from = source(cpu, in, bytes);
    long to = destination(cpu, in, bytes, true);
    long n = Math.min(count, Math.min(inPage(from, step), inPage(to, step)));
    int length = (int) n * bytes;
    // Going down, the run lies below its first element.
    long down = step < 0 ? bytes - length : 0;
    long ahead = step < 0 ? from - to : to - from;
    if (n < 2 || ahead > 0 && ahead < length) {
      return 0;
    }
    if (step < 0) {
      // A fault names the element's address, not the run's lower end.
      Mem.checkRead(cpu, from, bytes);
      Mem.checkWrite(cpu, to, bytes);
    }
    if (!Mem.readRun(cpu, from + down, cpu.run, length)
        || !Mem.writeRun(cpu, to + down, cpu.run, length)) {
      return 0;
    }
    advance(cpu, in, Gpr.RSI, n * step);
    advance(cpu, in, Gpr.RDI, n * step);
    return n;
  }

  // STOS

  private static void stos(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int step = step(cpu, bytes);
    long count = count(cpu, in);
    boolean bulk = step > 0 && bulk(cpu, in);
    for (long n = 0; count > 0; n++) {
      long done = bulk ? storeRun(cpu, in, bytes, count) : 0;
      if (done == 0) {
        Mem.store(cpu, destination(cpu, in, bytes, true), in.width, cpu.r[Gpr.RAX]);
        advance(cpu, in, Gpr.RDI, step);
        done = 1;
      }
      counted(cpu, in, done);
      count -= done;
      if (count > 0 && interrupted(cpu, in, done > 1 ? 0 : n + 1)) {
        return;
      }
    }
  }

  private static long storeRun(Cpu cpu, Insn in, int bytes, long count) {
    long to = destination(cpu, in, bytes, true);
    long n = Math.min(count, inPage(to, bytes));
    if (n < 2) {
      return 0;
    }
    if (!Mem.fillRun(cpu, to, (int) n * bytes, cpu.r[Gpr.RAX], in.width)) {
      return 0;
    }
    advance(cpu, in, Gpr.RDI, n * bytes);
    return n;
  }

  private static void lods(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int step = step(cpu, bytes);
    long count = count(cpu, in);
    for (long n = 1; count > 0; n++) {
      setGpr(cpu, Gpr.RAX, in.width, Mem.load(cpu, source(cpu, in, bytes), in.width));
      advance(cpu, in, Gpr.RSI, step);
      counted(cpu, in, 1);
      count--;
      if (count > 0 && interrupted(cpu, in, n)) {
        return;
      }
    }
  }

  // CMPS and SCAS: REPE goes on while equal, REPNE while different.

  private static void cmps(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int step = step(cpu, bytes);
    long count = count(cpu, in);
    for (long n = 1; count > 0; n++) {
      long a = signExtend(Mem.load(cpu, source(cpu, in, bytes), in.width), in.width);
      long b = signExtend(Mem.load(cpu, destination(cpu, in, bytes, false), in.width), in.width);
      advance(cpu, in, Gpr.RSI, step);
      advance(cpu, in, Gpr.RDI, step);
      counted(cpu, in, 1);
      Flags.sub(cpu, a, b, signExtend(a - b, in.width), in.width);
      if (--count == 0 || stops(in, a == b) || interrupted(cpu, in, n)) {
        return;
      }
    }
  }

  private static void scas(Cpu cpu, Insn in) {
    int bytes = in.width >> 3;
    int step = step(cpu, bytes);
    long count = count(cpu, in);
    long a = signExtend(cpu.r[Gpr.RAX], in.width);
    for (long n = 1; count > 0; n++) {
      long b = signExtend(Mem.load(cpu, destination(cpu, in, bytes, false), in.width), in.width);
      advance(cpu, in, Gpr.RDI, step);
      counted(cpu, in, 1);
      Flags.sub(cpu, a, b, signExtend(a - b, in.width), in.width);
      if (--count == 0 || stops(in, a == b) || interrupted(cpu, in, n)) {
        return;
      }
    }
  }

  private static boolean stops(Insn in, boolean equal) {
    return in.rep == Insn.REP ? !equal : equal;
  }
}
