package org.redoubt.api.memory;

/**
 * A page of DRAM as the memory system's books have it.
 *
 * @param tag the {@link PageTag} it was last written under, whoever has looked at it since; if it
 *     never was, the one it is resident under, or {@link PageTag#SHARED}
 * @param resident whether the SoC cache holds it
 * @param dirty whether the cache's copy is newer than DRAM's
 * @param touched whether it was ever written since creation
 */
public record PageInfo(int tag, boolean resident, boolean dirty, boolean touched) {}
