package org.redoubt.x86.exec;

import org.redoubt.spec.x86.Rflags;

/**
 * The status flags, kept lazily: an operation stores three longs, and each flag is a few bit
 * operations away, whatever the operation was.
 *
 * <pre>
 *   flagResult   the result, sign-extended from its width   ZF: is zero
 *   flagCarry    the carries out of each bit, moved up so that the top bit's is bit 63
 *                                                           CF: bit 63    OF: bit 63 xor bit 62
 *   flagAux      bit 4: AF; bits 15:8: correction of PF; bit 63: correction of SF
 *                                                           SF: bit 63 of result xor aux
 *                                                           PF: even parity of result xor (aux shifted by 8)
 * </pre>
 */
public final class Flags {
  private static final int AF_BIT = 4;
  private static final int PARITY_SHIFT = 8;

  private Flags() {}

  // Writing

  /** AND, OR, XOR, TEST: CF and OF cleared, AF left clear. The result is sign-extended. */
  public static void logic(Cpu cpu, long result) {
    cpu.flagResult = result;
    cpu.flagCarry = 0;
    cpu.flagAux = 0;
  }

  /** All flags of {@code result = a + b (+ carry)}; everything sign-extended from its width. */
  public static void add(Cpu cpu, long a, long b, long result, int width) {
    long carries = a & b | (a | b) & ~result;
    cpu.flagResult = result;
    cpu.flagCarry = carries << (64 - width);
    cpu.flagAux = (a ^ b ^ result) & Rflags.AF;
  }

  /** All flags of {@code result = a - b (- borrow)}; everything sign-extended from its width. */
  public static void sub(Cpu cpu, long a, long b, long result, int width) {
    long borrows = ~a & b | (~a | b) & result;
    cpu.flagResult = result;
    cpu.flagCarry = borrows << (64 - width);
    cpu.flagAux = (a ^ b ^ result) & Rflags.AF;
  }

  /** As {@link #add}, CF kept. */
  public static void inc(Cpu cpu, long a, long result, int width) {
    long cf = cpu.flagCarry & Long.MIN_VALUE;
    add(cpu, a, 1, result, width);
    keepCarry(cpu, cf);
  }

  /** As {@link #sub}, CF kept. */
  public static void dec(Cpu cpu, long a, long result, int width) {
    long cf = cpu.flagCarry & Long.MIN_VALUE;
    sub(cpu, a, 1, result, width);
    keepCarry(cpu, cf);
  }

  private static void keepCarry(Cpu cpu, long cf) {
    long of = (cpu.flagCarry ^ cpu.flagCarry << 1) & Long.MIN_VALUE;
    cpu.flagCarry = cf | (cf ^ of) >>> 1;
  }

  /** SF, ZF, PF from a sign-extended result, AF clear; CF and OF as given. */
  public static void result(Cpu cpu, long result, boolean cf, boolean of) {
    cpu.flagResult = result;
    cpu.flagCarry = carry(cf, of);
    cpu.flagAux = 0;
  }

  /** Sets CF and OF, the others kept. */
  public static void setCarryOverflow(Cpu cpu, boolean cf, boolean of) {
    cpu.flagCarry = carry(cf, of);
  }

  public static void setCarry(Cpu cpu, boolean cf) {
    cpu.flagCarry = carry(cf, of(cpu));
  }

  public static void setOverflow(Cpu cpu, boolean of) {
    cpu.flagCarry = carry(cf(cpu), of);
  }

  private static long carry(boolean cf, boolean of) {
    return (cf ? Long.MIN_VALUE : 0) | (cf ^ of ? Long.MIN_VALUE >>> 1 : 0);
  }

  /** Sets ZF, the others kept. */
  public static void setZero(Cpu cpu, boolean zf) {
    setStatus(cpu, status(cpu) & ~Rflags.ZF | (zf ? Rflags.ZF : 0));
  }

  /** Sets all six status flags from RFLAGS bits. */
  public static void setStatus(Cpu cpu, int bits) {
    boolean zf = (bits & Rflags.ZF) != 0;
    // A result of 1 has odd parity and no sign; a result of 0 even parity.
    boolean parity = zf;
    long aux = bits & Rflags.AF;
    if ((bits & Rflags.SF) != 0) {
      aux |= Long.MIN_VALUE;
    }
    if (((bits & Rflags.PF) != 0) != parity) {
      aux |= 1L << PARITY_SHIFT;
    }
    cpu.flagResult = zf ? 0 : 1;
    cpu.flagAux = aux;
    cpu.flagCarry = carry((bits & Rflags.CF) != 0, (bits & Rflags.OF) != 0);
  }

  /** Sets all of RFLAGS; reserved bits are dropped. The caller looks after the privilege bank. */
  public static void setAll(Cpu cpu, long rflags) {
    int bits = (int) rflags & Rflags.DEFINED;
    setStatus(cpu, bits);
    cpu.systemFlags = bits & ~Rflags.STATUS;
  }

  // Reading

  public static boolean cf(Cpu cpu) {
    return cpu.flagCarry < 0;
  }

  public static boolean of(Cpu cpu) {
    return (cpu.flagCarry ^ cpu.flagCarry << 1) < 0;
  }

  public static boolean zf(Cpu cpu) {
    return cpu.flagResult == 0;
  }

  public static boolean sf(Cpu cpu) {
    return (cpu.flagResult ^ cpu.flagAux) < 0;
  }

  public static boolean pf(Cpu cpu) {
    int b = (int) (cpu.flagResult ^ cpu.flagAux >>> PARITY_SHIFT) & 0xff;
    b ^= b >> 4;
    return (0x9669 >> (b & 15) & 1) != 0;
  }

  public static boolean af(Cpu cpu) {
    return (cpu.flagAux >>> AF_BIT & 1) != 0;
  }

  /** SF differs from OF. */
  static boolean less(Cpu cpu) {
    return (cpu.flagResult ^ cpu.flagAux ^ cpu.flagCarry ^ cpu.flagCarry << 1) < 0;
  }

  /** The six status flags as RFLAGS bits. */
  public static int status(Cpu cpu) {
    return (cf(cpu) ? Rflags.CF : 0)
        | (pf(cpu) ? Rflags.PF : 0)
        | (int) cpu.flagAux & Rflags.AF
        | (zf(cpu) ? Rflags.ZF : 0)
        | (sf(cpu) ? Rflags.SF : 0)
        | (of(cpu) ? Rflags.OF : 0);
  }

  /** All of RFLAGS. */
  public static long all(Cpu cpu) {
    return status(cpu) | cpu.systemFlags | Rflags.FIXED;
  }

  /** Whether a condition code holds. APM Vol. 3, Table A-1 (Jcc). */
  public static boolean condition(Cpu cpu, int cc) {
    boolean holds =
        switch (cc >> 1) {
          case 0 -> of(cpu);
          case 1 -> cf(cpu);
          case 2 -> zf(cpu);
          case 3 -> cf(cpu) || zf(cpu);
          case 4 -> sf(cpu);
          case 5 -> pf(cpu);
          case 6 -> less(cpu);
          default -> zf(cpu) || less(cpu);
        };
    return holds == ((cc & 1) == 0);
  }
}
