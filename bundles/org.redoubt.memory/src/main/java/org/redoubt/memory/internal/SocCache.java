package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * The SoC cache: hit, fill, switch of tag. {@link Evictions} makes room, {@link WriteBack} writes
 * to DRAM, {@link Flushes} does both on demand.
 *
 * <p>A thread in these four holds at most one page or the frames of one batch, and waits for others
 * only while it holds none; an eviction also waits for running ports, which never wait. So threads
 * get on at any number of frames, ports and views.
 */
final class SocCache {
  private static final String UNREACHABLE = "unreachable";

  private final Dram dram;
  private final Book book;
  private final Frames frames;
  private final Pool pool;
  private final Slots slots;
  private final Lanes lanes;
  private final Handshake handshake;
  private final Counters counters;
  private final TagState[] tags;
  private final Faults faults;
  private final Evictor evictor;
  private final WriteBack writeBack;
  private final Evictions evictions;
  private final Flushes flushes;

  SocCache(
      Dram dram,
      Book book,
      Frames frames,
      Pool pool,
      Slots slots,
      Lanes lanes,
      Handshake handshake,
      Counters counters,
      TagState[] tags,
      Faults faults) {
    this.dram = dram;
    this.book = book;
    this.frames = frames;
    this.pool = pool;
    this.slots = slots;
    this.lanes = lanes;
    this.handshake = handshake;
    this.counters = counters;
    this.tags = tags;
    this.faults = faults;
    evictor = new Evictor(lanes);
    writeBack = new WriteBack(dram, book, frames, slots, tags, faults);
    evictions = new Evictions(book, frames, pool, lanes, handshake, tags, writeBack, evictor);
    flushes = new Flushes(book, frames, pool, lanes, handshake, writeBack, evictions, evictor);
  }

  Dram dram() {
    return dram;
  }

  Book book() {
    return book;
  }

  Frames frames() {
    return frames;
  }

  Handshake handshake() {
    return handshake;
  }

  Slots slots() {
    return slots;
  }

  Lanes lanes() {
    return lanes;
  }

  WriteBack writeBack() {
    return writeBack;
  }

  Evictions evictions() {
    return evictions;
  }

  Flushes flushes() {
    return flushes;
  }

  /**
   * A tag's state.
   *
   * @throws IllegalArgumentException if there is no such tag
   */
  TagState tag(int tag) {
    if (tag < 0 || tag >= tags.length) {
      throw new IllegalArgumentException(
          "Tag %d: it takes 0 to %d".formatted(tag, tags.length - 1));
    }
    return tags[tag];
  }

  // Hits

  /**
   * Pins the frame of a page if it is resident under the tag.
   *
   * @return the frame; or 0: {@link #acquire} then
   */
  int pin(long page, TagState tag, boolean write) {
    int frame = book.frame(page);
    if (frame > 0 && tag.status() == TagState.READY) {
      long want = Frames.identity(page, tag.tag());
      long set = write ? Frames.REF | Frames.DIRTY : Frames.REF;
      long state = frames.state(frame);
      while ((state & Frames.IDENTITY) == want && Frames.pins(state) < Frames.MAX_PINS) {
        if (frames.change(frame, state, (state | set) + Frames.PIN)) {
          return frame;
        }
        state = frames.state(frame);
      }
    }
    return 0;
  }

  /**
   * For a port: the frame of a page if it is resident under the tag, with the port noted as a
   * holder of its address. It needs no pin: whoever evicts the frame waits for the running port.
   *
   * @return the frame; or 0: {@link #acquire} then
   */
  int hold(long page, TagState tag, boolean write, long port, boolean running) {
    int frame = book.frame(page);
    if (frame <= 0 || !running || tag.status() != TagState.READY) {
      return 0;
    }
    long want = Frames.identity(page, tag.tag());
    long set = write ? Frames.REF | Frames.DIRTY : Frames.REF;
    if ((frames.ports(frame) & port) != 0) {
      long state = frames.state(frame);
      if ((state & Frames.IDENTITY) == want && (state & set) == set) {
        return frame;
      }
    }
    frame = pin(page, tag, write);
    if (frame > 0) {
      frames.addPort(frame, port);
      frames.unpin(frame);
    }
    return frame;
  }

  // Fills

  /**
   * Makes a page resident under a tag and pins it. The caller holds nothing, and its port is
   * parked.
   *
   * @return the frame; or the tag's negative status
   */
  int acquire(long page, TagState tag, boolean write) {
    return acquire(page, tag, write, null, 0);
  }

  /**
   * As {@link #acquire(long, TagState, boolean)}, for a caller that overwrites the whole page.
   *
   * @param contents what will be written, a page of it from {@code at}: put into a page that is
   *     filled now, in place of what DRAM holds; null to read DRAM
   */
  int acquire(long page, TagState tag, boolean write, @Nullable MemorySegment contents, long at) {
    for (int attempt = 0; ; attempt++) {
      int status = tag.status();
      if (status != TagState.READY) {
        return status;
      }
      int frame = pin(page, tag, write);
      if (frame > 0) {
        return frame;
      }
      frame = book.frame(page);
      if (frame > 0) {
        long state = frames.state(frame);
        if (Frames.page(state) != page
            || (state & (Frames.VALID | Frames.LOCKED)) != Frames.VALID) {
          Backoff.pause(attempt);
        } else if (Frames.tag(state) != tag.tag()) {
          int blocked = putOut(frame, state, attempt, tag.tag());
          if (blocked < 0) {
            return blocked;
          }
        }
      } else if (frame == Book.BUSY) {
        Backoff.pause(attempt);
      } else {
        frame = fill(page, tag, write, contents, at);
        if (frame > 0) {
          return frame;
        }
      }
    }
  }

  /**
   * Puts a page out that is resident under another tag; or waits a little; or a status.
   *
   * @param own the tag that the thread works for
   */
  int putOut(int frame, long state, int attempt, int own) {
    if (writeBack.stuck(state)) {
      return TagState.SUSPENDED;
    }
    if (!frames.lock(frame, state)) {
      Backoff.pause(attempt);
      return 0;
    }
    counters.tagSwitches.increment();
    if (writeBack.needsForeign(state, own)) {
      evictor
          .start(
              new int[] {frame},
              1,
              lane -> pool.give(lane.victims, evictions.expel(lane, WriteBack.ANY)))
          .await();
      return 0;
    }
    Lane lane = lanes.take();
    try {
      lane.victims[0] = frame;
      lane.victimCount = 1;
      pool.give(lane.victims, evictions.expel(lane, own));
    } finally {
      lanes.give(lane);
    }
    return 0;
  }

  /** Fills a free frame with a page that is not resident; 0 if somebody else was quicker. */
  private int fill(
      long page, TagState tag, boolean write, @Nullable MemorySegment contents, long at) {
    Lane lane = lanes.take();
    int frame = 0;
    int lastTag = 0;
    KeySlot blamed = null;
    Keys used = null;
    String failure = Ciphers.ABANDONED;
    try {
      frame = evictions.takeFrame(lane, tag.tag());
      if (frame == 0) {
        return 0;
      }
      if (!book.lock(page)) {
        pool.give(frame);
        return 0;
      }
      lane.count(Counters.FILLS, 1);
      frames.clearPorts(frame);
      lastTag = book.lastTag(page);
      book.setLastTag(page, tag.tag() + 1);
      lane.page = page;
      lane.frame = frame;
      lane.work = Lane.Work.FILL;
      failure =
          contents == null ? load(lane, page, frame, tag) : place(page, frame, tag, contents, at);
      if (failure == null && write) {
        forgetUndo(page, tag);
      }
      blamed = lane.slot;
      used = lane.keys;
    } finally {
      evictions.giveBack(lane);
    }
    if (failure != null) {
      if (!failure.equals(Ciphers.ABANDONED)) {
        book.unlock(page);
      }
      pool.give(frame);
      if (!failure.equals(UNREACHABLE) && !failure.equals(Ciphers.ABANDONED) && blamed != null) {
        faults.failed(blamed, failure, used);
      }
      return 0;
    }
    frames.setState(
        frame, (Frames.identity(page, tag.tag()) | (write ? Frames.DIRTY : 0)) + Frames.PIN);
    book.setFrame(page, frame);
    if (lastTag != tag.tag() + 1 && lastTag != 0 && book.watched(page)) {
      handshake.changed(dram.spa(page), Dram.PAGE_BYTES);
    }
    return frame;
  }

  /** Puts a locked page's new contents into a frame that nobody sees yet; null or why not. */
  private @Nullable String place(
      long page, int frame, TagState tag, MemorySegment contents, long at) {
    if (tag.keys() == null || tag.status() != TagState.READY) {
      return UNREACHABLE;
    }
    try {
      MemorySegment.copy(
          contents, at, frames.bytes(), (long) frame << Dram.PAGE_SHIFT, Dram.PAGE_BYTES);
      return null;
    } catch (RuntimeException e) { // another thread's segment, or one that was closed
      book.unlock(page);
      pool.give(frame);
      throw e;
    }
  }

  /** From now on the frame counts: its entry makes room for another page's. */
  private void forgetUndo(long page, TagState tag) {
    Keys keys = tag.keys();
    Undo undo = keys == null ? null : keys.undo();
    if (undo != null) {
      undo.drop(page);
    }
  }

  /** Reads a locked page from DRAM into a frame; null or why not. */
  private @Nullable String load(Lane lane, long page, int frame, TagState tag) {
    while (true) {
      Keys keys = tag.keys();
      if (keys == null) {
        return UNREACHABLE;
      }
      KeySlot slot = reader(keys, page);
      slot.enter();
      lane.entered = slot;
      lane.enteredToo = null;
      lane.keys = keys;
      lane.slot = slot;
      try {
        if (tag.keys() == keys) {
          return tag.status() == TagState.READY ? load(lane, page, frame, slot, keys) : UNREACHABLE;
        }
      } finally {
        slot.exit();
      }
    }
  }

  /** The slot that reads a page under these keys. */
  private KeySlot reader(Keys keys, long page) {
    Undo undo = keys.undo();
    return undo != null && undo.has(page, keys.current())
        ? keys.current()
        : keys.reader(book.writer(page));
  }

  private @Nullable String load(Lane lane, long page, int frame, KeySlot slot, Keys keys) {
    long at = page << Dram.PAGE_SHIFT;
    long to = (long) frame << Dram.PAGE_SHIFT;
    if (slot.plain()) {
      MemorySegment.copy(dram.bytes(), at, frames.bytes(), to, Dram.PAGE_BYTES);
      return null;
    }
    if (slot.fault() != null) {
      return slot.fault();
    }
    if (slot.tag() == 0 && book.writer(page) == Book.NEVER) {
      frames.bytes().asSlice(to, Dram.PAGE_BYTES).fill((byte) 0);
      return null;
    }
    Undo undo = keys.undo();
    MemorySegment cipher =
        undo != null && undo.has(page, slot) && book.writer(page) != slot.id()
            ? undo.cipher(page)
            : dram.page(page);
    MemorySegment plain = frames.bytes(frame);
    String failure = Ciphers.decrypt(lane, slot, dram.spa(page), cipher, plain);
    return failure == null && keys.onTrial(slot)
        ? Ciphers.prove(lane, slot, dram.spa(page), plain.asReadOnly(), cipher)
        : failure;
  }

  /** For the watchdog: puts right what a call held that does not come back. */
  void takeOver(Lane lane) {
    lane.forEntered(KeySlot::giveUp);
    switch (lane.work) {
      case NOTHING -> {}
      case FILL -> book.unlock(lane.page); // the engine may still write to the frame
      case EXPEL -> {
        for (int i = lane.victimAt; i < lane.victimCount; i++) {
          frames.unlock(lane.victims[i], 0);
        }
        pool.give(lane.victims, lane.freed);
      }
      case MOVE_FRAME -> frames.endMove(lane.frame);
      case MOVE_PAGE -> book.unlock(lane.page);
    }
  }

  /** Why a page cannot be reached under a tag: its own trouble, or that of who has it now. */
  String suspension(TagState tag, long page) {
    String reason = tag.reason();
    int frame = book.frame(page);
    if (reason == null && frame > 0) {
      reason = tags[Frames.tag(frames.state(frame))].reason();
    }
    return reason == null ? "The page at %xh is suspended".formatted(dram.spa(page)) : reason;
  }

  /** Counts resident (index 0) and dirty (index 1) pages. */
  long[] census() {
    long[] count = new long[2];
    int used = pool.used();
    for (int frame = 1; frame < used; frame++) {
      long state = frames.state(frame);
      if ((state & Frames.VALID) != 0) {
        count[0]++;
        count[1] += (state & Frames.DIRTY) != 0 ? 1 : 0;
      }
    }
    return count;
  }

  int capacity() {
    return pool.limit();
  }

  /** Ends the threads. */
  void close() {
    evictor.close();
  }
}
