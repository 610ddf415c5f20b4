package org.redoubt.cpu.interpreter.internal;

import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.x86.exec.Cpu;
import org.redoubt.x86.exec.Mem;

/**
 * CLFLUSH, CLFLUSHOPT and CLWB. The memory system writes a whole page back, and drops it; the other
 * lines of the page are flushed by the address found for the first, or each of them would bring the
 * page back.
 */
final class LineFlush {
  private static final long LINE_BYTES = 64;

  private final MemorySystem memory;
  private final MemoryPort port;
  private long page = -1;
  private long spaPage;
  private int bank;
  private long translations;

  LineFlush(MemorySystem memory, MemoryPort port) {
    this.memory = memory;
    this.port = port;
  }

  /**
   * Flushes the line of an address; faults if it cannot be read.
   *
   * @param nowTranslations changes whenever the guest may have changed a translation
   */
  void flush(Cpu cpu, long gva, long nowTranslations) {
    long gvaPage = gva & -4096L;
    if (gvaPage != page || bank != cpu.bank || translations != nowTranslations) {
      int result = cpu.mmu.fill(gva, Mmu.READ, cpu.bank);
      if (result == Mmu.MMIO) {
        return;
      }
      if (result != Mmu.FILLED && result != Mmu.FILLED_WATCHED) {
        throw Mem.unfilled(cpu, gva, result);
      }
      page = gvaPage;
      bank = cpu.bank;
      translations = nowTranslations;
      spaPage = cpu.mmu.spa() & -4096L;
    }
    port.leave();
    try {
      memory.clflush(spaPage + (gva & 4095 & -LINE_BYTES), LINE_BYTES);
    } finally {
      port.enter();
    }
  }
}
