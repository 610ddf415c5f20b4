package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.util.Arrays;

/** The lanes of one memory system: as many as threads have ever been inside engines at once. */
final class Lanes {
  private final Arena arena;
  private final long[] formerCells = new long[Counters.CELLS];
  private volatile Lane[] lanes = {};

  Lanes(Arena arena) {
    this.arena = arena;
  }

  /** A lane for the current thread; {@link #give} follows. */
  Lane take() {
    Lane[] present = lanes;
    int first =
        present.length == 0 ? 0 : (int) (Thread.currentThread().threadId() % present.length);
    for (int i = 0; i < present.length; i++) {
      Lane lane = present[(first + i) % present.length];
      if (lane.own()) {
        return lane;
      }
    }
    return add();
  }

  private synchronized Lane add() {
    Lane lane = new Lane(arena);
    boolean ignored = lane.own();
    Lane[] more = Arrays.copyOf(lanes, lanes.length + 1);
    more[lanes.length] = lane;
    lanes = more;
    return lane;
  }

  /** Gives a lane back, unless the watchdog took it away: its engine may still write to it. */
  void give(Lane lane) {
    if (lane.abandoned()) {
      remove(lane);
    } else {
      lane.work = Lane.Work.NOTHING;
      lane.disown();
    }
  }

  /**
   * Waits until every thread that has a lane now has given it back: whatever it looked at, it does
   * not any more. Threads that the watchdog has given up do not count.
   *
   * @param end time after which to wait no more
   * @return whether it is so
   */
  boolean awaitTurns(long end) {
    for (Lane lane : lanes) {
      int turn = lane.turn();
      for (int attempt = 0; (turn & 1) != 0 && lane.turn() == turn; attempt++) {
        if (lane.abandoned()) {
          break;
        }
        if (System.nanoTime() - end > 0) {
          return false;
        }
        Backoff.pause(attempt);
      }
    }
    return true;
  }

  /** A cell's sum over all lanes that there have ever been. */
  synchronized long sum(int cell) {
    long sum = formerCells[cell];
    for (Lane lane : lanes) {
      sum += lane.cell(cell);
    }
    return sum;
  }

  private synchronized void remove(Lane gone) {
    for (int cell = 0; cell < Counters.CELLS; cell++) {
      formerCells[cell] += gone.cell(cell);
    }
    lanes = Arrays.stream(lanes).filter(lane -> lane != gone).toArray(Lane[]::new);
  }

  /** All of them, for the watchdog. */
  Lane[] all() {
    return lanes;
  }
}
