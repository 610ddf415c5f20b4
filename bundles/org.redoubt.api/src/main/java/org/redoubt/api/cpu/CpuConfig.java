package org.redoubt.api.cpu;

import org.redoubt.api.device.LocalApic;
import org.redoubt.api.memory.MemorySystem;

/**
 * What a CPU engine is connected to.
 *
 * @param index number of the vCPU, from 0: its APIC id too
 * @param model CPU model by QEMU's name
 * @param memory where it attaches its port
 * @param mmu makes its MMU
 * @param nested the nested tables
 * @param asid the guest's ASID; used for private accesses only
 * @param cBit position of the C-bit if SEV is on, else 0
 * @param bus what its instructions reach
 * @param apic its local APIC; the engine connects its {@link org.redoubt.api.device.VcpuSignal} to
 *     it
 */
public record CpuConfig(
    int index,
    String model,
    MemorySystem memory,
    MmuFactory mmu,
    NestedPaging nested,
    int asid,
    int cBit,
    CpuBus bus,
    LocalApic apic) {}
