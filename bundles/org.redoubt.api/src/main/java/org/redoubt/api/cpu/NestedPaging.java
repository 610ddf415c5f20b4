package org.redoubt.api.cpu;

/**
 * The nested paging state of a guest, as its VMCB has it. The tables lie in host memory ({@link
 * org.redoubt.api.memory.PageTag#SHARED}) in the 4-level long-mode format; an entry that is not
 * present means MMIO.
 *
 * @param enabled whether nested paging is on (VMCB 90h bit 0); without it guest-physical is
 *     system-physical, and what is not DRAM is MMIO
 * @param nCr3 system-physical address of the nested PML4
 */
public record NestedPaging(boolean enabled, long nCr3) {
  /** No nesting. */
  public static final NestedPaging OFF = new NestedPaging(false, 0);
}
