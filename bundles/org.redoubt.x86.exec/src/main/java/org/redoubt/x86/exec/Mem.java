package org.redoubt.x86.exec;

import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.TlbLayout;

/**
 * Loads and stores at linear addresses. A TLB hit is one compare, one add and the access; the
 * compare finds page crossings too. A host address is used at once and never kept.
 */
public final class Mem {
  static final long PAGE = -4096;
  static final long INDEX_MASK = (TlbLayout.ENTRIES - 1L) << 5;

  private Mem() {}

  // The entry of a gva is 32 bytes: (gva >>> 12 & mask) << 5.
  private static long entry(Cpu cpu, long gva) {
    return cpu.tlb + (gva >>> 7 & INDEX_MASK);
  }

  static long host(long entry, long gva) {
    return gva + HostMemory.get64(entry + TlbLayout.ADDEND);
  }

  static boolean readHit(long entry, long last) {
    return HostMemory.get64(entry + TlbLayout.READ_TAG) == (last & PAGE);
  }

  static boolean writeHit(long entry, long last) {
    return HostMemory.get64(entry + TlbLayout.WRITE_TAG) == (last & PAGE);
  }

  // Loads: zero-extended.

  public static int load8(Cpu cpu, long gva) {
    long e = entry(cpu, gva);
    return readHit(e, gva) ? HostMemory.get8(host(e, gva)) : (int) slowLoad(cpu, gva, 1);
  }

  public static int load16(Cpu cpu, long gva) {
    long e = entry(cpu, gva);
    return readHit(e, gva + 1) ? HostMemory.get16(host(e, gva)) : (int) slowLoad(cpu, gva, 2);
  }

  /** The 32 bits as a signed int. */
  public static int load32(Cpu cpu, long gva) {
    long e = entry(cpu, gva);
    return readHit(e, gva + 3) ? HostMemory.get32(host(e, gva)) : (int) slowLoad(cpu, gva, 4);
  }

  public static long load64(Cpu cpu, long gva) {
    long e = entry(cpu, gva);
    return readHit(e, gva + 7) ? HostMemory.get64(host(e, gva)) : slowLoad(cpu, gva, 8);
  }

  /** 16 bytes into {@code target[index]} (low half) and the next. */
  public static void load128(Cpu cpu, long gva, long[] target, int index) {
    long low = load64(cpu, gva);
    long high = load64(cpu, gva + 8);
    target[index] = low;
    target[index + 1] = high;
  }

  /** A load of 8, 16, 32 or 64 bits, zero-extended. */
  public static long load(Cpu cpu, long gva, int width) {
    return switch (width) {
      case 8 -> load8(cpu, gva);
      case 16 -> load16(cpu, gva);
      case 32 -> load32(cpu, gva) & 0xffff_ffffL;
      default -> load64(cpu, gva);
    };
  }

  // Stores

  public static void store8(Cpu cpu, long gva, int value) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva)) {
      HostMemory.put8(host(e, gva), value);
    } else {
      slowStore(cpu, gva, 1, value);
    }
  }

  public static void store16(Cpu cpu, long gva, int value) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva + 1)) {
      HostMemory.put16(host(e, gva), value);
    } else {
      slowStore(cpu, gva, 2, value);
    }
  }

  public static void store32(Cpu cpu, long gva, int value) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva + 3)) {
      HostMemory.put32(host(e, gva), value);
    } else {
      slowStore(cpu, gva, 4, value);
    }
  }

  public static void store64(Cpu cpu, long gva, long value) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva + 7)) {
      HostMemory.put64(host(e, gva), value);
    } else {
      slowStore(cpu, gva, 8, value);
    }
  }

  /** Two halves; a fault leaves both unwritten. */
  public static void store128(Cpu cpu, long gva, long low, long high) {
    checkWrite(cpu, gva, 16);
    store64(cpu, gva, low);
    store64(cpu, gva + 8, high);
  }

  /** A store of 8, 16, 32 or 64 bits. */
  public static void store(Cpu cpu, long gva, int width, long value) {
    switch (width) {
      case 8 -> store8(cpu, gva, (int) value);
      case 16 -> store16(cpu, gva, (int) value);
      case 32 -> store32(cpu, gva, (int) value);
      default -> store64(cpu, gva, value);
    }
  }

  // Read for a write that follows: faults as a write does.

  /** A load of 8 to 64 bits from memory that is going to be written. */
  public static long loadForWrite(Cpu cpu, long gva, int width) {
    long e = entry(cpu, gva);
    int bytes = width >> 3;
    if (writeHit(e, gva + bytes - 1)) {
      return HostMemory.get(host(e, gva), bytes);
    }
    Guard.access(cpu, gva, bytes, true);
    checkWrite(cpu, gva, bytes);
    return load(cpu, gva, width);
  }

  /** Raises the fault that a write of these bytes would raise. Up to 4,096 bytes. */
  public static void checkWrite(Cpu cpu, long gva, int bytes) {
    check(cpu, gva, bytes, Mmu.WRITE);
  }

  /** Raises the fault that a read of these bytes would raise. Up to 4,096 bytes. */
  public static void checkRead(Cpu cpu, long gva, int bytes) {
    check(cpu, gva, bytes, Mmu.READ);
  }

  private static void check(Cpu cpu, long gva, int bytes, int access) {
    long last = gva + bytes - 1;
    if (!hit(cpu, gva, access)) {
      fill(cpu, gva, access);
    }
    if (((gva ^ last) & PAGE) != 0 && !hit(cpu, last & PAGE, access)) {
      fill(cpu, last & PAGE, access);
    }
  }

  private static boolean hit(Cpu cpu, long gva, int access) {
    long e = entry(cpu, gva);
    return access == Mmu.WRITE ? writeHit(e, gva) : readHit(e, gva);
  }

  /** Fills; returns the MMU's result if the access can go on. */
  static int fill(Cpu cpu, long gva, int access) {
    int result = cpu.mmu.fill(gva, access, cpu.bank);
    if (result == Mmu.FILLED || result == Mmu.FILLED_WATCHED || result == Mmu.MMIO) {
      return result;
    }
    throw unfilled(cpu, gva, result);
  }

  /** The fault for a fill that failed. */
  public static GuestFault unfilled(Cpu cpu, long gva, int result) {
    return switch (result) {
      case Mmu.PAGE_FAULT -> cpu.fault.pageFault(gva, cpu.mmu.errorCode());
      case Mmu.NOT_CANONICAL -> cpu.fault.nonCanonical();
      case Mmu.NESTED_PAGE_FAULT ->
          cpu.fault.leave(
              new Exit(Exit.Kind.NESTED_PAGE_FAULT, cpu.mmu.errorCode(), cpu.mmu.gpa(), ""));
      case Mmu.SUSPENDED -> cpu.fault.leave(Exit.of(Exit.Kind.SUSPENDED));
      default -> throw new IllegalStateException("bug: fill returned " + result);
    };
  }

  private static long slowLoad(Cpu cpu, long gva, int bytes) {
    Guard.access(cpu, gva, bytes, false);
    if ((gva & 0xfff) + bytes > 4096) {
      return loadAcross(cpu, gva, bytes);
    }
    if (fill(cpu, gva, Mmu.READ) == Mmu.MMIO) {
      return cpu.bus.mmioRead(cpu.mmu.gpa(), bytes);
    }
    return HostMemory.get(cpu.mmu.hostAddress(), bytes);
  }

  private static long loadAcross(Cpu cpu, long gva, int bytes) {
    checkRead(cpu, gva, bytes);
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) load8(cpu, gva + i) << (8 * i);
    }
    return value;
  }

  private static void slowStore(Cpu cpu, long gva, int bytes, long value) {
    Guard.access(cpu, gva, bytes, true);
    if ((gva & 0xfff) + bytes > 4096) {
      checkWrite(cpu, gva, bytes);
      for (int i = 0; i < bytes; i++) {
        store8(cpu, gva + i, (int) (value >>> (8 * i)));
      }
      return;
    }
    int result = fill(cpu, gva, Mmu.WRITE);
    if (result == Mmu.MMIO) {
      long masked = bytes == 8 ? value : value & (1L << (8 * bytes)) - 1;
      cpu.bus.mmioWrite(cpu.mmu.gpa(), bytes, masked);
      return;
    }
    HostMemory.put(cpu.mmu.hostAddress(), bytes, value);
    if (result == Mmu.FILLED_WATCHED) {
      cpu.mmu.written(cpu.mmu.spa(), bytes);
    }
  }

  // Runs within a page

  /**
   * Copies a run within a page to an array.
   *
   * @return false, and nothing done, if it is not plain memory
   */
  static boolean readRun(Cpu cpu, long gva, byte[] target, int bytes) {
    long e = entry(cpu, gva);
    if (readHit(e, gva)) {
      HostMemory.copyOut(host(e, gva), target, 0, bytes);
      return true;
    }
    if (fill(cpu, gva, Mmu.READ) == Mmu.MMIO) {
      return false;
    }
    HostMemory.copyOut(cpu.mmu.hostAddress(), target, 0, bytes);
    return true;
  }

  /**
   * Copies from an array to a run within a page.
   *
   * @return false, and nothing done, if it is not plain memory
   */
  static boolean writeRun(Cpu cpu, long gva, byte[] source, int bytes) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva)) {
      HostMemory.copyIn(source, host(e, gva), bytes);
      return true;
    }
    int result = fill(cpu, gva, Mmu.WRITE);
    if (result == Mmu.MMIO) {
      return false;
    }
    HostMemory.copyIn(source, cpu.mmu.hostAddress(), bytes);
    if (result == Mmu.FILLED_WATCHED) {
      cpu.mmu.written(cpu.mmu.spa(), bytes);
    }
    return true;
  }

  /**
   * Fills a run within a page with a value of 8 to 64 bits.
   *
   * @return false, and nothing done, if it is not plain memory
   */
  static boolean fillRun(Cpu cpu, long gva, int bytes, long value, int width) {
    long e = entry(cpu, gva);
    if (writeHit(e, gva)) {
      pattern(host(e, gva), bytes, value, width);
      return true;
    }
    int result = fill(cpu, gva, Mmu.WRITE);
    if (result == Mmu.MMIO) {
      return false;
    }
    pattern(cpu.mmu.hostAddress(), bytes, value, width);
    if (result == Mmu.FILLED_WATCHED) {
      cpu.mmu.written(cpu.mmu.spa(), bytes);
    }
    return true;
  }

  private static void pattern(long host, int bytes, long value, int width) {
    int step = width >> 3;
    if (step == 1 || Operands.zeroExtend(value, width) == 0) {
      HostMemory.fill(host, bytes, (int) value);
    } else {
      for (int i = 0; i < bytes; i += step) {
        HostMemory.put(host + i, step, value);
      }
    }
  }
}
