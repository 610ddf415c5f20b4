package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/** Which frames hold what DRAM has not, and how that gets there. */
final class WriteBack {
  /** Stands for a tag: every engine may be called. */
  static final int ANY = -2;

  /** Stands for a tag: no engine may be called. */
  static final int NONE = -1;

  private final Dram dram;
  private final Book book;
  private final Frames frames;
  private final Slots slots;
  private final TagState[] tags;
  private final Faults faults;

  WriteBack(Dram dram, Book book, Frames frames, Slots slots, TagState[] tags, Faults faults) {
    this.dram = dram;
    this.book = book;
    this.frames = frames;
    this.slots = slots;
    this.tags = tags;
    this.faults = faults;
  }

  /** Whether a frame holds what DRAM has not, of a suspended guest: nobody can write it back. */
  boolean stuck(long state) {
    return tags[Frames.tag(state)].status() == TagState.SUSPENDED && needs(state);
  }

  /**
   * Whether a frame lies under an engine that a thread must not call which works for a tag: if it
   * never returned, another guest would hang.
   *
   * @param own the tag, {@link #ANY} or {@link #NONE}
   */
  boolean foreign(long state, int own) {
    int tag = Frames.tag(state);
    if (tag == own || own == ANY) {
      return false;
    }
    Keys keys = tags[tag].keys();
    return keys != null && !keys.current().plain();
  }

  /** Whether emptying a frame takes such an engine. */
  boolean needsForeign(long state, int own) {
    return foreign(state, own) && needs(state);
  }

  boolean needs(long state) {
    return (state & Frames.DIRTY) != 0 || owed(Frames.page(state), state);
  }

  /**
   * Whether a clean frame must not go before it is written back all the same: a change of engine
   * has moved the page under it, and nothing is kept of the former ciphertext, so that a roll-back
   * needs the frame.
   */
  boolean owed(long page, long state) {
    Keys keys = tags[Frames.tag(state)].keys();
    Undo undo = keys == null ? null : keys.undo();
    if (keys == null || undo == null) {
      return false;
    }
    int writer = book.writer(page);
    KeySlot fallback = keys.fallback();
    return fallback == null
        ? keys.old(writer) != null && !undo.has(page, keys.current())
        : writer == keys.current().id() && !undo.has(page, fallback);
  }

  /** Writes a locked frame to DRAM under its tag's key; null or why not. */
  @Nullable String write(Lane lane, int frame, long state) {
    TagState tag = tags[Frames.tag(state)];
    long page = Frames.page(state);
    while (true) {
      Keys keys = tag.keys();
      if (keys == null) {
        throw new AssertionError("bug: a dirty page of tag %d has no key".formatted(tag.tag()));
      }
      if (tag.status() == TagState.SUSPENDED) {
        return "suspended";
      }
      KeySlot slot = keys.current();
      slot.enter();
      lane.entered = slot;
      lane.enteredToo = null;
      lane.keys = keys;
      String failure;
      try {
        if (tag.keys() != keys) {
          continue;
        }
        failure = store(lane, slot, page, frame, keys);
      } finally {
        slot.exit();
      }
      if (failure == null) {
        lane.count(Counters.WRITE_BACKS, 1);
        return null;
      }
      if (failure.equals(Ciphers.ABANDONED)) {
        return failure;
      }
      faults.failed(slot, failure, keys);
      if (tag.keys() == keys) {
        return failure;
      }
    }
  }

  private @Nullable String store(Lane lane, KeySlot slot, long page, int frame, Keys keys) {
    long at = page << Dram.PAGE_SHIFT;
    long from = (long) frame << Dram.PAGE_SHIFT;
    if (slot.plain()) {
      MemorySegment.copy(frames.bytes(), from, dram.bytes(), at, Dram.PAGE_BYTES);
      slots.book(book, page, slot);
      return null;
    }
    if (slot.fault() != null) {
      return slot.fault();
    }
    MemorySegment plain = frames.bytes(frame).asReadOnly();
    Undo undo = keys.undo();
    if (undo != null && !keepForUndo(lane, undo, page, keys, plain)) {
      return Ciphers.ABANDONED;
    }
    String failure = Ciphers.encryptProven(lane, slot, dram.spa(page), plain);
    if (failure == null) {
      MemorySegment.copy(lane.cipher, 0, dram.bytes(), at, Dram.PAGE_BYTES);
      slots.book(book, page, slot);
    }
    return failure;
  }

  /**
   * While the engine changes: also encrypts with the engine before, for a roll-back. If that fails,
   * there is just no such entry.
   *
   * @return false if the watchdog has taken over
   */
  private boolean keepForUndo(Lane lane, Undo undo, long page, Keys keys, MemorySegment plain) {
    KeySlot fallback = keys.fallback();
    if (fallback == null || fallback.fault() != null) {
      undo.drop(page);
      return true;
    }
    fallback.enter();
    lane.enteredToo = fallback;
    try {
      String failure = Ciphers.encryptProven(lane, fallback, dram.spa(page), plain);
      if (failure == null) {
        undo.keep(page, fallback, lane.cipherIn);
      } else if (!failure.equals(Ciphers.ABANDONED)) {
        undo.drop(page);
      }
      return failure == null || !failure.equals(Ciphers.ABANDONED);
    } finally {
      fallback.exit();
      lane.enteredToo = null;
    }
  }
}
