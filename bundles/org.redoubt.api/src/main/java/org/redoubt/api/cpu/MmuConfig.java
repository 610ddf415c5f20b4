package org.redoubt.api.cpu;

import java.lang.foreign.MemorySegment;
import org.redoubt.api.memory.MemoryPort;

/**
 * What an MMU works on.
 *
 * @param port the vCPU's memory port
 * @param tlb the vCPU's block of {@link TlbLayout#BYTES} bytes; the MMU writes its entries
 * @param nested the nested tables
 * @param asid the guest's ASID
 * @param cBit position of the C-bit in guest page tables (CPUID 8000_001F EBX 5:0) if SEV is on,
 *     else 0
 * @param physicalBits guest-physical address width in bits, the C-bit's reduction taken off
 */
public record MmuConfig(
    MemoryPort port, MemorySegment tlb, NestedPaging nested, int asid, int cBit, int physicalBits) {
  /** Whether the guest's memory encryption is on. */
  public boolean sev() {
    return cBit != 0;
  }
}
