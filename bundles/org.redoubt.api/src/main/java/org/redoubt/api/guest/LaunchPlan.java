package org.redoubt.api.guest;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.redoubt.api.cpu.CpuState;

/**
 * What to put where, and where to begin.
 *
 * @param regions in the order in which they are measured; page-aligned, disjoint
 * @param entry the boot vCPU's state; the others wait for SIPI
 * @param secret where a launch secret goes: within a region, blank; there if and only if the
 *     request has room for one
 */
public record LaunchPlan(List<Region> regions, CpuState entry, Optional<SecretArea> secret) {
  /** Copies the list. */
  public LaunchPlan {
    regions = List.copyOf(regions);
  }

  /**
   * One run of guest memory.
   *
   * @param name for logs, such as {@code kernel}
   * @param gpa first address, a multiple of 4,096
   * @param bytes contents, a multiple of 4,096 long, not 0; read only
   */
  public record Region(String name, long gpa, MemorySegment bytes) {}

  /**
   * Where a launch secret goes.
   *
   * @param gpa first address, a multiple of 16
   * @param bytes room, a multiple of 16
   */
  public record SecretArea(long gpa, int bytes) {}
}
