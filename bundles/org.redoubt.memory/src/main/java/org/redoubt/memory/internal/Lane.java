package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * One thread's way through an engine: buffers of one page, and what the watchdog needs to know of a
 * call that does not come back.
 *
 * <p>Ciphertext is made here, and copied to DRAM when it was proven: an engine never writes to
 * DRAM, so one that fails half-way spoils nothing. A fill decrypts right into its frame, which is
 * nobody else's until the call has returned.
 */
final class Lane {
  private static final long IDLE = 0;
  private static final long CALLING = 1;
  private static final long ABANDONED = 2;
  private static final long CODE = 3;
  private static final long CALL = 4;

  /** One of so many calls is timed. */
  static final int SAMPLE = 8;

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
  private final long[] cells = new long[Counters.CELLS];

  /** Odd while a thread has the lane, a greater number for every one. */
  private final AtomicInteger turns = new AtomicInteger();

  /** Number of the call times 4, plus what the thread is doing. */
  private final AtomicLong state = new AtomicLong();

  // Written by the lane's thread before a call, read by the watchdog during it.
  final int[] victims = new int[BATCH];
  int victimCount;

  /** Victims that are not this thread's to write back, until they are handed over. */
  final int[] others = new int[BATCH];

  int otherCount;
  int victimAt;
  int freed;
  Work work = Work.NOTHING;
  long page;
  int frame;
  @Nullable KeySlot slot;
  @Nullable KeySlot entered;
  @Nullable KeySlot enteredToo;

  /** The keys that {@link #entered} was taken from. */
  @Nullable Keys keys;

  @Nullable Thread thread;
  @Nullable Runnable onAbandoned;
  private volatile boolean interrupted;

  /** Empty frames kept for the next fills of this lane. */
  final int[] spare = new int[BATCH];

  int spareCount;

  // The watchdog's own.
  private long seen;
  private int ticks;

  Lane(Arena arena) {
    cipher = arena.allocate(Dram.PAGE_BYTES, 64);
    plain = arena.allocate(Dram.PAGE_BYTES, 64);
    check = arena.allocate(Dram.PAGE_BYTES, 64);
    cipherIn = cipher.asReadOnly();
    plainIn = plain.asReadOnly();
  }

  /** Adds to a cell; the lane's thread only. */
  void count(int cell, long more) {
    cells[cell] += more;
  }

  /** A cell's value, by any thread, as new as the processor has it. */
  long cell(int cell) {
    return cells[cell];
  }

  /** Keeps the first victims for the next fills, in ascending order: the host prefetches so. */
  void spare(int count) {
    for (int i = 0; i < count; i++) {
      spare[i] = victims[count - 1 - i];
    }
    spareCount = count;
  }

  int takeSpare() {
    return spare[--spareCount];
  }

  boolean own() {
    int turn = turns.get();
    return (turn & 1) == 0 && turns.compareAndSet(turn, turn + 1);
  }

  void disown() {
    turns.setRelease(turns.get() + 1);
  }

  /** Which turn it is; odd while a thread has the lane. */
  int turn() {
    return turns.get();
  }

  // The lane's thread

  /** Announces a call; returns whether it is one of those that are timed. */
  boolean beginCall(KeySlot through) {
    slot = through;
    thread = Thread.currentThread();
    long next = (state.get() & -CALL) + CALL + CALLING;
    state.setRelease(next);
    return (next & (CALL * SAMPLE - 1)) == CALLING;
  }

  /** Whether the call's work is still this thread's; false if the watchdog has taken it over. */
  boolean endCall() {
    long now = state.get();
    if ((now & CODE) == CALLING && state.compareAndSet(now, now - CALLING + IDLE)) {
      return true;
    }
    for (int attempt = 0; !interrupted; attempt++) {
      Backoff.pause(attempt);
    }
    boolean ignored = Thread.interrupted();
    forEntered(KeySlot::comeBack);
    return false;
  }

  boolean abandoned() {
    return (state.get() & CODE) == ABANDONED;
  }

  // The watchdog

  /** Counts for how many ticks the same call has been under way. */
  int tick() {
    long now = state.get();
    ticks = (now & CODE) == CALLING && now == seen ? ticks + 1 : 0;
    seen = now;
    return ticks;
  }

  /** Takes over the work of the call that {@link #tick} saw; false if it has ended since. */
  boolean abandon() {
    return (seen & CODE) == CALLING && state.compareAndSet(seen, (seen & -CALL) + ABANDONED);
  }

  /** For each slot that the thread has entered. */
  void forEntered(Consumer<KeySlot> action) {
    KeySlot one = entered;
    KeySlot two = enteredToo;
    if (one != null) {
      action.accept(one);
    }
    if (two != null) {
      action.accept(two);
    }
  }

  /** Interrupts the thread, after everything of its work was put right. */
  void interruptThread() {
    Thread stuck = thread;
    if (stuck != null) {
      stuck.interrupt();
    }
    interrupted = true;
  }
}
