package org.redoubt.api.cpu;

import java.util.List;
import java.util.Set;

/**
 * Where a vCPU is to return {@link Exit.Kind#DEBUG} from {@link CpuEngine#run}, besides all else
 * that ends a run. The guest cannot see any of it: nothing is written to its memory or to its debug
 * registers.
 *
 * @param step after one instruction, or after the event that came in its place. Interrupts are held
 *     off meanwhile, unless the vCPU is halted
 * @param breakpoints before the instructions at these linear addresses
 * @param watches after an instruction or event that made one of these accesses
 */
public record DebugStops(boolean step, Set<Long> breakpoints, List<Watch> watches) {
  /** No stops. */
  public static final DebugStops NONE = new DebugStops(false, Set.of(), List.of());

  /** EXITINFO1 of the exit after a step. */
  public static final long STEP = 1;

  /** EXITINFO1 of the exit at a breakpoint; EXITINFO2 is its linear address. */
  public static final long BREAKPOINT = 2;

  /** EXITINFO1 of the exit after an access; EXITINFO2 is the first address of the watch. */
  public static final long WATCH = 3;

  /**
   * Accesses of the vCPU's to watch.
   *
   * @param gva first linear address
   * @param bytes how many, at least 1
   * @param reads whether loads count
   * @param writes whether stores count
   */
  public record Watch(long gva, long bytes, boolean reads, boolean writes) {
    /** Checks the length. */
    public Watch {
      if (bytes < 1) {
        throw new IllegalArgumentException("bug: a watch of %d bytes".formatted(bytes));
      }
    }

    /** Whether an access touches it. */
    public boolean sees(long address, long length, boolean write) {
      return (write ? writes : reads) && address - gva < bytes && gva - address < length;
    }
  }

  /** Copies both collections. */
  public DebugStops {
    breakpoints = Set.copyOf(breakpoints);
    watches = List.copyOf(watches);
  }

  /** Whether there is nothing to stop at. */
  public boolean isEmpty() {
    return !step && breakpoints.isEmpty() && watches.isEmpty();
  }
}
