package org.redoubt.shell.internal;

import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Says why something takes long, once it does. Close it when done. */
final class Patience implements AutoCloseable {
  private static final long QUIET_MS = 1000;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread speaker;

  /**
   * @param say hears {@code why} after a second
   */
  Patience(PrintStream say, String why) {
    speaker =
        Thread.ofVirtual()
            .start(() -> {
              try {
                if (!done.await(QUIET_MS, TimeUnit.MILLISECONDS)) {
                  say.println(why);
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  @Override
  public void close() {
    done.countDown();
    boolean interrupted = false;
    while (true) {
      try {
        speaker.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
