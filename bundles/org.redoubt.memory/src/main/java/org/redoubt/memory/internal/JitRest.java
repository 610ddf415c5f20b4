package org.redoubt.memory.internal;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;

/**
 * Tells when the JIT has come to rest. While a guest boots, the compiler is as busy as its vCPUs,
 * and work for a change of engine that may never come would make both slower.
 *
 * <p>For one thread.
 */
final class JitRest {
  private static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** At rest it compiles for less than one part in so many of the time. */
  private static final int PART = 20;

  private long windowStart;
  private long compiledMs;
  private boolean begun;
  private boolean atRest;

  /** To be asked several times a window; true after a window in which little was compiled. */
  boolean atRest(long nowNanos) {
    CompilationMXBean jit = ManagementFactory.getCompilationMXBean();
    return jit == null || !jit.isCompilationTimeMonitoringSupported()
        ? atRest(nowNanos, 0)
        : atRest(nowNanos, jit.getTotalCompilationTime());
  }

  boolean atRest(long nowNanos, long totalMs) {
    long elapsed = nowNanos - windowStart;
    if (!begun || elapsed >= WINDOW_NANOS) {
      atRest = begun && TimeUnit.MILLISECONDS.toNanos(totalMs - compiledMs) * PART < elapsed;
      begun = true;
      windowStart = nowNanos;
      compiledMs = totalMs;
    }
    return atRest;
  }
}
