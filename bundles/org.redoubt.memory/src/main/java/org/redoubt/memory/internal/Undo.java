package org.redoubt.memory.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;

/**
 * The former engine's ciphertext of every page that a change of engine has replaced in DRAM and
 * that is not in the SoC cache, so that a roll-back needs nothing of the new engine. It costs as
 * much of the host's memory, until the change has ended; when the host has not so much to spare,
 * changes go without. Whoever changes it has a {@link Lane}, so that it is not discarded meanwhile.
 *
 * <p>The entry of a page belongs to whoever has the page's bytes in DRAM to himself. Of a page
 * whose frame is dirty it may be out of date: the frame counts then.
 */
final class Undo {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final VarHandle TOUCH = ValueLayout.JAVA_LONG.varHandle();

  /** Places in a large page of the host, and how many are to be ready at any time. */
  private static final int BLOCK = 512;

  private static final int AHEAD = 2 * BLOCK;

  private final MemorySegment bytes;
  private final IntTable writers;
  private final IntTable places;

  /** Places of dropped entries, linked: used again first, because the host has cleared them. */
  private final IntTable links;

  /** The first of them, and in the upper half how often it has changed. */
  private final AtomicLong freed = new AtomicLong();

  /** Entries lie close together, so that large host pages pay. */
  private final AtomicInteger next = new AtomicInteger(1);

  private final AtomicBoolean idle = new AtomicBoolean();

  /** The host has given memory for places below this one. */
  private final AtomicInteger prepared = new AtomicInteger();

  private Undo(Arena arena, long pages) throws HypervisorException {
    bytes = HostMemory.map((pages + 1) << Dram.PAGE_SHIFT, arena, "the undo pages");
    HostMemory.adviseHuge(bytes);
    places = new IntTable(pages, arena, "the undo pages");
    writers = new IntTable(pages, arena, "the undo pages");
    links = new IntTable(pages + 1, arena, "the undo pages");
  }

  /**
   * Opens one.
   *
   * @param pages pages of DRAM
   * @param expected how many of them will have an entry
   * @param former of the change before: if it is out of use, its memory is used again
   * @return empty if the host has not twice the memory to spare
   */
  static Optional<Undo> open(long pages, long expected, @Nullable Undo former) {
    if (spareBytes() / 2 < expected << Dram.PAGE_SHIFT) {
      return Optional.empty();
    }
    if (former != null && former.reuse()) {
      return Optional.of(former);
    }
    try {
      // Address space goes with the last reference; discard gives the memory back before.
      return Optional.of(new Undo(Arena.ofAuto(), pages));
    } catch (HypervisorException e) {
      return Optional.empty();
    }
  }

  /** Opens one out of use, for {@link #reserve}; empty as {@link #open} has it. */
  static Optional<Undo> openIdle(long pages, long expected) {
    Optional<Undo> fresh = open(pages, expected, null);
    fresh.ifPresent(undo -> undo.idle.set(true));
    return fresh;
  }

  /** What the host could give without swapping; all of it where it does not tell. */
  private static long spareBytes() {
    try {
      for (String line : Files.readAllLines(MEMINFO)) {
        if (line.startsWith("MemAvailable:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
    } catch (IOException e) {
      // Not Linux.
    }
    return Long.MAX_VALUE;
  }

  /** Keeps a page's ciphertext, made by that slot. */
  void keep(long page, KeySlot by, MemorySegment cipher) {
    int place = places.get(page);
    if (place == 0) {
      place = takePlace();
      places.set(page, place);
    }
    MemorySegment.copy(cipher, 0, bytes, (long) place << Dram.PAGE_SHIFT, Dram.PAGE_BYTES);
    writers.set(page, by.id());
  }

  /**
   * For whoever moves pages: has the host clear memory ahead of need. Else all threads that write
   * pages back would wait for it at the same moment, and the host clear a large page for each.
   */
  void prepare() {
    int from = prepared.get();
    if (from < next.get() + AHEAD && prepared.compareAndSet(from, from + BLOCK)) {
      touch(block(from));
    }
  }

  private MemorySegment block(int from) {
    long first = Math.min((long) from << Dram.PAGE_SHIFT, bytes.byteSize());
    long length = Math.min((long) BLOCK << Dram.PAGE_SHIFT, bytes.byteSize() - first);
    return bytes.asSlice(first, length);
  }

  private static void touch(MemorySegment block) {
    for (long at = 0; at < block.byteSize(); at += Dram.PAGE_BYTES) {
      // A place that was given out is written by its owner only: add nothing.
      TOUCH.getAndAdd(block, at, 0L);
    }
  }

  /**
   * While no change is under way: has the host clear a large page for the next one, and offers it
   * back at once, so that it costs nothing when memory is short.
   *
   * @param places how many shall be ready
   * @return whether there is more to do
   */
  synchronized boolean reserve(long places) {
    int from = prepared.get();
    if (from >= places || !idle.get()) {
      return false;
    }
    if (prepared.compareAndSet(from, from + BLOCK)) {
      MemorySegment block = block(from);
      touch(block);
      HostMemory.offer(block);
    }
    return true;
  }

  /** Takes it into use again, if it is out of use; waits for {@link #reserve}. */
  private synchronized boolean reuse() {
    return idle.compareAndSet(true, false);
  }

  /** Gives the memory of one that is out of use back to the host. */
  synchronized void release() {
    if (idle.compareAndSet(true, false)) {
      HostMemory.discard(bytes);
    }
  }

  private int takePlace() {
    while (true) {
      long head = freed.get();
      int place = (int) head;
      if (place == 0) {
        return next.getAndIncrement();
      }
      if (freed.compareAndSet(head, stamped(head, links.get(place)))) {
        return place;
      }
    }
  }

  private static long stamped(long former, int place) {
    return (former >>> 32) + 1 << 32 | place;
  }

  /** Forgets the entry of a page. */
  void drop(long page) {
    int place = places.get(page);
    if (place == 0) {
      return;
    }
    writers.set(page, Book.NEVER);
    places.set(page, 0);
    long head;
    do {
      head = freed.get();
      links.set(place, (int) head);
    } while (!freed.compareAndSet(head, stamped(head, place)));
  }

  /** Whether it has what that slot would read. */
  boolean has(long page, KeySlot by) {
    return writers.get(page) == by.id();
  }

  /** The ciphertext of a page that has an entry, read only. */
  MemorySegment cipher(long page) {
    return bytes.asSlice((long) places.get(page) << Dram.PAGE_SHIFT, Dram.PAGE_BYTES).asReadOnly();
  }

  /**
   * Ends its use; nobody may be reading any more. The host takes the memory back when it needs it;
   * until then another change gets it without its being cleared.
   */
  void discard() {
    places.clear();
    writers.clear();
    freed.set(0);
    next.set(1);
    HostMemory.offer(bytes);
    idle.set(true);
  }
}
