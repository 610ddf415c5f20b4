package org.redoubt.api.memory;

/**
 * A page of DRAM as the memory system's books have it.
 *
 * @param tag the {@link PageTag} it was last written or is resident under; a page that others have
 *     only looked at stays its writer's. {@link PageTag#SHARED} if never written
 * @param resident whether the SoC cache holds it
 * @param dirty whether the cache's copy is newer than DRAM's
 * @param touched whether it was ever written since creation
 */
public record PageInfo(int tag, boolean resident, boolean dirty, boolean touched) {}
