package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The bytes of a memory key, off the heap, zeroed on close. Kept as long as its slot, so that
 * ciphertext outlives the bundle of its engine.
 */
final class KeyMaterial implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final MemorySegment bytes;

  KeyMaterial(int length) {
    bytes = arena.allocate(Math.max(length, 1)).asSlice(0, length);
  }

  MemorySegment bytes() {
    return bytes;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      bytes.fill((byte) 0);
      arena.close();
    }
  }
}
