package org.redoubt.x86.exec.silicon;

import org.redoubt.spec.x86.Gpr;
import org.redoubt.spec.x86.Rflags;
import org.redoubt.x86.decode.Insn;
import org.redoubt.x86.decode.Op;
import org.redoubt.x86.decode.Operand;

/** What the manual leaves open, case by case. */
final class Undefined {
  private static final int ALL =
      Rflags.CF | Rflags.PF | Rflags.AF | Rflags.ZF | Rflags.SF | Rflags.OF;
  private static final double RELATIVE = 1.5 / 4096;

  private Undefined() {}

  /** The status flags that this execution leaves undefined. */
  static int flags(Insn in, long[] before) {
    return switch (in.op) {
      case ROL, ROR, RCL, RCR -> count(in, before) <= 1 ? 0 : Rflags.OF;
      case SHL, SHR, SAR -> shift(in, count(in, before));
      case SHLD, SHRD -> shift(in, count(in, before));
      default -> in.op.flagsUndefined();
    };
  }

  private static int shift(Insn in, int count) {
    if (count == 0) {
      return 0;
    }
    int undefined = Rflags.AF | (count == 1 ? 0 : Rflags.OF);
    if (count > in.width) {
      return ALL;
    }
    return count == in.width && in.op != Op.SAR ? undefined | Rflags.CF : undefined;
  }

  private static int count(Insn in, long[] before) {
    Operand o = in.operand(in.operands() - 1);
    long value = o.kind == Operand.GPR ? before[Gpr.RCX] : in.imm;
    return (int) value & (in.width == 64 ? 63 : 31);
  }

  /** Whether an x87 result is close enough to the host's. */
  static boolean near(Op op, int hostSign, long hostBits, int sign, long bits) {
    if (hostSign == sign && hostBits == bits) {
      return true;
    }
    if (!Exclusions.TOLERANCES.containsKey(op)) {
      return false;
    }
    // One unit apart, perhaps across a power of two.
    if (hostSign == sign) {
      return Math.abs(hostBits - bits) <= 1;
    }
    boolean carry = hostSign + 1 == sign && hostBits == -1 && bits == 1L << 63;
    return carry || (sign + 1 == hostSign && bits == -1 && hostBits == 1L << 63);
  }

  /** Whether half an XMM register is close enough to the host's. */
  static boolean near(Op op, long host, long ours) {
    if (host == ours) {
      return true;
    }
    if (!Exclusions.TOLERANCES.containsKey(op)) {
      return false;
    }
    return nearSingle((int) host, (int) ours)
        && nearSingle((int) (host >>> 32), (int) (ours >>> 32));
  }

  private static boolean nearSingle(int host, int ours) {
    if (host == ours) {
      return true;
    }
    float a = Float.intBitsToFloat(host);
    float b = Float.intBitsToFloat(ours);
    if (a == 0 && (host ^ ours) >= 0 && Math.abs(b) <= Float.MIN_NORMAL * (1 + RELATIVE)) {
      return true; // An approximation a little below the least normal number is zero.
    }
    return Math.abs((double) a - b) <= RELATIVE * Math.abs((double) a) * (1 + RELATIVE);
  }
}
