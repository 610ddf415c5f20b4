package org.redoubt.memory.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.redoubt.api.HypervisorException;

/**
 * The former engine's ciphertext of every page that a change of engine has replaced, so that a
 * roll-back needs nothing of the new engine. It costs as much of the host's memory as pages have
 * moved, until the change has ended; when the host has not so much to spare, changes go without.
 *
 * <p>The entry of a page belongs to whoever has the page's bytes in DRAM to himself.
 */
final class Undo {
  private static final Path MEMINFO = Path.of("/proc/meminfo");

  private final MemorySegment bytes;
  private final IntTable writers;
  private final IntTable places;

  /** Entries lie close together, so that large host pages pay. */
  private final AtomicInteger next = new AtomicInteger(1);

  private Undo(Arena arena, long pages) throws HypervisorException {
    bytes = HostMemory.map((pages + 1) << Dram.PAGE_SHIFT, arena, "the undo pages");
    HostMemory.adviseHuge(bytes);
    places = new IntTable(pages, arena, "the undo pages");
    writers = new IntTable(pages, arena, "the undo pages");
  }

  /**
   * Opens one.
   *
   * @param pages pages of DRAM
   * @param expected how many of them will have an entry
   * @return empty if the host has not twice the memory to spare
   */
  static Optional<Undo> open(long pages, long expected) {
    if (spareBytes() / 2 < expected << Dram.PAGE_SHIFT) {
      return Optional.empty();
    }
    try {
      // Address space goes with the last reference; discard gives the memory back before.
      return Optional.of(new Undo(Arena.ofAuto(), pages));
    } catch (HypervisorException e) {
      return Optional.empty();
    }
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
      place = next.getAndIncrement();
      places.set(page, place);
    }
    MemorySegment.copy(cipher, 0, bytes, (long) place << Dram.PAGE_SHIFT, Dram.PAGE_BYTES);
    writers.set(page, by.id());
  }

  /** Forgets the entry of a page. */
  void drop(long page) {
    writers.set(page, Book.NEVER);
  }

  /** Whether it has what that slot would read. */
  boolean has(long page, KeySlot by) {
    return writers.get(page) == by.id();
  }

  /** The ciphertext of a page that has an entry, read only. */
  MemorySegment cipher(long page) {
    return bytes.asSlice((long) places.get(page) << Dram.PAGE_SHIFT, Dram.PAGE_BYTES).asReadOnly();
  }

  /** Gives the memory back; nobody may be reading any more. */
  void discard() {
    HostMemory.discard(bytes);
  }
}
