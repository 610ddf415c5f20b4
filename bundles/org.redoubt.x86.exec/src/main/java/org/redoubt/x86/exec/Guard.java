package org.redoubt.x86.exec;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.redoubt.api.cpu.TlbLayout;
import org.redoubt.spec.x86.Vector;

/**
 * What each data access is checked for while alignment is checked, a data breakpoint is armed or a
 * debugger watches. All are rare, and the fast path knows nothing of them: the vCPU uses a TLB bank
 * that never hits, so that every access comes by here on its slow path.
 */
final class Guard {
  private static final MemorySegment EMPTY =
      Arena.global().allocate(TlbLayout.BANK_BYTES, 64).fill((byte) TlbLayout.INVALID);

  /** Host address of a bank without entries; nobody writes it. */
  static final long NEVER_HITS = EMPTY.address();

  private Guard() {}

  /**
   * Looks at an access before it is made, if it is to be looked at.
   *
   * @param bytes 1, 2, 4 or 8: each is aligned to its size
   */
  static void access(Cpu cpu, long gva, int bytes, boolean write) {
    if (cpu.tlb == NEVER_HITS) {
      aligned(cpu, gva, bytes);
      Breakpoints.access(cpu, gva, bytes, write);
      watches(cpu, gva, bytes, write);
    }
  }

  /** Notes a watch that the access hits; the stop flag ends the run after the instruction. */
  private static void watches(Cpu cpu, long gva, int bytes, boolean write) {
    for (int i = 0; i < cpu.watches.length; i++) {
      if (cpu.watches[i].sees(gva, bytes, write)) {
        cpu.watchHit = i + 1;
        HostMemory.put(cpu.tlbBlock + TlbLayout.STOP_FLAG, 4, 1);
        return;
      }
    }
  }

  /** A meaning whose operands are never checked for alignment. */
  static Meaning unaligned(Meaning meaning) {
    return (cpu, in) -> {
      boolean checked = cpu.alignmentChecked;
      cpu.alignmentChecked = false;
      try {
        meaning.run(cpu, in);
      } finally {
        cpu.alignmentChecked = checked;
      }
    };
  }

  /**
   * #AC if alignment is checked and this is not aligned: for operands that are accessed in pieces,
   * or later than silicon looks at their alignment.
   *
   * @param bytes a power of two
   */
  static void aligned(Cpu cpu, long gva, int bytes) {
    if (cpu.alignmentChecked && (gva & bytes - 1) != 0) {
      throw cpu.raise(Vector.AC, 0);
    }
  }
}
