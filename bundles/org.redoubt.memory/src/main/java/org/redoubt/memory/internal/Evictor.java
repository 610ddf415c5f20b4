package org.redoubt.memory.internal;

import java.util.Arrays;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Threads that call engines for others. Who wants room, or a page that another tag has, calls no
 * engine but that of the tag it works for: pages of other tags are written back here. So an engine
 * that never returns keeps threads of its own guests and one of these, whose place the next takes.
 */
final class Evictor implements AutoCloseable {
  /** Batches to make room, at work at any time: more would only lock frames. */
  private static final int MAX_BATCHES = 2;

  private static final long IDLE_SECONDS = 5;

  private final Lanes lanes;
  private final AtomicInteger underWay = new AtomicInteger();
  private final ThreadPoolExecutor threads;

  Evictor(Lanes lanes) {
    this.lanes = lanes;
    threads =
        new ThreadPoolExecutor(
            0,
            Integer.MAX_VALUE,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new SynchronousQueue<>(),
            Thread.ofPlatform().daemon().name("redoubt evictor ", 0).factory());
  }

  /** Some locked frames, and what is done with them. */
  final class Batch implements Runnable {
    private final int[] frames;
    private final Consumer<Lane> work;
    private volatile boolean ended;

    Batch(int[] frames, Consumer<Lane> work) {
      this.frames = frames;
      this.work = work;
    }

    @Override
    public void run() {
      Lane lane = lanes.take();
      lane.onAbandoned = this::end;
      System.arraycopy(frames, 0, lane.victims, 0, frames.length);
      lane.victimCount = frames.length;
      try {
        work.accept(lane);
      } finally {
        lane.onAbandoned = null;
        lanes.give(lane);
        end();
      }
    }

    private synchronized void end() {
      if (!ended) {
        ended = true;
        underWay.decrementAndGet();
      }
    }

    /** Waits until it is done, or the watchdog has put right what a call held. */
    void await() {
      for (int attempt = 0; !ended; attempt++) {
        Backoff.pause(attempt);
      }
    }
  }

  /**
   * Has another thread do something with frames that the caller has locked.
   *
   * @param work puts them into the lane's victims before; on return they are unlocked
   */
  Batch start(int[] frames, int count, Consumer<Lane> work) {
    Batch batch = new Batch(Arrays.copyOf(frames, count), work);
    underWay.incrementAndGet();
    threads.execute(batch);
    return batch;
  }

  /** Whether another batch would be begun at once. */
  boolean hasRoom() {
    return underWay.get() < MAX_BATCHES;
  }

  boolean busy() {
    return underWay.get() > 0;
  }

  /** Ends idle threads; nobody starts a batch any more. */
  @Override
  public void close() {
    threads.shutdown();
  }
}
