package org.redoubt.cpu.interpreter.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.x86.exec.HostMemory;

/**
 * The block of {@link TlbLayout} of one vCPU: its stop flag, which any thread may raise, and its
 * TLB, from which pages are revoked while the vCPU is not running.
 */
final class TlbBlock {
  /** Up to so many pages the TLB is searched for each; for more it is emptied. */
  private static final int MAX_SCANS = 16;

  private static final VarHandle STOP = ValueLayout.JAVA_INT.varHandle();

  /** Freed with this object: late signals may still come after the engine's end. */
  private final Arena arena = Arena.ofAuto();

  private final MemorySegment block = arena.allocate(TlbLayout.BYTES, 64);

  TlbBlock() {
    revokeAll();
  }

  MemorySegment segment() {
    return block;
  }

  /** Host address of the stop flag. */
  long stopFlag() {
    return block.address() + TlbLayout.STOP_FLAG;
  }

  /** Any thread. */
  void raiseStop() {
    STOP.setVolatile(block, TlbLayout.STOP_FLAG, 1);
  }

  void clearStop() {
    STOP.setVolatile(block, TlbLayout.STOP_FLAG, 0);
  }

  /** Number of an entry: from 0, over all banks. */
  static int slot(long entry) {
    return (int) ((entry - TlbLayout.BANKS_OFFSET) / TlbLayout.ENTRY_BYTES);
  }

  /** Whether an entry holds that page for fetching. */
  boolean fetches(long entry, long gvaPage) {
    return block.get(ValueLayout.JAVA_LONG, entry + TlbLayout.FETCH_TAG) == gvaPage;
  }

  long addend(long entry) {
    return block.get(ValueLayout.JAVA_LONG, entry + TlbLayout.ADDEND);
  }

  // Revocation

  void revoke(long[] hostPages, int count) {
    if (count > MAX_SCANS) {
      revokeAll();
      return;
    }
    for (int i = 0; i < count; i++) {
      revoke(hostPages[i]);
    }
  }

  /**
   * Invalidates the entries that point into a page: those whose addend makes it the page of a gva
   * which belongs in that entry. One in 1,024 of the others goes too.
   */
  private void revoke(long hostPage) {
    long first = block.address() + TlbLayout.BANKS_OFFSET;
    for (int i = 0; i < TlbLayout.BANKS * TlbLayout.ENTRIES; i++) {
      long addend = HostMemory.get64(first + i * (long) TlbLayout.ENTRY_BYTES + TlbLayout.ADDEND);
      if (((hostPage - addend >>> 12 ^ i) & TlbLayout.ENTRIES - 1) == 0) {
        invalidate(TlbLayout.BANKS_OFFSET + i * (long) TlbLayout.ENTRY_BYTES);
      }
    }
  }

  void revokeAll() {
    for (long entry = TlbLayout.BANKS_OFFSET;
        entry < TlbLayout.BYTES;
        entry += TlbLayout.ENTRY_BYTES) {
      invalidate(entry);
    }
  }

  private void invalidate(long entry) {
    for (long tag = TlbLayout.READ_TAG; tag <= TlbLayout.FETCH_TAG; tag += 8) {
      block.set(ValueLayout.JAVA_LONG, entry + tag, TlbLayout.INVALID);
    }
  }
}
