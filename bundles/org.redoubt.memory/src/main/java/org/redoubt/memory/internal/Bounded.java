package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Calls somebody else's code once, on a thread of its own, and does not wait for ever. */
final class Bounded {
  private Bounded() {}

  /**
   * @param what names the thread and the refusal
   * @throws Failure if it threw or took too long; the message says which
   */
  static <T> T call(String what, Duration limit, Callable<T> code) throws Failure {
    FutureTask<T> task = new FutureTask<>(code);
    Thread thread = Thread.ofPlatform().daemon().name("redoubt " + what).unstarted(task);
    thread.start();
    boolean interrupted = false;
    try {
      long end = System.nanoTime() + limit.toNanos();
      while (true) {
        try {
          return task.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (TimeoutException e) {
      task.cancel(true);
      throw new Failure("%s takes more than %d ms".formatted(what, limit.toMillis()), e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      String text = cause.getMessage();
      throw new Failure(
          cause instanceof Failure && text != null
              ? text
              : "%s threw %s%s"
                  .formatted(
                      what, cause.getClass().getSimpleName(), text == null ? "" : ": " + text),
          cause);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** What went wrong, the rest of a sentence. */
  static final class Failure extends Exception {
    private static final long serialVersionUID = 1L;

    Failure(String message) {
      super(message);
    }

    Failure(String message, Throwable cause) {
      super(message, cause);
    }

    /** The message, which there always is. */
    String text() {
      return String.valueOf(getMessage());
    }
  }
}
