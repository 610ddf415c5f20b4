package org.redoubt.memory.internal;

import java.util.concurrent.locks.ReentrantLock;

/** Makes room in the SoC cache: by second chance, in batches, so that one handshake serves many. */
final class Evictions {
  private static final int MAX_RESIZE_ROUNDS = 100_000;
  private static final int CLOCK_PATIENCE = 4096;

  /** So many frames that take another's engine are passed over, at most. */
  private static final int MAX_LEFT = 1024;

  /**
   * Time for write-backs to make room: with a slow engine, whoever needs one frame would wait for
   * 64. Those that are left stay cached.
   */
  private static final long BUDGET_NS = 200_000;

  private final Book book;
  private final Frames frames;
  private final Pool pool;
  private final Lanes lanes;
  private final Handshake handshake;
  private final TagState[] tags;
  private final WriteBack writeBack;
  private final Evictor evictor;
  private final ReentrantLock clock = new ReentrantLock();
  private int hand = 1;

  Evictions(
      Book book,
      Frames frames,
      Pool pool,
      Lanes lanes,
      Handshake handshake,
      TagState[] tags,
      WriteBack writeBack,
      Evictor evictor) {
    this.book = book;
    this.frames = frames;
    this.pool = pool;
    this.lanes = lanes;
    this.handshake = handshake;
    this.tags = tags;
    this.writeBack = writeBack;
    this.evictor = evictor;
  }

  /**
   * A free frame, evicting others if need be; they come in batches, of which the lane keeps the
   * rest for its next fills.
   *
   * @param own the tag that the thread works for
   * @return 0 if the watchdog has taken the lane away
   */
  int takeFrame(Lane lane, int own) {
    for (int attempt = 0; ; attempt++) {
      if (lane.spareCount > 0 && !pool.shrinking()) {
        return lane.takeSpare();
      }
      int frame = pool.take();
      if (frame > 0) {
        return frame;
      }
      if (chooseVictims(lane, own) == 0) {
        if (!evictor.busy()) {
          allowForStuck();
        }
        Backoff.pause(attempt);
        continue;
      }
      int freed = expel(lane, own, BUDGET_NS);
      if (lane.abandoned()) {
        return 0;
      }
      if (pool.over()) {
        pool.give(lane.victims, freed);
      } else {
        lane.spare(freed);
      }
    }
  }

  /** Gives a lane back, and its spare frames too if it will not be used any more. */
  void giveBack(Lane lane) {
    if (lane.abandoned() || pool.shrinking()) {
      pool.give(lane.spare, lane.spareCount);
      lane.spareCount = 0;
    }
    lanes.give(lane);
  }

  /**
   * Locks frames to be evicted, by second chance. Those that take an engine which this thread must
   * not call go to the evictor's, unless it has enough to do.
   *
   * @return how many are this thread's; 0 if the others are in use now
   */
  private int chooseVictims(Lane lane, int own) {
    int wanted = Math.clamp(pool.limit() / 64, 1, Lane.BATCH);
    int count = 0;
    int others = 0;
    int left = 0;
    boolean room = evictor.hasRoom();
    clock.lock();
    try {
      int used = pool.used();
      for (int steps = 0; steps < 2 * used && count + others < wanted && left < MAX_LEFT; steps++) {
        int frame = hand;
        hand = hand + 1 < used ? hand + 1 : 1;
        long state = frames.state(frame);
        if ((state & Frames.VALID) == 0 || writeBack.stuck(state)) {
          continue;
        }
        if ((state & Frames.REF) != 0 && steps < CLOCK_PATIENCE) {
          frames.change(frame, state, state & ~Frames.REF);
        } else if (!writeBack.needsForeign(state, own)) {
          if (frames.lock(frame, state)) {
            lane.victims[count++] = frame;
          }
        } else if (!room) {
          left++;
        } else if (frames.lock(frame, state)) {
          lane.others[others++] = frame;
        }
      }
    } finally {
      clock.unlock();
    }
    lane.victimCount = count;
    if (others > 0) {
      evictor.start(
          lane.others,
          others,
          other -> pool.give(other.victims, expel(other, WriteBack.ANY, BUDGET_NS)));
    }
    return count;
  }

  /** Lets others have as many frames more as suspended guests hold. */
  void allowForStuck() {
    int count = 0;
    int used = pool.used();
    for (int frame = 1; frame < used; frame++) {
      long state = frames.state(frame);
      if ((state & Frames.VALID) != 0 && writeBack.stuck(state)) {
        count++;
      }
    }
    pool.setAllowance(count);
  }

  /**
   * Empties the locked frames of a lane: revokes their addresses, writes the dirty ones back, and
   * unlocks the pages. Frames that cannot be written back stay as they were.
   *
   * @param own the tag whose engine may be called
   * @return how many are empty now: the first ones of {@link Lane#victims}, the caller's to give
   */
  int expel(Lane lane, int own) {
    return expel(lane, own, Long.MAX_VALUE);
  }

  /**
   * As {@link #expel(Lane, int)}, but writes no page back after that time; it writes at least one.
   */
  private int expel(Lane lane, int own, long nanos) {
    handshake.revoke(lane.victims, lane.victimCount);
    lane.freed = 0;
    lane.work = Lane.Work.EXPEL;
    long start = System.nanoTime();
    boolean late = false;
    for (lane.victimAt = 0; lane.victimAt < lane.victimCount; lane.victimAt++) {
      int frame = lane.victims[lane.victimAt];
      long state = frames.state(frame);
      if (writeBack.needs(state)) {
        if (late || writeBack.needsForeign(state, own)) {
          frames.unlock(frame, 0); // if foreign, a change of engine has begun meanwhile
          continue;
        }
        String failure = writeBack.write(lane, frame, state);
        if (failure != null) {
          if (failure.equals(Ciphers.ABANDONED)) {
            return 0;
          }
          if (tags[Frames.tag(state)].status() != TagState.NO_KEY) {
            frames.unlock(frame, 0);
            continue;
          }
          // The guest is gone and its engine broken: DRAM keeps the older ciphertext.
        }
        late = System.nanoTime() - start > nanos;
      }
      lane.count(Counters.EVICTIONS, 1);
      frames.setState(frame, 0);
      book.unlock(Frames.page(state));
      lane.victims[lane.freed++] = frame;
    }
    lane.work = Lane.Work.NOTHING;
    return lane.freed;
  }

  /** Evicts down to a smaller capacity, or allows a larger one. */
  void resize(int limit) {
    pool.setLimit(limit);
    pool.setShrinking(true);
    for (int attempt = 0; pool.over() && attempt < MAX_RESIZE_ROUNDS; attempt++) {
      collectSpares();
      Lane lane = lanes.take();
      try {
        if (chooseVictims(lane, WriteBack.NONE) == 0) {
          if (!evictor.busy()) {
            allowForStuck();
          }
          Backoff.pause(attempt);
        }
        pool.give(lane.victims, expel(lane, WriteBack.NONE));
      } finally {
        lanes.give(lane);
      }
    }
    pool.setShrinking(false);
    int[] free = pool.takeAllFree();
    for (int frame : free) {
      HostMemory.discard(frames.bytes().asSlice((long) frame << Dram.PAGE_SHIFT, Dram.PAGE_BYTES));
      pool.give(frame);
    }
  }

  /** Takes back what idle lanes keep; busy ones give it back themselves. */
  private void collectSpares() {
    for (Lane lane : lanes.all()) {
      if (lane.spareCount > 0 && lane.own()) {
        giveBack(lane);
      }
    }
  }
}
