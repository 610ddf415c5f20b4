package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Cr4;
import org.redoubt.spec.x86.Dr;
import org.redoubt.spec.x86.Rflags;

/**
 * Hardware breakpoints: on instructions, on data whatever the instruction (explicit operands, the
 * stack, strings), on ports. APM Vol. 2, 13.1.1 and 13.1.2.
 */
public final class Breakpoints {
  private static final int EXECUTE = 0;
  private static final int WRITE = 1;
  private static final int PORT = 2;
  private static final int READ_WRITE = 3;

  private Breakpoints() {}

  private static boolean enabled(Cpu cpu, int n) {
    return (cpu.dr[7] >>> (2 * n) & 3) != 0;
  }

  private static int kind(Cpu cpu, int n) {
    return (int) (cpu.dr[7] >>> (16 + 4 * n)) & 3;
  }

  private static int length(Cpu cpu, int n) {
    return switch ((int) (cpu.dr[7] >>> (18 + 4 * n)) & 3) {
      case 0 -> 1;
      case 1 -> 2;
      case 2 -> 8;
      default -> 4;
    };
  }

  /** Whether any breakpoint on data is armed. */
  static boolean onData(Cpu cpu) {
    if ((cpu.dr[7] & Dr.DR7_ENABLES) != 0) {
      for (int n = 0; n < 4; n++) {
        if (enabled(cpu, n) && (kind(cpu, n) == WRITE || kind(cpu, n) == READ_WRITE)) {
          return true;
        }
      }
    }
    return false;
  }

  /** An instruction breakpoint, unless RF is set; sets DR6. */
  public static boolean atInstruction(Cpu cpu, long gva) {
    if ((cpu.systemFlags & Rflags.RF) != 0) {
      return false;
    }
    long hit = 0;
    for (int n = 0; n < 4; n++) {
      if (enabled(cpu, n) && kind(cpu, n) == EXECUTE && cpu.dr[n] == gva) {
        hit |= 1L << n;
      }
    }
    cpu.dr[6] |= hit;
    return hit != 0;
  }

  /** Notes the breakpoints that an access to data hits. */
  static void access(Cpu cpu, long gva, int bytes, boolean write) {
    for (int n = 0; n < 4; n++) {
      int kind = kind(cpu, n);
      if (enabled(cpu, n) && (kind == READ_WRITE || kind == WRITE && write)) {
        note(cpu, n, gva, bytes);
      }
    }
  }

  /** Notes the breakpoints that an access to ports hits. */
  static void port(Cpu cpu, int port, int bytes) {
    if ((cpu.dr[7] & Dr.DR7_ENABLES) == 0 || (cpu.cr4 & Cr4.DE) == 0) {
      return;
    }
    for (int n = 0; n < 4; n++) {
      if (enabled(cpu, n) && kind(cpu, n) == PORT) {
        note(cpu, n, port, bytes);
      }
    }
  }

  private static void note(Cpu cpu, int n, long at, int bytes) {
    int length = length(cpu, n);
    long start = cpu.dr[n] & -length;
    if (at < start + length && start < at + bytes) {
      cpu.breakpointsHit |= 1L << n;
    }
  }
}
