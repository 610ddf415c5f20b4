package org.redoubt.memory.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * Gives the host's memory of pages back whose contents nobody wants any more. They are then as if
 * they had never been written. It waits for nobody while it has pages: one that is in use keeps its
 * contents and its memory.
 */
final class Discards {
  /** Pages taken at a time: a large page of the host. */
  private static final int RUN = 512;

  private final SocCache cache;
  private final TagState[] tags;

  Discards(SocCache cache, TagState[] tags) {
    this.cache = cache;
    this.tags = tags;
  }

  /**
   * Gives pages up.
   *
   * @param first number of the first
   * @param end number after the last
   * @return how many the host has back
   */
  long discard(long first, long end) {
    long given = 0;
    for (long page = first; page < end; page += RUN) {
      given += discardRun(page, Math.min(page + RUN, end));
    }
    return given;
  }

  private long discardRun(long first, long end) {
    for (long page = first; page < end; page++) {
      cache.flushes().flush(page);
    }
    long given = 0;
    long from = first;
    while (from < end) {
      long to = from;
      while (to < end && cache.book().lock(to)) {
        to++;
      }
      if (to > from) {
        given += forget(from, to);
      }
      from = to + 1; // somebody has that one
    }
    return given;
  }

  /** Empties pages that are locked, and unlocks them. */
  private long forget(long from, long to) {
    boolean watched = false;
    long written = 0;
    Lane lane = cache.lanes().take();
    try {
      for (long page = from; page < to; page++) {
        KeySlot writer = cache.slots().get(cache.book().writer(page));
        if (writer != null) {
          written++;
          dropUndo(page, writer);
          cache.slots().unbook(cache.book(), page);
        }
        watched |= cache.book().watched(page);
      }
      cache.dram().discard(from, to);
    } finally {
      for (long page = from; page < to; page++) {
        cache.book().unlock(page);
      }
      cache.lanes().give(lane);
    }
    if (watched) {
      cache.handshake().changed(cache.dram().spa(from), (to - from) << Dram.PAGE_SHIFT);
    }
    return written;
  }

  private void dropUndo(long page, KeySlot writer) {
    Keys keys = tags[writer.tag()].keys();
    @Nullable Undo undo = keys == null ? null : keys.undo();
    if (undo != null) {
      undo.drop(page);
    }
  }
}
