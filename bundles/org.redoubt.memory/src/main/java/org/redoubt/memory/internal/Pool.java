package org.redoubt.memory.internal;

import java.util.Arrays;

/**
 * Which frames are free. Short and never blocking for long: nothing is called with its lock held.
 */
final class Pool {
  private int[] free = new int[64];
  private int freeCount;
  private int fresh = 1;
  private int taken;
  private int limit;
  private int allowance;
  private volatile boolean shrinking;

  Pool(int limit) {
    this.limit = limit;
  }

  /** A free frame, or 0 if the cache is at its capacity. */
  synchronized int take() {
    return taken < limit + allowance ? next() : 0;
  }

  /** Allows that many frames above the capacity: those that suspended guests hold. */
  synchronized void setAllowance(int frames) {
    allowance = frames;
  }

  private int next() {
    taken++;
    return freeCount > 0 ? free[--freeCount] : fresh++;
  }

  /** Gives frames back. */
  synchronized void give(int[] frames, int count) {
    for (int i = 0; i < count; i++) {
      give(frames[i]);
    }
  }

  /** Gives a frame back. */
  synchronized void give(int frame) {
    taken--;
    if (freeCount == free.length) {
      free = Arrays.copyOf(free, freeCount * 2);
    }
    free[freeCount++] = frame;
  }

  /** Whether a frame that was just emptied must be given back, the capacity having shrunk. */
  synchronized boolean over() {
    return taken > limit + allowance;
  }

  synchronized int taken() {
    return taken;
  }

  synchronized int limit() {
    return limit;
  }

  synchronized void setLimit(int frames) {
    limit = frames;
  }

  /** Whether the capacity is being made smaller: nobody keeps spare frames then. */
  boolean shrinking() {
    return shrinking;
  }

  void setShrinking(boolean value) {
    shrinking = value;
  }

  /** Frames below this number have been used. */
  synchronized int used() {
    return fresh;
  }

  /** The free frames at this moment, taken out of the pool, to be given back after clearing. */
  synchronized int[] takeAllFree() {
    int[] all = Arrays.copyOf(free, freeCount);
    taken += freeCount;
    freeCount = 0;
    return all;
  }
}
