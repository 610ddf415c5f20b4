package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import org.redoubt.api.HypervisorException;

/**
 * What is known of each page of DRAM: the frame that caches it, the key slot that wrote its
 * ciphertext, the tag it was last cached under, and who watches it.
 *
 * <p>The frame entry is also the lock of a page that is not cached: {@link #BUSY} while a fill or a
 * change of engine works on it.
 */
final class Book {
  /** Frame entry: not cached. */
  static final int NONE = 0;

  /** Frame entry: not cached, and somebody is at work on the page's bytes in DRAM. */
  static final int BUSY = -1;

  /** Writer entry: never written since the system was made. */
  static final int NEVER = 0;

  private final IntTable frames;
  private final IntTable writers;
  private final IntTable lastTags;
  private final LongTable watchers;

  Book(long pages, Arena arena) throws HypervisorException {
    frames = new IntTable(pages, arena, "the books of DRAM");
    writers = new IntTable(pages, arena, "the books of DRAM");
    lastTags = new IntTable(pages, arena, "the books of DRAM");
    watchers = new LongTable(pages, arena, "the books of DRAM");
  }

  /** The frame that caches the page, {@link #NONE} or {@link #BUSY}. */
  int frame(long page) {
    return frames.get(page);
  }

  void setFrame(long page, int frame) {
    frames.setRelease(page, frame);
  }

  /** Takes the lock of a page that is not cached. */
  boolean lock(long page) {
    return frames.compareAndSet(page, NONE, BUSY);
  }

  /** Gives it back. */
  void unlock(long page) {
    frames.setRelease(page, NONE);
  }

  /** Id of the key slot that wrote the page last, or {@link #NEVER}. */
  int writer(long page) {
    return writers.get(page);
  }

  void setWriter(long page, int slot) {
    writers.setRelease(page, slot);
  }

  /** The tag the page was last cached under, plus one; 0 if it never was. */
  int lastTag(long page) {
    return lastTags.get(page);
  }

  void setLastTag(long page, int tagPlusOne) {
    lastTags.setRelease(page, tagPlusOne);
  }

  boolean watched(long page) {
    return watchers.get(page) != 0;
  }

  /** Sets a port's bit; returns whether nobody watched before. */
  boolean watch(long page, long bit) {
    return watchers.getAndOr(page, bit) == 0;
  }

  void unwatch(long page, long bit) {
    watchers.getAndAnd(page, ~bit);
  }
}
