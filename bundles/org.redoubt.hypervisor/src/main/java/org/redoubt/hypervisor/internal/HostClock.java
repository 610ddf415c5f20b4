package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The host's time, less the time that the machine was paused. Made paused. Timers fire on a thread
 * of the clock's own, under the device lock. {@link MachineClock} is what a clock by instruction
 * count would implement.
 */
final class HostClock implements MachineClock {
  /** One tick for each half nanosecond, near what an EPYC of the first generation has. */
  private static final long TSC_HZ = 2_000_000_000L;

  private static final long TICKS_PER_NS = TSC_HZ / 1_000_000_000L;

  private final Lock deviceLock;
  private final List<HostTimer> timers = new CopyOnWriteArrayList<>();
  private final long wallBaseNs = System.currentTimeMillis() * 1_000_000L;

  /**
   * How machine time follows from the host's, replaced as a whole.
   *
   * @param paused whether time stands still
   * @param ns what to add to the host's time; while paused, the machine's time itself
   */
  private record Rule(boolean paused, long ns) {}

  private volatile Rule rule = new Rule(true, 0);
  private volatile boolean closed;
  private volatile @Nullable Thread thread;

  /** When the thread will look again, in machine time. */
  private volatile long wakeNs = Long.MAX_VALUE;

  HostClock(Lock deviceLock) {
    this.deviceLock = deviceLock;
  }

  @Override
  public long nowNs() {
    Rule now = rule;
    return now.paused ? now.ns : System.nanoTime() + now.ns;
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

  @Override
  public synchronized void resume() {
    if (rule.paused && !closed) {
      rule = new Rule(false, rule.ns - System.nanoTime());
      if (thread == null) {
        thread = Thread.ofPlatform().daemon(true).name("redoubt clock").start(this::work);
      }
      LockSupport.unpark(thread);
    }
  }

  @Override
  public synchronized void pause() {
    if (!rule.paused) {
      rule = new Rule(true, nowNs());
    }
  }

  @Override
  public void close() {
    Thread worker;
    synchronized (this) {
      pause();
      closed = true;
      worker = thread;
    }
    if (worker != null && worker != Thread.currentThread()) {
      LockSupport.unpark(worker);
    }
  }

  @Override
  public Timer timer(String name, Runnable action) {
    HostTimer timer = new HostTimer(name, action);
    timers.add(timer);
    return timer;
  }

  private void work() {
    while (!closed) {
      wakeNs = Long.MIN_VALUE; // awake: who arms now is seen before we sleep
      long first = Long.MAX_VALUE;
      if (!rule.paused) {
        long now = nowNs();
        for (HostTimer timer : timers) {
          if (timer.deadlineNs <= now) {
            fire(timer, now);
          }
        }
        for (HostTimer timer : timers) {
          first = Math.min(first, timer.deadlineNs);
        }
      }
      sleep(first);
    }
  }

  private void sleep(long untilNs) {
    if (untilNs == Long.MAX_VALUE) {
      wakeNs = Long.MAX_VALUE;
      if (nothingBefore(Long.MAX_VALUE)) {
        LockSupport.park(this);
      }
      return;
    }
    wakeNs = untilNs;
    long wait = untilNs - nowNs();
    if (wait > 0 && nothingBefore(untilNs)) {
      LockSupport.parkNanos(this, wait);
    }
  }

  /** Whether no timer was armed for earlier between the look and the setting of wakeNs. */
  private boolean nothingBefore(long untilNs) {
    if (closed) {
      return false;
    }
    if (rule.paused) {
      return true;
    }
    for (HostTimer timer : timers) {
      if (timer.deadlineNs < untilNs) {
        return false;
      }
    }
    return true;
  }

  private void fire(HostTimer timer, long now) {
    deviceLock.lock();
    try {
      // Again under the lock: a handler may have moved or cancelled it meanwhile.
      if (!closed && !rule.paused && timer.take(now)) {
        timer.action.run();
      }
    } finally {
      deviceLock.unlock();
    }
  }

  private final class HostTimer implements Timer {
    private final String name;
    private final Runnable action;
    private volatile long deadlineNs = Long.MAX_VALUE;

    HostTimer(String name, Runnable action) {
      this.name = name;
      this.action = action;
    }

    synchronized boolean take(long now) {
      if (deadlineNs > now) {
        return false;
      }
      deadlineNs = Long.MAX_VALUE;
      return true;
    }

    @Override
    public void arm(long newDeadlineNs) {
      synchronized (this) {
        deadlineNs = newDeadlineNs;
      }
      Thread worker = thread;
      if (newDeadlineNs < wakeNs && worker != null && !rule.paused) {
        LockSupport.unpark(worker);
      }
    }

    @Override
    public synchronized void cancel() {
      deadlineNs = Long.MAX_VALUE;
    }

    @Override
    public String toString() {
      return name;
    }
  }
}
