package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;

/**
 * A vCPU's attachment.
 *
 * <p>PARKED to RUNNING and back by the port's thread; PARKED to HELD and back by a handshake. A
 * port that is wanted does not start to run.
 */
final class Port implements MemoryPort {
  private static final int PARKED = 0;
  private static final int RUNNING = 1;
  private static final int HELD = 2;

  private static final VarHandle LONG = JAVA_LONG.varHandle();

  private final SocCache cache;
  private final Handshake handshake;
  private final MemoryClient client;
  private final int place;
  private final long bit;
  private final AtomicInteger state = new AtomicInteger();
  private volatile boolean wanted;
  private volatile @Nullable Thread thread;
  private volatile @Nullable Thread waiter;
  private boolean watches;
  private boolean closed;
  private long status;

  Port(SocCache cache, Handshake handshake, MemoryClient client, int place) {
    this.cache = cache;
    this.handshake = handshake;
    this.client = client;
    this.place = place;
    this.bit = 1L << Math.min(place, 63);
  }

  int place() {
    return place;
  }

  long bit() {
    return bit;
  }

  MemoryClient client() {
    return client;
  }

  // The other side's half

  /** Wants the port to stop, and says so to a client that runs. */
  void ask() {
    wanted = true;
    if (state.get() == RUNNING) {
      client.requestSafepoint();
    }
  }

  void want() {
    waiter = Thread.currentThread();
    wanted = true;
  }

  boolean tryHold() {
    return state.compareAndSet(PARKED, HELD);
  }

  /** Ends a hold, or a wish for one. */
  void release() {
    wanted = false;
    waiter = null;
    if (state.compareAndSet(HELD, PARKED)) {
      LockSupport.unpark(thread);
    }
  }

  boolean runsOn(Thread current) {
    return thread == current && state.get() == RUNNING;
  }

  // The port's own half

  /** Running to parked, letting a handshake proceed. */
  void park() {
    state.set(PARKED);
    if (wanted) {
      LockSupport.unpark(waiter);
    }
  }

  /** Parked to running, as soon as nobody wants the port. */
  void resume() {
    int attempt = 0;
    while (wanted || !state.compareAndSet(PARKED, RUNNING)) {
      Backoff.pause(attempt++);
    }
  }

  private boolean running() {
    return state.get() == RUNNING;
  }

  @Override
  public void enter() {
    if (closed) {
      throw new IllegalStateException("The port is closed");
    }
    thread = Thread.currentThread();
    resume();
  }

  @Override
  public void leave() {
    park();
  }

  @Override
  public void safepoint() {
    if (wanted && running()) {
      park();
      resume();
    }
  }

  @Override
  public int alone(IntSupplier action) {
    if (handshake.tryKeepOthersOut()) {
      try {
        if (handshake.count() == 1) {
          return action.getAsInt();
        }
      } finally {
        handshake.letOthersIn();
      }
    }
    park();
    try {
      return handshake.alone(this, action);
    } finally {
      resume();
    }
  }

  @Override
  public long page(long spa, int tag, boolean write) {
    long page = cache.dram().pageOrHole(spa);
    if (page < 0) {
      return NOT_DRAM;
    }
    int frame = resident(page, tag, write);
    return frame > 0
        ? cache.frames().hostAddress(frame) | (cache.book().watched(page) ? WATCHED : 0)
        : frame;
  }

  /**
   * The frame of a page, with this port noted as a holder of its address; or a negative status. The
   * frame stays while the port runs on.
   */
  private int resident(long page, int tag, boolean write) {
    TagState owner = cache.tag(tag);
    int frame = cache.hold(page, owner, write, bit, running());
    if (frame > 0) {
      return frame;
    }
    boolean ran = running();
    if (ran) {
      park();
    }
    frame = cache.acquire(page, owner, write);
    if (frame > 0) {
      cache.frames().addPort(frame, bit);
    }
    if (ran) {
      resume();
    }
    if (frame > 0) {
      cache.frames().unpin(frame);
    }
    return frame;
  }

  @Override
  public long readLong(long spa, int tag) {
    long page = cache.dram().pageOrHole(spa);
    if (page < 0) {
      status = NOT_DRAM;
      return 0;
    }
    if (!running()) {
      return parkedReadLong(page, spa, tag);
    }
    int frame = resident(page, tag, false);
    if (frame < 0) {
      status = frame;
      return 0;
    }
    status = 0;
    return (long) LONG.getVolatile(cache.frames().bytes(), offset(frame, spa));
  }

  private long parkedReadLong(long page, long spa, int tag) {
    int frame = cache.acquire(page, cache.tag(tag), false);
    status = Math.min(frame, 0);
    if (frame < 0) {
      return 0;
    }
    long value = (long) LONG.getVolatile(cache.frames().bytes(), offset(frame, spa));
    cache.frames().unpin(frame);
    return value;
  }

  @Override
  public long compareAndExchangeLong(long spa, int tag, long expected, long value) {
    long page = cache.dram().pageOrHole(spa);
    if (page < 0) {
      status = NOT_DRAM;
      return 0;
    }
    boolean ran = running();
    int frame = ran ? resident(page, tag, true) : cache.acquire(page, cache.tag(tag), true);
    status = Math.min(frame, 0);
    if (frame < 0) {
      return 0;
    }
    long was =
        (long) LONG.compareAndExchange(cache.frames().bytes(), offset(frame, spa), expected, value);
    if (!ran) {
      cache.frames().unpin(frame);
    }
    if (was == expected && cache.book().watched(page)) {
      written(spa, Long.BYTES);
    }
    return was;
  }

  private static long offset(int frame, long spa) {
    return ((long) frame << Dram.PAGE_SHIFT) + (spa & (Dram.PAGE_BYTES - 1));
  }

  @Override
  public long lastStatus() {
    return status;
  }

  @Override
  public void watch(long spa) {
    long page = cache.dram().page(spa, 1);
    watches = true;
    boolean ran = running();
    if (ran) {
      park();
    }
    try {
      cache.flushes().watch(page, bit);
    } finally {
      if (ran) {
        resume();
      }
    }
  }

  @Override
  public void unwatch(long spa) {
    cache.book().unwatch(cache.dram().page(spa, 1), bit);
  }

  @Override
  public void written(long spa, long bytes) {
    boolean ran = running();
    if (ran) {
      park();
    }
    try {
      handshake.changed(spa, bytes);
    } finally {
      if (ran) {
        resume();
      }
    }
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    park();
    handshake.detach(this);
    if (watches && place < 63) {
      for (long page = 0; page < cache.dram().pages(); page++) {
        cache.book().unwatch(page, bit);
      }
    }
  }
}
