/** Address map, SoC cache and DRAM. */
@org.jspecify.annotations.NullMarked
package org.redoubt.memory;
