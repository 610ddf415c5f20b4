/**
 * IEEE arithmetic in plain Java: every rounding mode, the sticky flags, and the 80-bit format.
 *
 * <p>Pure functions over bits with a small workspace; they know no register and no instruction. The
 * fast paths over host {@code double}s live with the instructions; what those cannot answer exactly
 * comes here.
 */
@org.jspecify.annotations.NullMarked
package org.redoubt.x86.exec.internal.fp;
