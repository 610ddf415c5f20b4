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
    select(cpu, TlbLayout.BANK_SUPERVISOR);
    return old;
  }

  private static void select(Cpu cpu, int bank) {
    cpu.bank = bank;
    cpu.tlb = cpu.tlbBlock + TlbLayout.BANKS_OFFSET + bank * TlbLayout.BANK_BYTES;
  }

  /** A load of 8 to 64 bits, zero-extended. */
  static long load(Cpu cpu, long gva, int width) {
    int old = enter(cpu);
    try {
      return Mem.load(cpu, gva, width);
    } finally {
      select(cpu, old);
    }
  }

  static void store(Cpu cpu, long gva, int width, long value) {
    int old = enter(cpu);
    try {
      Mem.store(cpu, gva, width, value);
    } finally {
      select(cpu, old);
    }
  }

  /** Atomically sets bits of a descriptor's access byte: accessed, busy. */
  static void setBits(Cpu cpu, long gva, int bits) {
    int old = enter(cpu);
    try {
      long value;
      do {
        value = Mem.loadForWrite(cpu, gva, 8);
      } while (!Mem.compareAndSet(cpu, gva, 8, value, value | bits));
    } finally {
      select(cpu, old);
    }
  }

  /** Linear addresses are 32 bits wide outside long mode. */
  static long wrap(Cpu cpu, long gva) {
    return cpu.longMode() ? gva : gva & 0xffff_ffffL;
  }
}
