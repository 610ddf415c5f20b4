package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One thread's way through an engine: buffers of one page, which are all that an engine ever sees,
 * and what the watchdog needs to know of a call that does not come back.
 *
 * <p>An engine reads and writes here, never in DRAM or in the cache, so one that fails half-way or
 * keeps a segment spoils neither.
 */
final class Lane {
  static final int IDLE = 0;
  static final int CALLING = 1;
  static final int ABANDONED = 2;

  /** Victims of one eviction, at most: one handshake serves them all. */
  static final int BATCH = 64;

  /** What an abandoned call held. */
  enum Work {
    NOTHING,
    FILL,
    EXPEL,
    MOVE_FRAME,
    MOVE_PAGE
  }

  final MemorySegment cipher;
  final MemorySegment cipherIn;
  final MemorySegment plain;
  final MemorySegment plainIn;
  final MemorySegment check;
  final MemorySegment checkIn;
  final AtomicInteger owned = new AtomicInteger();
  final AtomicInteger state = new AtomicInteger();

  final int[] victims = new int[BATCH];
  int victimCount;
  int victimAt;
  Work work = Work.NOTHING;
  long page;
  int frame;
  int turn;

  // Read by the watchdog while state is CALLING.
  volatile long calls;
  volatile @Nullable KeySlot slot;
  volatile @Nullable Thread thread;

  Lane(Arena arena) {
    cipher = arena.allocate(Dram.PAGE_BYTES, 64);
    plain = arena.allocate(Dram.PAGE_BYTES, 64);
    check = arena.allocate(Dram.PAGE_BYTES, 64);
    cipherIn = cipher.asReadOnly();
    plainIn = plain.asReadOnly();
    checkIn = check.asReadOnly();
  }
}
