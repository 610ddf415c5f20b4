package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.EngineChange;

/**
 * A change of engine under way. It moves whatever old slots wrote to the current ones, until
 * nothing is left; turning back only changes which slots are which.
 */
final class Movement implements EngineChange {
  /** Pages taken at a time: so few that the JIT sees enough of it in {@link Rehearsal}. */
  private static final int RUN = 64;

  private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

  /** Movers at work at once, at most. */
  static final int WORKERS = Math.min(2, PROCESSORS);

  /** How much nicer than a virtual CPU a mover is: it gets a quarter of a processor they share. */
  private static final int NICER = 5;

  private static final int MAX_IDLE_PASSES = 2000;

  private final SocMemory system;
  private final Changes changes;
  private final KeySlots keys;
  private final PageMover mover;
  private final Candidate from;
  private final Candidate to;
  private final String fromName;
  private final boolean asked;
  private volatile long total;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile State state = State.RUNNING;
  private volatile @Nullable String failure;
  private volatile boolean stop;
  private final BooleanSupplier stopped = () -> stop;
  private volatile boolean hurried;

  Movement(
      SocMemory system,
      Changes changes,
      KeySlots keys,
      PageMover mover,
      Candidate from,
      Candidate to,
      boolean asked) {
    this.asked = asked;
    this.system = system;
    this.changes = changes;
    this.keys = keys;
    this.mover = mover;
    this.from = from;
    this.to = to;
    fromName = from.name().equals(to.name()) ? keys.oldEngine().orElse(to.name()) : from.name();
  }

  /** Begins to move, in the background. */
  void start() {
    total = keys.pagesToMove();
    Thread.ofPlatform()
        .daemon()
        .name("redoubt engine change " + system.config().name())
        .start(this::run);
  }

  /** For a change to the engine in use. */
  void endAtOnce() {
    state = State.DONE;
    ended.countDown();
  }

  Candidate fromCandidate() {
    return from;
  }

  Candidate toCandidate() {
    return to;
  }

  /** Whether somebody asked for it, who is told how it ends. */
  boolean asked() {
    return asked;
  }

  @Override
  public String from() {
    return fromName;
  }

  @Override
  public String to() {
    return to.name();
  }

  @Override
  public State state() {
    return state;
  }

  @Override
  public long pagesDone() {
    if (ended.getCount() == 0 && (state == State.DONE || state == State.ROLLED_BACK)) {
      return state == State.DONE ? total : 0;
    }
    long left = keys.pagesToMove();
    return Math.clamp(state == State.ROLLING_BACK ? left : total - left, 0, total);
  }

  @Override
  public long pagesTotal() {
    return total;
  }

  @Override
  public Optional<String> failure() {
    return Optional.ofNullable(failure);
  }

  @Override
  public void cancel() {
    turnBack("Cancelled");
  }

  @Override
  public boolean await(Duration limit) throws InterruptedException {
    return ended.await(limit.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** {@link #await} that an interrupt only cuts short. */
  boolean awaitQuietly(long nanos) {
    try {
      return ended.await(Math.max(nanos, 0), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** From now on it takes what processors there are, whoever else would need them. */
  void hurry() {
    hurried = true;
  }

  /** Rolls back, if it is not too late. */
  void turnBack(String reason) {
    synchronized (changes) {
      if (state != State.RUNNING || from.name().equals(to.name())) {
        return;
      }
      failure = reason;
      state = State.ROLLING_BACK;
      keys.turnBack(from, to);
    }
  }

  /** Ends it: neither engine works for some pages. */
  void suspend(String reason) {
    synchronized (changes) {
      if (state == State.RUNNING || state == State.ROLLING_BACK) {
        failure = reason;
        state = State.SUSPENDED;
        stop = true;
      }
    }
  }

  /** Ends it because its memory system closes; returns when no page is being moved any more. */
  void abort() {
    suspend("The memory system was closed");
    boolean ignored = awaitQuietly(TimeUnit.SECONDS.toNanos(10));
  }

  private void run() {
    changes.announceStart(this);
    int idle = 0;
    boolean patient = false;
    while (!stop) {
      long before = keys.pagesToMove();
      if (before == 0 && keys.nothingToMove() && finish()) {
        break;
      }
      pass(patient);
      patient = true;
      if (keys.pagesToMove() < before) {
        idle = 0;
      } else if (++idle == MAX_IDLE_PASSES) {
        suspend("Some pages could not be moved: others hold them");
      } else {
        Backoff.pause(idle + 100);
      }
    }
    keys.settle();
    changes.ended(this);
    ended.countDown();
    changes.announceEnd(this);
  }

  /** Nothing is left to move; false if it turned back just now. */
  private boolean finish() {
    synchronized (changes) {
      if (keys.pagesToMove() > 0) {
        return false;
      }
      if (state == State.RUNNING) {
        state = State.DONE;
      } else if (state == State.ROLLING_BACK) {
        state = State.ROLLED_BACK;
      }
    }
    keys.settle();
    keys.retireOldSlots();
    return true;
  }

  /**
   * Goes over all of DRAM once; unless there is a hurry, it leaves every virtual CPU a processor as
   * far as there are so many, and gives way to them.
   *
   * @param patient whether to wait for pages that others have: the first time, going on is better
   */
  private void pass(boolean patient) {
    boolean all = hurried;
    int vcpus = system.vcpus();
    int workers = all ? WORKERS : Math.clamp(PROCESSORS - vcpus, 1, WORKERS);
    AtomicLong cursor = new AtomicLong();
    CountDownLatch working = new CountDownLatch(workers);
    for (int i = 0; i < workers; i++) {
      Thread.ofPlatform()
          .daemon()
          .name("redoubt page mover " + system.config().name())
          .start(() -> {
            if (vcpus > 0 && !all) {
              HostThread.beNicer(NICER);
            }
            work(cursor, working, patient, all);
          });
    }
    boolean interrupted = false;
    while (working.getCount() > 0) {
      try {
        working.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void work(AtomicLong cursor, CountDownLatch working, boolean patient, boolean all) {
    SocCache cache = system.cache();
    Lane lane = cache.lanes().take();
    lane.onAbandoned = working::countDown;
    PageMover.Failure problem = null;
    try {
      long pages = cache.dram().pages();
      State began = state;
      for (long first = cursor.getAndAdd(RUN);
          first < pages && problem == null && state == began && hurried == all;
          first = cursor.getAndAdd(RUN)) {
        problem = moveRun(lane, first, Math.min(first + RUN, pages), patient, began);
      }
      if (problem != null && !PageMover.abandoned(problem)) {
        changes.failed(problem.slot(), problem.failure(), problem.used());
        String fault = problem.slot().fault();
        if (fault != null) {
          suspend(fault);
        }
      }
    } finally {
      lane.onAbandoned = null;
      if (!PageMover.abandoned(problem)) {
        cache.lanes().give(lane);
        working.countDown();
      } else {
        cache.lanes().give(lane);
      }
    }
  }

  private PageMover.@Nullable Failure moveRun(
      Lane lane, long first, long end, boolean patient, State began) {
    PageMover.Failure problem = null;
    for (long page = first; page < end && problem == null && state == began; page++) {
      TagState tag = mover.toMove(page);
      if (tag != null) {
        problem = mover.move(lane, page, tag, patient, stopped);
      }
    }
    return problem;
  }
}
