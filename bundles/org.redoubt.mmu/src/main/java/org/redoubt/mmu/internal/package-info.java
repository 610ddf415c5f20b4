/** Private parts of the MMU: the walks, the TLB's writer, and the caches between the two. */
@NullMarked
package org.redoubt.mmu.internal;

import org.jspecify.annotations.NullMarked;
