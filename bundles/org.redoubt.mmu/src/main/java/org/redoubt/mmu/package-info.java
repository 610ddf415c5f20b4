/** Guest and nested page-table walks. */
@org.jspecify.annotations.NullMarked
package org.redoubt.mmu;
