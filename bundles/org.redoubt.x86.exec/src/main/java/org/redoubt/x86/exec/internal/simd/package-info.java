/** What SIMD instructions compute, as pure functions of 64-bit halves: no registers, no memory. */
@org.jspecify.annotations.NullMarked
package org.redoubt.x86.exec.internal.simd;
