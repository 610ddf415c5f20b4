package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.redoubt.api.HypervisorException;

/** An off-heap array of {@code long}, zero at first, that costs memory only where it was used. */
final class LongTable {
  private static final VarHandle AT = JAVA_LONG.varHandle();

  private final MemorySegment words;

  LongTable(long count, Arena arena, String what) throws HypervisorException {
    words = HostMemory.map(count << 3, arena, what);
  }

  /** Volatile read. */
  long get(long i) {
    return (long) AT.getVolatile(words, i << 3);
  }

  /** Volatile write. */
  void set(long i, long value) {
    AT.setVolatile(words, i << 3, value);
  }

  /** Write that makes earlier writes visible to whoever reads it; needs no fence. */
  void setRelease(long i, long value) {
    AT.setRelease(words, i << 3, value);
  }

  boolean compareAndSet(long i, long expected, long value) {
    return (boolean) AT.compareAndSet(words, i << 3, expected, value);
  }

  long getAndAdd(long i, long delta) {
    return (long) AT.getAndAdd(words, i << 3, delta);
  }

  long getAndOr(long i, long bits) {
    return (long) AT.getAndBitwiseOr(words, i << 3, bits);
  }

  long getAndAnd(long i, long bits) {
    return (long) AT.getAndBitwiseAnd(words, i << 3, bits);
  }
}
