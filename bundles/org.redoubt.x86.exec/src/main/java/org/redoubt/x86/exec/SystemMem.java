package org.redoubt.x86.exec;

import org.redoubt.api.cpu.TlbLayout;

/**
 * The processor's own accesses, to descriptor tables and task-state segments: supervisor ones
 * whatever the CPL. APM Vol. 2, 5.6.
 */
final class SystemMem {
  private SystemMem() {}

  private static int enter(Cpu cpu) {
    int old = cpu.bank;
    cpu.selectBank(TlbLayout.BANK_SUPERVISOR, false);
    return old;
  }

  private static void leave(Cpu cpu, int bank) {
    cpu.selectBank(bank, cpu.guarded());
  }

  /** A load of 8 to 64 bits, zero-extended. */
  static long load(Cpu cpu, long gva, int width) {
    int old = enter(cpu);
    try {
      return Mem.load(cpu, gva, width);
    } finally {
      leave(cpu, old);
    }
  }

  static void store(Cpu cpu, long gva, int width, long value) {
    int old = enter(cpu);
    try {
      Mem.store(cpu, gva, width, value);
    } finally {
      leave(cpu, old);
    }
  }

  /** Atomically sets bits of a descriptor's access byte: accessed, busy. */
  static void setBits(Cpu cpu, long gva, int bits) {
    int old = enter(cpu);
    try {
      long value;
      do {
        value = Mem.loadForWrite(cpu, gva, 8);
      } while (!Atomics.compareAndSet(cpu, gva, 8, value, value | bits));
    } finally {
      leave(cpu, old);
    }
  }

  /** Atomically clears bits of a descriptor's access byte: busy. */
  static void clearBits(Cpu cpu, long gva, int bits) {
    int old = enter(cpu);
    try {
      long value;
      do {
        value = Mem.loadForWrite(cpu, gva, 8);
      } while (!Atomics.compareAndSet(cpu, gva, 8, value, value & ~bits));
    } finally {
      leave(cpu, old);
    }
  }

  /** Raises the fault that a write of these bytes would raise. */
  static void checkWrite(Cpu cpu, long gva, int bytes) {
    int old = enter(cpu);
    try {
      Mem.checkWrite(cpu, gva, bytes);
    } finally {
      leave(cpu, old);
    }
  }

  /** Linear addresses are 32 bits wide outside long mode. */
  static long wrap(Cpu cpu, long gva) {
    return cpu.longMode() ? gva : gva & 0xffff_ffffL;
  }
}
