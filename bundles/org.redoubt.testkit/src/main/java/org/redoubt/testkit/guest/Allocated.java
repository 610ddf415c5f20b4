package org.redoubt.testkit.guest;

import java.lang.management.ManagementFactory;

/** What a thread has taken from the heap; a JVM that does not count says 0. */
final class Allocated {
  private Allocated() {}

  static long byThisThread() {
    try {
      if (ManagementFactory.getThreadMXBean() instanceof com.sun.management.ThreadMXBean threads) {
        return threads.getThreadAllocatedBytes(Thread.currentThread().threadId());
      }
    } catch (NoClassDefFoundError | UnsupportedOperationException e) {
      // Another vendor's JVM, or a container without that package.
    }
    return 0;
  }
}
