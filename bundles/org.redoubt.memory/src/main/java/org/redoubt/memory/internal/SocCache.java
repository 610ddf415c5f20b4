package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * The SoC cache: hit, fill, switch of tag, eviction, flush.
 *
 * <p>A thread in here holds at most one page or the frames of one batch, and waits for others only
 * while it holds none; an eviction also waits for running ports, which never wait. So threads get
 * on at any number of frames, ports and views.
 */
final class SocCache {
  /** Told when an engine failed. */
  interface Faults {
    /**
     * An engine threw or was caught lying. On return the slot's tag is suspended, or has other
     * keys.
     *
     * @param slot whose engine failed
     * @param failure what it did, the rest of a sentence
     * @param used the tag's keys when the call began
     */
    void failed(KeySlot slot, String failure, @Nullable Keys used);
  }

  private static final String UNREACHABLE = "unreachable";
  private static final int MAX_RESIZE_ROUNDS = 100_000;
  private static final int CLOCK_PATIENCE = 4096;

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
  private final ReentrantLock clock = new ReentrantLock();
  private int hand = 1;

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
          int blocked = putOut(frame, state, attempt);
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

  /** Puts a page out that is resident under another tag; or waits a little; or a status. */
  int putOut(int frame, long state, int attempt) {
    if (stuck(state)) {
      return TagState.SUSPENDED;
    }
    if (!frames.lock(frame, state)) {
      Backoff.pause(attempt);
      return 0;
    }
    counters.tagSwitches.increment();
    Lane lane = lanes.take();
    try {
      lane.victims[0] = frame;
      lane.victimCount = 1;
      pool.give(lane.victims, expel(lane));
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
      frame = takeFrame(lane);
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
      blamed = lane.slot;
      used = lane.keys;
    } finally {
      giveBack(lane);
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
    if (write) {
      forgetUndo(page, tag);
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

  // Evictions

  /**
   * A free frame, evicting others if need be; they come in batches, of which the lane keeps the
   * rest for its next fills.
   *
   * @return 0 if the watchdog has taken the lane away
   */
  private int takeFrame(Lane lane) {
    for (int attempt = 0; ; attempt++) {
      if (lane.spareCount > 0 && !pool.shrinking()) {
        return lane.takeSpare();
      }
      int frame = pool.take();
      if (frame > 0) {
        return frame;
      }
      if (chooseVictims(lane) == 0) {
        allowForStuck();
        Backoff.pause(attempt);
        continue;
      }
      int freed = expel(lane);
      if (lane.abandoned()) {
        return 0;
      }
      if (pool.over()) {
        pool.give(lane.victims, freed);
      } else {
        lane.spare(freed);
      }
    }
  }

  /** Gives a lane back, and its spare frames too if it will not be used any more. */
  private void giveBack(Lane lane) {
    if (lane.abandoned() || pool.shrinking()) {
      pool.give(lane.spare, lane.spareCount);
      lane.spareCount = 0;
    }
    lanes.give(lane);
  }

  /**
   * Locks frames to be evicted, by second chance.
   *
   * @return how many; 0 if all are in use now
   */
  private int chooseVictims(Lane lane) {
    int wanted = Math.clamp(pool.limit() / 64, 1, Lane.BATCH);
    int count = 0;
    clock.lock();
    try {
      int used = pool.used();
      for (int steps = 0; steps < 2 * used && count < wanted; steps++) {
        int frame = hand;
        hand = hand + 1 < used ? hand + 1 : 1;
        long state = frames.state(frame);
        if ((state & Frames.VALID) == 0 || stuck(state)) {
          continue;
        }
        if ((state & Frames.REF) != 0 && steps < CLOCK_PATIENCE) {
          frames.change(frame, state, state & ~Frames.REF);
        } else if (frames.lock(frame, state)) {
          lane.victims[count++] = frame;
        }
      }
      lane.victimCount = count;
      return count;
    } finally {
      clock.unlock();
    }
  }

  /** Whether a frame holds what DRAM has not, of a suspended guest: nobody can write it back. */
  private boolean stuck(long state) {
    return tags[Frames.tag(state)].status() == TagState.SUSPENDED && toWriteBack(state);
  }

  private boolean toWriteBack(long state) {
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

  /** Lets others have as many frames more as suspended guests hold. */
  void allowForStuck() {
    int count = 0;
    int used = pool.used();
    for (int frame = 1; frame < used; frame++) {
      long state = frames.state(frame);
      if ((state & Frames.VALID) != 0 && stuck(state)) {
        count++;
      }
    }
    pool.setAllowance(count);
  }

  /**
   * Empties the locked frames of a lane: revokes their addresses, writes the dirty ones back, and
   * unlocks the pages. Frames that cannot be written back stay as they were.
   *
   * @return how many are empty now: the first ones of {@link Lane#victims}, the caller's to give
   */
  private int expel(Lane lane) {
    handshake.revoke(lane.victims, lane.victimCount);
    lane.freed = 0;
    lane.work = Lane.Work.EXPEL;
    for (lane.victimAt = 0; lane.victimAt < lane.victimCount; lane.victimAt++) {
      int frame = lane.victims[lane.victimAt];
      long state = frames.state(frame);
      if (toWriteBack(state)) {
        String failure = writeBack(lane, frame, state);
        if (failure != null) {
          if (failure.equals(Ciphers.ABANDONED)) {
            return 0;
          }
          if (tags[Frames.tag(state)].status() != TagState.NO_KEY) {
            frames.unlock(frame, 0);
            continue;
          }
          // The guest is gone and its engine broken: DRAM keeps the older ciphertext.
        }
      }
      lane.count(Counters.EVICTIONS, 1);
      frames.setState(frame, 0);
      book.unlock(Frames.page(state));
      lane.victims[lane.freed++] = frame;
    }
    lane.work = Lane.Work.NOTHING;
    return lane.freed;
  }

  /** Writes a locked frame to DRAM under its tag's key; null or why not. */
  private @Nullable String writeBack(Lane lane, int frame, long state) {
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

  // Flushes

  /**
   * Writes all dirty pages of some tags back; drops their pages too, or keeps them resident and
   * clean.
   */
  void flushAll(boolean drop, IntPredicate ofTag) {
    Lane lane = lanes.take();
    try {
      int used = pool.used();
      int wanted = Math.clamp(pool.limit() / 64, 1, Lane.BATCH);
      int count = 0;
      for (int frame = 1; frame < used; frame++) {
        if (lockForFlush(frame, drop, ofTag)) {
          lane.victims[count++] = frame;
        }
        if (count == wanted || (frame == used - 1 && count > 0)) {
          lane.victimCount = count;
          count = 0;
          flushBatch(lane, drop);
          if (lane.abandoned()) {
            lanes.give(lane);
            lane = lanes.take();
          }
        }
      }
    } finally {
      lanes.give(lane);
    }
  }

  /** Waits until a frame is nobody else's; false if there is nothing to flush in it. */
  private boolean lockForFlush(int frame, boolean drop, IntPredicate ofTag) {
    for (int attempt = 0; ; attempt++) {
      long state = frames.state(frame);
      if ((state & Frames.VALID) == 0
          || (!drop && (state & Frames.DIRTY) == 0)
          || !ofTag.test(Frames.tag(state))
          || stuck(state)) {
        return false;
      }
      if (frames.lock(frame, state)) {
        return true;
      }
      Backoff.pause(attempt);
    }
  }

  private void flushBatch(Lane lane, boolean drop) {
    if (drop) {
      pool.give(lane.victims, expel(lane));
      return;
    }
    handshake.revoke(lane.victims, lane.victimCount);
    lane.freed = 0;
    lane.work = Lane.Work.EXPEL;
    for (lane.victimAt = 0; lane.victimAt < lane.victimCount; lane.victimAt++) {
      int frame = lane.victims[lane.victimAt];
      String failure = writeBack(lane, frame, frames.state(frame));
      if (failure == null) {
        frames.unlock(frame, Frames.DIRTY);
      } else if (failure.equals(Ciphers.ABANDONED)) {
        return;
      } else {
        frames.unlock(frame, 0);
      }
    }
    lane.work = Lane.Work.NOTHING;
  }

  /** Writes one page back and drops it. */
  void flush(long page) {
    for (int attempt = 0; ; attempt++) {
      int frame = book.frame(page);
      if (frame == Book.NONE) {
        return;
      }
      if (frame > 0) {
        long state = frames.state(frame);
        if (Frames.page(state) == page && stuck(state)) {
          return;
        }
        if (Frames.page(state) == page && frames.lock(frame, state)) {
          Lane lane = lanes.take();
          try {
            lane.victims[0] = frame;
            lane.victimCount = 1;
            flushBatch(lane, true);
          } finally {
            lanes.give(lane);
          }
          return;
        }
      }
      Backoff.pause(attempt);
    }
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

  /** Watches a page for a port; addresses given out for writing are taken back. */
  void watch(long page, long bit) {
    if (!book.watch(page, bit)) {
      return;
    }
    for (int attempt = 0; ; attempt++) {
      int frame = book.frame(page);
      if (frame == Book.NONE) {
        return;
      }
      if (frame > 0) {
        long state = frames.state(frame);
        if (Frames.page(state) == page && frames.lock(frame, state)) {
          handshake.revoke(new int[] {frame}, 1);
          frames.unlock(frame, 0);
          return;
        }
      }
      Backoff.pause(attempt);
    }
  }

  /** Evicts down to a smaller capacity, or allows a larger one. */
  void resize(int limit) {
    pool.setLimit(limit);
    pool.setShrinking(true);
    for (int attempt = 0; pool.over() && attempt < MAX_RESIZE_ROUNDS; attempt++) {
      collectSpares();
      Lane lane = lanes.take();
      try {
        int chosen = chooseVictims(lane);
        if (chosen == 0) {
          allowForStuck();
          Backoff.pause(attempt);
        }
        pool.give(lane.victims, expel(lane));
      } finally {
        lanes.give(lane);
      }
    }
    pool.setShrinking(false);
    int[] free = pool.takeAllFree();
    for (int frame : free) {
      HostMemory.discard(frames.bytes().asSlice((long) frame << Dram.PAGE_SHIFT, Dram.PAGE_BYTES));
      pool.give(frame);
    }
  }

  /** Takes back what idle lanes keep; busy ones give it back themselves. */
  private void collectSpares() {
    for (Lane lane : lanes.all()) {
      if (lane.spareCount > 0 && lane.own()) {
        giveBack(lane);
      }
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
}
