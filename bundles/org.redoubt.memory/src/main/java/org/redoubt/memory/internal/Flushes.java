package org.redoubt.memory.internal;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntPredicate;

/** Writes back what the host or a guest asks for, and takes back addresses of watched pages. */
final class Flushes {
  /** Batches that others write back at once. */
  private static final int AT_ONCE = 2;

  private final Book book;
  private final Frames frames;
  private final Pool pool;
  private final Lanes lanes;
  private final Handshake handshake;
  private final WriteBack writeBack;
  private final Evictions evictions;
  private final Evictor evictor;

  Flushes(
      Book book,
      Frames frames,
      Pool pool,
      Lanes lanes,
      Handshake handshake,
      WriteBack writeBack,
      Evictions evictions,
      Evictor evictor) {
    this.book = book;
    this.frames = frames;
    this.pool = pool;
    this.lanes = lanes;
    this.handshake = handshake;
    this.writeBack = writeBack;
    this.evictions = evictions;
    this.evictor = evictor;
  }

  /**
   * Writes all dirty pages of some tags back; drops their pages too, or keeps them resident and
   * clean.
   *
   * @param own the tag that the thread works for
   */
  void flushAll(boolean drop, IntPredicate ofTag, int own) {
    int used = pool.used();
    int wanted = Math.clamp(pool.limit() / 64, 1, Lane.BATCH);
    int[] batch = new int[wanted];
    int count = 0;
    boolean foreign = false;
    Deque<Evictor.Batch> underWay = new ArrayDeque<>();
    for (int frame = 1; frame < used; frame++) {
      if (lockForFlush(frame, drop, ofTag)) {
        batch[count++] = frame;
        foreign |= writeBack.foreign(frames.state(frame), own);
      }
      if (count == wanted || (frame == used - 1 && count > 0)) {
        if (foreign) {
          underWay.add(evictor.start(batch, count, lane -> flushBatch(lane, drop, WriteBack.ANY)));
          if (underWay.size() == AT_ONCE) {
            underWay.remove().await();
          }
        } else {
          flushHere(batch, count, drop, own);
        }
        count = 0;
        foreign = false;
      }
    }
    underWay.forEach(Evictor.Batch::await);
  }

  private void flushHere(int[] locked, int count, boolean drop, int own) {
    Lane lane = lanes.take();
    try {
      System.arraycopy(locked, 0, lane.victims, 0, count);
      lane.victimCount = count;
      flushBatch(lane, drop, own);
    } finally {
      lanes.give(lane);
    }
  }

  /** Waits until a frame is nobody else's; false if there is nothing to flush in it. */
  private boolean lockForFlush(int frame, boolean drop, IntPredicate ofTag) {
    for (int attempt = 0; ; attempt++) {
      long state = frames.state(frame);
      if ((state & Frames.VALID) == 0
          || (!drop && (state & Frames.DIRTY) == 0)
          || !ofTag.test(Frames.tag(state))
          || writeBack.stuck(state)) {
        return false;
      }
      if (frames.lock(frame, state)) {
        return true;
      }
      Backoff.pause(attempt);
    }
  }

  private void flushBatch(Lane lane, boolean drop, int own) {
    if (drop) {
      pool.give(lane.victims, evictions.expel(lane, own));
      return;
    }
    handshake.revoke(lane.victims, lane.victimCount);
    lane.freed = 0;
    lane.work = Lane.Work.EXPEL;
    for (lane.victimAt = 0; lane.victimAt < lane.victimCount; lane.victimAt++) {
      int frame = lane.victims[lane.victimAt];
      String failure = writeBack.write(lane, frame, frames.state(frame));
      if (failure == null) {
        frames.unlock(frame, Frames.DIRTY);
      } else if (failure.equals(Ciphers.ABANDONED)) {
        return;
      } else {
        frames.unlock(frame, 0);
      }
    }
    lane.work = Lane.Work.NOTHING;
  }

  /** Writes one page back and drops it. */
  void flush(long page) {
    for (int attempt = 0; ; attempt++) {
      int frame = book.frame(page);
      if (frame == Book.NONE) {
        return;
      }
      if (frame > 0) {
        long state = frames.state(frame);
        if (Frames.page(state) == page && writeBack.stuck(state)) {
          return;
        }
        if (Frames.page(state) == page && frames.lock(frame, state)) {
          Lane lane = lanes.take();
          try {
            lane.victims[0] = frame;
            lane.victimCount = 1;
            flushBatch(lane, true, WriteBack.ANY); // of the guest that says CLFLUSH
          } finally {
            lanes.give(lane);
          }
          return;
        }
      }
      Backoff.pause(attempt);
    }
  }

  /** Watches a page for a port; addresses given out for writing are taken back. */
  void watch(long page, long bit) {
    if (!book.watch(page, bit)) {
      return;
    }
    for (int attempt = 0; ; attempt++) {
      int frame = book.frame(page);
      if (frame == Book.NONE) {
        return;
      }
      if (frame > 0) {
        long state = frames.state(frame);
        if (Frames.page(state) == page && frames.lock(frame, state)) {
          handshake.revoke(new int[] {frame}, 1);
          frames.unlock(frame, 0);
          return;
        }
      }
      Backoff.pause(attempt);
    }
  }
}
