package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * Moves the ciphertext of one page after the other from old key slots to current ones. A resident
 * page is moved in DRAM under its frame: guests go on reading and writing the plaintext. For such a
 * page the frame also stands in for an entry in {@link Undo}: see {@link WriteBack#owed}.
 */
final class PageMover {
  /**
   * A page that could not be moved. Its old ciphertext is untouched.
   *
   * @param slot whose engine failed
   * @param failure what it did, the rest of a sentence; {@link Ciphers#ABANDONED} if the watchdog
   *     has taken over
   * @param used the tag's keys when the call began
   */
  record Failure(KeySlot slot, String failure, Keys used) {}

  private static final int IMPATIENT_ATTEMPTS = 8;

  private final SocCache cache;
  private final TagState[] tags;

  PageMover(SocCache cache, TagState[] tags) {
    this.cache = cache;
    this.tags = tags;
  }

  /** The tag of a page that is still to be moved, or null. */
  @Nullable TagState toMove(long page) {
    int writer = cache.book().writer(page);
    if (writer == Book.NEVER) {
      return null;
    }
    KeySlot slot = cache.slots().get(writer);
    if (slot == null) {
      return null;
    }
    TagState tag = tags[slot.tag()];
    Keys keys = tag.keys();
    return keys != null && keys.old(writer) != null ? tag : null;
  }

  /**
   * Moves one page.
   *
   * @param patient whether to wait for whoever has the page, rather than to leave it for now
   * @param stop asked while it has to wait
   * @return null when it was moved, left, or need not be moved
   */
  @Nullable Failure move(
      Lane lane, long page, TagState tag, boolean patient, BooleanSupplier stop) {
    Book book = cache.book();
    Frames frames = cache.frames();
    for (int attempt = 0; !stop.getAsBoolean(); attempt++) {
      int frame = book.frame(page);
      if (frame == Book.NONE) {
        if (book.lock(page)) {
          return movePage(lane, page, tag);
        }
      } else if (frame != Book.BUSY) {
        long state = frames.state(frame);
        if (Frames.page(state) == page && (state & Frames.VALID) != 0) {
          if (Frames.tag(state) != tag.tag()) {
            // Raw bytes of the old ciphertext: they must not outlive it.
            if (cache.putOut(frame, state, attempt, WriteBack.NONE) < 0) {
              return null;
            }
            continue;
          }
          if (frames.beginMove(frame, state)) {
            return moveUnder(lane, page, frame, tag);
          }
        }
      }
      if (!patient && attempt == IMPATIENT_ATTEMPTS) {
        return null;
      }
      Backoff.pause(attempt);
    }
    return null;
  }

  private @Nullable Failure movePage(Lane lane, long page, TagState tag) {
    lane.page = page;
    lane.work = Lane.Work.MOVE_PAGE;
    Failure failure = convert(lane, page, 0, tag);
    if (!abandoned(failure)) {
      lane.work = Lane.Work.NOTHING;
      cache.book().unlock(page);
    }
    return failure;
  }

  private @Nullable Failure moveUnder(Lane lane, long page, int frame, TagState tag) {
    lane.frame = frame;
    lane.work = Lane.Work.MOVE_FRAME;
    Failure failure = convert(lane, page, frame, tag);
    if (!abandoned(failure)) {
      lane.work = Lane.Work.NOTHING;
      cache.frames().endMove(frame);
    }
    return failure;
  }

  static boolean abandoned(@Nullable Failure failure) {
    return failure != null && failure.failure().equals(Ciphers.ABANDONED);
  }

  private @Nullable Failure convert(Lane lane, long page, int frame, TagState tag) {
    while (true) {
      Keys keys = tag.keys();
      KeySlot old = keys == null ? null : keys.old(cache.book().writer(page));
      if (keys == null || old == null) {
        return null;
      }
      old.enter();
      keys.current().enter();
      lane.entered = old;
      lane.enteredToo = keys.current();
      lane.keys = keys;
      try {
        if (tag.keys() == keys) {
          return convert(lane, page, frame, old, keys);
        }
      } finally {
        keys.current().exit();
        old.exit();
      }
    }
  }

  /**
   * Gets the plaintext and proves it, encrypts it, proves that, and only then replaces the old
   * ciphertext.
   *
   * @param frame where the page is resident, or 0
   */
  private @Nullable Failure convert(Lane lane, long page, int frame, KeySlot old, Keys keys) {
    KeySlot current = keys.current();
    Undo undo = keys.undo();
    if (undo != null && undo.has(page, current)) {
      replace(undo.cipher(page), page, current);
      undo.drop(page);
      return null;
    }
    long spa = cache.dram().spa(page);
    MemorySegment former = cache.dram().page(page);
    String failure = null;
    if (frame == 0) {
      failure = old.fault();
      if (failure == null) {
        failure = Ciphers.decryptProven(lane, old, spa, former);
      }
    } else if (!takeFromFrame(lane, page, frame)) {
      failure = old.fault();
      if (failure == null) {
        failure = Ciphers.prove(lane, old, spa, lane.plainIn, former);
      }
    }
    if (failure != null) {
      return new Failure(old, failure, keys);
    }
    failure = current.fault();
    if (failure == null) {
      failure = Ciphers.encryptProven(lane, current, spa, lane.plainIn);
    }
    if (failure != null) {
      return new Failure(current, failure, keys);
    }
    if (undo != null && frame == 0 && old == keys.fallback()) {
      undo.prepare();
      undo.keep(page, old, former);
    } else if (undo != null && frame != 0) {
      undo.drop(page); // the frame has what a roll-back needs
    }
    replace(lane.cipher, page, current);
    return null;
  }

  /**
   * Copies a frame that is being moved under to {@link Lane#plain}.
   *
   * @return whether DRAM does not count, the frame being newer or the only copy that can be relied
   *     on. A guest that is writing now may have torn the copy, which does no harm then: the frame
   *     is written back again.
   */
  private boolean takeFromFrame(Lane lane, long page, int frame) {
    Frames frames = cache.frames();
    MemorySegment.copy(
        frames.bytes(), (long) frame << Dram.PAGE_SHIFT, lane.plain, 0, Dram.PAGE_BYTES);
    VarHandle.loadLoadFence();
    long state = frames.state(frame);
    return (state & Frames.DIRTY) != 0 || cache.writeBack().owed(page, state);
  }

  private void replace(MemorySegment cipher, long page, KeySlot current) {
    MemorySegment.copy(cipher, 0, cache.dram().bytes(), page << Dram.PAGE_SHIFT, Dram.PAGE_BYTES);
    cache.slots().book(cache.book(), page, current);
  }
}
