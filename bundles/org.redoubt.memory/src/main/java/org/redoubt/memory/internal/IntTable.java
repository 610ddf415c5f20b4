package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.redoubt.api.HypervisorException;

/** An off-heap array of {@code int}, zero at first, that costs memory only where it was used. */
final class IntTable {
  private static final VarHandle AT = JAVA_INT.varHandle();

  private final MemorySegment words;

  IntTable(long count, Arena arena, String what) throws HypervisorException {
    words = HostMemory.map(count << 2, arena, what);
  }

  /** Makes all of it zero and gives its memory back; nobody may be using it. */
  void clear() {
    HostMemory.discard(words);
  }

  /** Volatile read. */
  int get(long i) {
    return (int) AT.getVolatile(words, i << 2);
  }

  /** Volatile write. */
  void set(long i, int value) {
    AT.setVolatile(words, i << 2, value);
  }

  /** Write that makes earlier writes visible to whoever reads it; needs no fence. */
  void setRelease(long i, int value) {
    AT.setRelease(words, i << 2, value);
  }

  boolean compareAndSet(long i, int expected, int value) {
    return (boolean) AT.compareAndSet(words, i << 2, expected, value);
  }
}
