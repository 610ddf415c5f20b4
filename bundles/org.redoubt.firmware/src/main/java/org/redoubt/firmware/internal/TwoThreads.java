package org.redoubt.firmware.internal;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.crypto.Leftovers;

/**
 * Two threads over a long run of bytes: the caller's and one of their own. When either fails, both
 * stop, and the failure is thrown to the caller. An interrupt waits until it is over: a command is
 * not left half-way.
 */
public final class TwoThreads {
  /** The most that is done in one piece. */
  public static final int PIECE_BYTES = 128 << 10;

  /** So many pieces are between the two at any time, the first's and the second's own included. */
  public static final int RING = 5;

  /** From here on, a second thread pays. */
  private static final int LONG_BYTES = 256 << 10;

  private static final long AHEAD_BYTES = (long) (RING - 1) * PIECE_BYTES;

  /**
   * Threads that wait a while for more to do: to make one takes up to half a millisecond of the
   * kernel's time, a fifth of what 4 MiB take.
   */
  private static final Executor HELPERS =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          5,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          Thread.ofPlatform().daemon().name("firmware-helper-", 0).factory());

  private TwoThreads() {}

  /** What is done to bytes {@code at} to {@code at + count}, counted from the run's start. */
  @FunctionalInterface
  public interface Step {
    void run(long at, int count);
  }

  /**
   * Does two things to each piece of a run: the first on another thread, the second on the
   * caller's, at least a piece behind. A short run stays on the caller's thread.
   *
   * @param spa where the run is: pieces end at multiples of {@link #PIECE_BYTES}
   */
  public static void relay(long spa, long length, Step first, Step second) {
    if (length >= LONG_BYTES) {
      new Relay(spa, length, first, second).run();
      return;
    }
    for (long at = 0; at < length; ) {
      int count = piece(spa, length, at);
      first.run(at, count);
      second.run(at, count);
      at += count;
    }
  }

  /** Does one thing to each piece of a run; both threads do their half of it. */
  public static void share(long spa, long length, Step step) {
    if (length < LONG_BYTES) {
      pieces(spa, 0, length, step);
      return;
    }
    long half = (spa + length / 2 & -PIECE_BYTES) - spa;
    Helper helper = new Helper(() -> pieces(spa, half, length, step));
    try {
      pieces(spa, 0, half, step);
    } finally {
      helper.join();
    }
    helper.rethrow();
  }

  /** Where in a ring of {@link #RING} buffers a piece of {@link #relay} has its place. */
  public static int slot(long spa, long at) {
    return (int) ((spa + at) / PIECE_BYTES % RING);
  }

  private static void pieces(long spa, long from, long to, Step step) {
    for (long at = from; at < to; ) {
      int count = piece(spa, to, at);
      step.run(at, count);
      at += count;
    }
  }

  private static int piece(long spa, long length, long at) {
    return (int) Math.min(length - at, PIECE_BYTES - (spa + at & PIECE_BYTES - 1));
  }

  /** Work on another thread, and how it ended. */
  private static final class Helper {
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile @Nullable Throwable failure;

    Helper(Runnable work) {
      HELPERS.execute(() -> {
        try {
          work.run();
        } catch (RuntimeException | Error e) {
          failure = e;
        } finally {
          // The thread waits for other work, with its stack.
          Leftovers.clear(Leftovers.OF_A_COMMAND);
          ended.countDown();
        }
      });
    }

    void join() {
      boolean interrupted = false;
      while (true) {
        try {
          ended.await();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    void rethrow() {
      switch (failure) {
        case null -> {}
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        case Throwable e -> throw new AssertionError("Bug: nothing else is caught", e);
      }
    }
  }

  private static final class Relay {
    private final long spa;
    private final long length;
    private final Step first;
    private final Step second;

    // Under this object's lock.
    private long passedOn;
    private long taken;
    private boolean stopped;

    Relay(long spa, long length, Step first, Step second) {
      this.spa = spa;
      this.length = length;
      this.first = first;
      this.second = second;
    }

    void run() {
      Helper helper =
          new Helper(() -> {
            try {
              first();
            } finally {
              stop();
            }
          });
      try {
        second();
      } finally {
        stop();
        helper.join();
      }
      helper.rethrow();
    }

    private void first() {
      for (long at = 0; at < length && mayPassOn(at); ) {
        int count = piece(spa, length, at);
        first.run(at, count);
        at += count;
        passOn(at);
      }
    }

    private void second() {
      for (long at = 0; at < length && mayTake(at); ) {
        int count = piece(spa, length, at);
        second.run(at, count);
        at += count;
        take(at);
      }
    }

    private synchronized void passOn(long to) {
      passedOn = to;
      notifyAll();
    }

    private synchronized void take(long to) {
      taken = to;
      notifyAll();
    }

    private synchronized void stop() {
      stopped = true;
      notifyAll();
    }

    private synchronized boolean mayPassOn(long at) {
      await(() -> at - taken < AHEAD_BYTES);
      return !stopped;
    }

    private synchronized boolean mayTake(long at) {
      await(() -> passedOn > at);
      return passedOn > at;
    }

    private synchronized void await(BooleanSupplier condition) {
      boolean interrupted = false;
      while (!stopped && !condition.getAsBoolean()) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
