package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.CpuEngine;

/**
 * Time from the instruction count: a nanosecond for each, and a jump to the next timer when the
 * vCPU halts. Timers fire on the vCPU's thread, between two runs of its engine, under the device
 * lock; what is due at the same moment in the order in which it was made. Stands still by itself
 * whenever the vCPU does.
 */
final class CountedClock implements MachineClock {
  /** As {@link HostClock}. */
  private static final long TSC_HZ = 2_000_000_000L;

  private static final long TICKS_PER_NS = TSC_HZ / 1_000_000_000L;

  private final Lock deviceLock;
  private final long wallBaseNs;
  private final List<CountedTimer> timers = new CopyOnWriteArrayList<>();
  private final CountedTimer never = new CountedTimer("never", () -> {});
  private volatile @Nullable CpuEngine engine;

  /** What was added by jumps. Written by the vCPU's thread. */
  private volatile long skippedNs;

  /** When the run under way is over. The vCPU's thread's. */
  private long untilNs = Long.MIN_VALUE;

  /** The last moment, once the engine is gone. */
  private volatile long endNs = -1;

  /**
   * @param wallBaseNs the time of day at the beginning, since 1970
   */
  CountedClock(Lock deviceLock, long wallBaseNs) {
    this.deviceLock = deviceLock;
    this.wallBaseNs = wallBaseNs;
  }

  void count(CpuEngine counting) {
    engine = counting;
  }

  @Override
  public boolean counted() {
    return true;
  }

  @Override
  public long nowNs() {
    CpuEngine counting = engine;
    return endNs >= 0 ? endNs : (counting == null ? 0 : counting.retired()) + skippedNs;
  }

  @Override
  public long wallNs() {
    return wallBaseNs + nowNs();
  }

  @Override
  public long tsc() {
    return nowNs() * TICKS_PER_NS;
  }

  @Override
  public long tscHz() {
    return TSC_HZ;
  }

  // By the vCPU's thread

  /** Fires what is due; says whether anything was. */
  boolean fireDue() {
    boolean any = false;
    deviceLock.lock();
    try {
      for (CountedTimer due = first(); due.deadlineNs <= nowNs(); due = first()) {
        due.deadlineNs = Long.MAX_VALUE;
        due.action.run();
        any = true;
      }
    } finally {
      deviceLock.unlock();
    }
    return any;
  }

  private CountedTimer first() {
    CountedTimer first = never;
    for (CountedTimer timer : timers) {
      if (timer.deadlineNs < first.deadlineNs) {
        first = timer;
      }
    }
    return first;
  }

  /** When the next timer is due; {@link Long#MAX_VALUE} if none is armed. */
  long firstDeadlineNs() {
    return first().deadlineNs;
  }

  /** A run begins that ends at a moment; who arms a timer for earlier ends it. */
  void runsUntil(long ns) {
    untilNs = ns;
  }

  void skipTo(long ns) {
    skippedNs += ns - nowNs();
  }

  /** The engine is about to go. */
  void end() {
    endNs = nowNs();
  }

  // The VM's

  @Override
  public void pause() {}

  @Override
  public void resume() {}

  @Override
  public void close() {}

  @Override
  public Timer timer(String name, Runnable action) {
    CountedTimer timer = new CountedTimer(name, action);
    timers.add(timer);
    return timer;
  }

  private final class CountedTimer implements Timer {
    private final String name;
    private final Runnable action;
    private volatile long deadlineNs = Long.MAX_VALUE;

    CountedTimer(String name, Runnable action) {
      this.name = name;
      this.action = action;
    }

    @Override
    public void arm(long newDeadlineNs) {
      deadlineNs = newDeadlineNs;
      CpuEngine counting = engine;
      if (counting != null && newDeadlineNs < untilNs) {
        counting.requestStop();
      }
    }

    @Override
    public void cancel() {
      deadlineNs = Long.MAX_VALUE;
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
