package org.redoubt.firmware.internal.command;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Does two things to each piece of a long run of bytes: the first on a thread of its own, the
 * second, a piece behind, on the caller's. Short runs stay on the caller's thread. When either
 * fails, both stop, and the failure is thrown by {@link #run}.
 */
final class TwoThreads {
  /** From here on, a second thread pays; nothing as long is ever done in one piece. */
  static final int LONG_BYTES = 256 << 10;

  private static final int PIECE_BYTES = 128 << 10;
  private static final int END = -1;
  private static final int FAILED = -2;

  private TwoThreads() {}

  /** What is done to bytes {@code at} to {@code at + count}. */
  @FunctionalInterface
  interface Step {
    void run(int at, int count);
  }

  /** Does both things to {@code length} bytes. */
  static void run(int length, Step first, Step second) {
    if (length < LONG_BYTES) {
      first.run(0, length);
      second.run(0, length);
      return;
    }
    new Relay(length, first, second).run();
  }

  private static final class Relay {
    private final int length;
    private final Step first;
    private final Step second;
    private final BlockingQueue<Integer> done;
    private volatile @Nullable RuntimeException failure;
    private volatile boolean stopped;

    Relay(int length, Step first, Step second) {
      this.length = length;
      this.first = first;
      this.second = second;
      this.done = new ArrayBlockingQueue<>(length / PIECE_BYTES + 2);
    }

    void run() {
      Thread runner = Thread.ofPlatform().daemon().name("firmware-transfer").start(this::first);
      boolean interrupted = false;
      try {
        for (int at = take(); at >= 0; at = take()) {
          second.run(at, Math.min(PIECE_BYTES, length - at));
        }
      } finally {
        stopped = true;
        interrupted = join(runner);
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
      RuntimeException f = failure;
      if (f != null) {
        throw f;
      }
    }

    private int take() {
      boolean interrupted = false;
      while (true) {
        try {
          int at = done.take();
          if (interrupted) {
            Thread.currentThread().interrupt();
          }
          return at;
        } catch (InterruptedException e) {
          interrupted = true; // a command is not left half-way
        }
      }
    }

    private static boolean join(Thread thread) {
      boolean interrupted = false;
      while (true) {
        try {
          thread.join();
          return interrupted;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }

    private void first() {
      int last = FAILED;
      try {
        for (int at = 0; at < length && !stopped; at += PIECE_BYTES) {
          first.run(at, Math.min(PIECE_BYTES, length - at));
          done.add(at);
        }
        last = END;
      } catch (RuntimeException e) {
        failure = e;
      } finally {
        done.add(last);
      }
    }
  }
}
