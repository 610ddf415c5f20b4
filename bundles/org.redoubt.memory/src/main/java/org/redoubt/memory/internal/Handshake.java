package org.redoubt.memory.internal;

import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.MemoryClient;

/**
 * Brings running ports to a stop, tells their clients something, and lets them go. One at a time,
 * so that clients are never called by two threads at once.
 *
 * <p>It cannot deadlock: it waits for running ports only; a running port's thread waits for nobody,
 * because each way of waiting in this bundle parks the port first.
 */
final class Handshake {
  private final ReentrantLock lock = new ReentrantLock();
  private final Frames frames;
  private final Counters counters;
  private final long[] hostPages = new long[Lane.BATCH];
  private volatile Port[] ports = {};

  Handshake(Frames frames, Counters counters) {
    this.frames = frames;
    this.counters = counters;
  }

  /** Adds a port; its bit is its place, the last bit being shared by all from the 64th on. */
  Port attach(SocCache cache, MemoryClient client) {
    lock.lock();
    try {
      int place = 0;
      while (taken(place)) {
        place++;
      }
      Port port = new Port(cache, this, client, place);
      Port[] more = Arrays.copyOf(ports, ports.length + 1);
      more[ports.length] = port;
      ports = more;
      return port;
    } finally {
      lock.unlock();
    }
  }

  private boolean taken(int place) {
    for (Port port : ports) {
      if (port.place() == place) {
        return true;
      }
    }
    return false;
  }

  /** Removes a parked port after emptying its TLB. */
  void detach(Port gone) {
    lock.lock();
    try {
      try {
        hold(gone);
        gone.client().revokeAll();
      } finally {
        gone.release();
      }
      ports = Arrays.stream(ports).filter(port -> port != gone).toArray(Port[]::new);
    } finally {
      lock.unlock();
    }
  }

  int count() {
    return ports.length;
  }

  /** The port that the current thread runs, if any: it is parked while the thread waits. */
  @Nullable Port runningHere() {
    for (Port port : ports) {
      if (port.runsOn(Thread.currentThread())) {
        return port;
      }
    }
    return null;
  }

  /** Makes all ports that may hold addresses of these locked frames forget them. */
  void revoke(int[] locked, int count) {
    long mask = 0;
    for (int i = 0; i < count; i++) {
      mask |= frames.ports(locked[i]);
    }
    if (mask == 0) {
      return;
    }
    lock.lock();
    try {
      Port[] all = ports;
      try {
        stop(all, mask);
        for (Port port : all) {
          if ((port.bit() & mask) != 0) {
            int pages = 0;
            for (int i = 0; i < count; i++) {
              if ((frames.ports(locked[i]) & port.bit()) != 0) {
                hostPages[pages++] = frames.hostAddress(locked[i]);
              }
            }
            port.client().revoke(hostPages, pages);
          }
        }
      } finally {
        go(all, mask);
      }
    } finally {
      lock.unlock();
    }
    for (int i = 0; i < count; i++) {
      frames.clearPorts(locked[i]);
    }
  }

  /** Makes all ports forget all addresses. */
  void revokeAll() {
    lock.lock();
    try {
      Port[] all = ports;
      try {
        stop(all, -1);
        for (Port port : all) {
          port.client().revokeAll();
        }
      } finally {
        go(all, -1);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Tells all clients that a watched page has changed. */
  void changed(long spa, long bytes) {
    lock.lock();
    try {
      Port[] all = ports;
      try {
        stop(all, -1);
        for (Port port : all) {
          port.client().contentsChanged(spa, bytes);
        }
      } finally {
        go(all, -1);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Runs an action of a parked port's thread while no other port runs. Nobody revokes that port's
   * addresses meanwhile, for that takes this lock.
   */
  int alone(Port self, IntSupplier action) {
    lock.lock();
    try {
      Port[] others = Arrays.stream(ports).filter(port -> port != self).toArray(Port[]::new);
      try {
        stop(others, -1);
        return action.getAsInt();
      } finally {
        go(others, -1);
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Unless a handshake is under way, begins none and attaches no port until {@link #letOthersIn}.
   */
  boolean tryKeepOthersOut() {
    return lock.tryLock();
  }

  void letOthersIn() {
    lock.unlock();
  }

  /** First asks all, then waits for each. */
  private void stop(Port[] all, long mask) {
    for (Port port : all) {
      if ((port.bit() & mask) != 0) {
        port.ask();
      }
    }
    for (Port port : all) {
      if ((port.bit() & mask) != 0) {
        hold(port);
      }
    }
  }

  private void hold(Port port) {
    port.want();
    if (port.tryHold()) {
      return;
    }
    counters.safepointWaits.increment();
    int attempt = 0;
    while (!port.tryHold()) {
      if ((attempt & 63) == 63) {
        port.ask();
      }
      Backoff.pause(attempt++);
    }
  }

  private static void go(Port[] all, long mask) {
    for (Port port : all) {
      if ((port.bit() & mask) != 0) {
        port.release();
      }
    }
  }
}
