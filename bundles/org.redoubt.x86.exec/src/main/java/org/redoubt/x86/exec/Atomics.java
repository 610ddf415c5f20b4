package org.redoubt.x86.exec;

import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.TlbLayout;

/**
 * Reads and writes that no other vCPU sees in parts: what LOCK asks for. Within 8 aligned bytes by
 * a compare-and-set of the host; else all other vCPUs stop meanwhile.
 */
final class Atomics {
  /** Answers of what is done alone: the other answers are 0 and 1. */
  private static final int NOT_IN_TLB = 2;

  /** How often a page may be gone again before its turn comes. */
  private static final int ATTEMPTS = 1000;

  /** Answers of {@link #reach}: the others are system-physical addresses. */
  private static final long WRITABLE = -1;

  private static final long DEVICE = -2;

  private Atomics() {}

  /**
   * Atomically replaces 8 to 64 bits if they hold {@code expected}.
   *
   * @return false if they did not
   */
  static boolean compareAndSet(Cpu cpu, long gva, int width, long expected, long value) {
    int bytes = width >> 3;
    int offset = (int) gva & 7;
    if (offset + bytes > 8) {
      return compareAndSetAcross(cpu, gva, width, expected, value);
    }
    long e = entry(cpu.tlb, gva);
    if (Mem.writeHit(e, gva)) {
      return exchange(Mem.host(e, gva), bytes, expected, value);
    }
    Guard.access(cpu, gva, bytes, true);
    int result = Mem.fill(cpu, gva, Mmu.WRITE);
    if (result == Mmu.MMIO) {
      Mem.store(cpu, gva, width, value);
      return true;
    }
    boolean done = exchange(cpu.mmu.hostAddress(), bytes, expected, value);
    if (done && result == Mmu.FILLED_WATCHED) {
      cpu.mmu.written(cpu.mmu.spa(), bytes);
    }
    return done;
  }

  private static boolean exchange(long host, int bytes, long expected, long value) {
    if (bytes == 8) {
      return HostMemory.compareAndSet64(host, expected, value);
    }
    if (bytes == 4 && (host & 3) == 0) {
      return HostMemory.compareAndSet32(host, (int) expected, (int) value);
    }
    long base = host & ~7;
    int shift = (int) (host & 7) * 8;
    long mask = (1L << (8 * bytes)) - 1 << shift;
    while (true) {
      long old = HostMemory.getVolatile64(base);
      if ((old & mask) != (expected << shift & mask)) {
        return false;
      }
      if (HostMemory.compareAndSet64(base, old, old & ~mask | value << shift & mask)) {
        return true;
      }
    }
  }

  // Alone. The action calls neither the MMU nor the port, so the pages are made reachable before it
  // and looked for again in it. A page with decoded code on it is never in the TLB for writing, but
  // for reading, at the same host address.

  private static boolean compareAndSetAcross(
      Cpu cpu, long gva, int width, long expected, long value) {
    int bytes = width >> 3;
    long last = gva + bytes - 1;
    boolean twoPages = ((gva ^ last) & Mem.PAGE) != 0;
    Guard.access(cpu, gva, bytes, true);
    for (int i = 0; i < ATTEMPTS; i++) {
      long first = reach(cpu, gva);
      long second = twoPages ? reach(cpu, last & Mem.PAGE) : WRITABLE;
      if (first == DEVICE || second == DEVICE) {
        break;
      }
      int answer =
          cpu.hooks.alone(() ->
              isThere(cpu, gva, first) && (!twoPages || isThere(cpu, last, second))
                  ? replaceBytes(cpu, gva, bytes, expected, value) ? 1 : 0
                  : NOT_IN_TLB);
      if (answer == NOT_IN_TLB) {
        continue;
      }
      if (answer != 0) {
        int inFirst = twoPages ? 4096 - ((int) gva & 0xfff) : bytes;
        tell(cpu, first, inFirst);
        tell(cpu, second, bytes - inFirst);
      }
      return answer != 0;
    }
    if (Mem.loadForWrite(cpu, gva, width) != expected) {
      return false;
    }
    Mem.store(cpu, gva, width, value);
    return true;
  }

  private static boolean replaceBytes(Cpu cpu, long gva, int bytes, long expected, long value) {
    long old = 0;
    for (int i = 0; i < bytes; i++) {
      old |= (long) HostMemory.get8(host(cpu, gva + i)) << (8 * i);
    }
    if (old != Operands.zeroExtend(expected, 8 * bytes)) {
      return false;
    }
    for (int i = 0; i < bytes; i++) {
      HostMemory.put8(host(cpu, gva + i), (int) (value >>> (8 * i)));
    }
    return true;
  }

  /**
   * Atomically replaces 16 aligned bytes if they hold {@code low} and {@code high}; what they held
   * is then in {@code temp[0]} and {@code temp[1]} of the vCPU.
   *
   * @return false if they did not
   */
  static boolean compareAndSet128(
      Cpu cpu, long gva, long low, long high, long newLow, long newHigh) {
    Guard.access(cpu, gva, 8, true);
    Guard.access(cpu, gva + 8, 8, true);
    for (int i = 0; i < ATTEMPTS; i++) {
      long spa = reach(cpu, gva);
      if (spa == DEVICE) {
        break;
      }
      int answer =
          cpu.hooks.alone(() ->
              isThere(cpu, gva, spa)
                  ? replaceHalves(cpu, gva, low, high, newLow, newHigh) ? 1 : 0
                  : NOT_IN_TLB);
      if (answer == NOT_IN_TLB) {
        continue;
      }
      if (answer != 0) {
        tell(cpu, spa, 16);
      }
      return answer != 0;
    }
    return replaceWide(cpu, gva, low, high, newLow, newHigh);
  }

  private static boolean replaceHalves(
      Cpu cpu, long gva, long low, long high, long newLow, long newHigh) {
    long host = host(cpu, gva);
    cpu.temp[0] = HostMemory.get64(host);
    cpu.temp[1] = HostMemory.get64(host + 8);
    if (cpu.temp[0] != low || cpu.temp[1] != high) {
      return false;
    }
    HostMemory.put64(host, newLow);
    HostMemory.put64(host + 8, newHigh);
    return true;
  }

  /** As {@link #compareAndSet128}, without atomicity: CMPXCHG16B without LOCK. */
  static boolean replaceWide(Cpu cpu, long gva, long low, long high, long newLow, long newHigh) {
    Mem.load128(cpu, gva, cpu.temp, 0);
    if (cpu.temp[0] != low || cpu.temp[1] != high) {
      return false;
    }
    Mem.store128(cpu, gva, newLow, newHigh);
    return true;
  }

  private static long entry(long bank, long gva) {
    return bank + (gva >>> 7 & Mem.INDEX_MASK);
  }

  /** The entry in the bank that the MMU fills, also while another one is looked into. */
  private static long filled(Cpu cpu, long gva) {
    long bank = cpu.tlbBlock + TlbLayout.BANKS_OFFSET + cpu.bank * TlbLayout.BANK_BYTES;
    return entry(bank, gva);
  }

  private static long host(Cpu cpu, long gva) {
    return Mem.host(filled(cpu, gva), gva);
  }

  /**
   * Has the page in the TLB, or raises the fault of a write.
   *
   * @return {@link #WRITABLE}, {@link #DEVICE}, or where the byte is if its page is watched
   */
  private static long reach(Cpu cpu, long gva) {
    if (Mem.writeHit(filled(cpu, gva), gva)) {
      return WRITABLE;
    }
    return switch (Mem.fill(cpu, gva, Mmu.WRITE)) {
      case Mmu.MMIO -> DEVICE;
      case Mmu.FILLED_WATCHED -> cpu.mmu.spa();
      default -> WRITABLE;
    };
  }

  /** Whether a page that was reached is in the TLB still. */
  private static boolean isThere(Cpu cpu, long gva, long reached) {
    long e = filled(cpu, gva);
    return reached == WRITABLE ? Mem.writeHit(e, gva) : Mem.readHit(e, gva);
  }

  /** Tells of bytes written to a page that was reached, if it is watched. */
  private static void tell(Cpu cpu, long reached, int bytes) {
    if (reached != WRITABLE) {
      cpu.mmu.written(reached, bytes);
    }
  }
}
