package org.redoubt.memory.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.AddressMap;

/**
 * The bytes outside the SoC, in anonymous memory or a file, and the numbering of their pages:
 * ranges one after the other, page 0 being the first page of the first range.
 */
final class Dram {
  static final int PAGE_SHIFT = 12;
  static final int PAGE_BYTES = 1 << PAGE_SHIFT;

  private final long[] starts;
  private final long[] ends;
  private final long[] firstPages;
  private final long pages;
  private final MemorySegment bytes;
  private final MemorySegment readOnly;
  private final @Nullable FileChannel file;

  private Dram(AddressMap map, MemorySegment bytes, @Nullable FileChannel file) {
    List<AddressMap.Range> ranges = map.dram();
    starts = new long[ranges.size()];
    ends = new long[ranges.size()];
    firstPages = new long[ranges.size()];
    long page = 0;
    for (int i = 0; i < starts.length; i++) {
      starts[i] = ranges.get(i).spa();
      ends[i] = ranges.get(i).end();
      firstPages[i] = page;
      page += ranges.get(i).bytes() >>> PAGE_SHIFT;
    }
    pages = page;
    this.bytes = bytes;
    readOnly = bytes.asReadOnly();
    this.file = file;
  }

  static Dram open(AddressMap map, Optional<Path> file, Arena arena) throws HypervisorException {
    if (map.bytes() >>> PAGE_SHIFT > Integer.MAX_VALUE) {
      throw new HypervisorException(
          "DRAM of %d bytes is too large: at most 8 TiB".formatted(map.bytes()));
    }
    if (file.isPresent()) {
      return inFile(map, file.get(), arena);
    }
    MemorySegment bytes = HostMemory.map(map.bytes(), arena, "DRAM");
    HostMemory.adviseHuge(bytes);
    return new Dram(map, bytes, null);
  }

  private static Dram inFile(AddressMap map, Path path, Arena arena) throws HypervisorException {
    long need = map.bytes();
    boolean existed = Files.exists(path);
    long had = -1;
    FileChannel channel = null;
    boolean done = false;
    try {
      if (existed && !Files.isRegularFile(path)) {
        throw new HypervisorException("DRAM file %s is not a plain file".formatted(path));
      }
      if (existed && (!Files.isWritable(path) || markedReadOnly(path))) {
        throw new HypervisorException("DRAM file %s is read-only".formatted(path));
      }
      channel =
          FileChannel.open(
              path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
      had = channel.size();
      if (had != 0 && had < need) {
        throw new HypervisorException(
            "DRAM file %s is too short: it has %d bytes, DRAM needs %d".formatted(path, had, need));
      }
      if (channel.tryLock() == null) {
        throw new HypervisorException("DRAM file %s is in use by another process".formatted(path));
      }
      if (had == 0) {
        makeRoom(path, channel, need);
      } else if (HostMemory.canAllocateBlocks() && !HostMemory.allocateBlocks(path, need)) {
        throw full(path, need);
      }
      Dram dram =
          new Dram(map, channel.map(FileChannel.MapMode.READ_WRITE, 0, need, arena), channel);
      done = true;
      return dram;
    } catch (OverlappingFileLockException e) {
      throw new HypervisorException(
          "DRAM file %s is in use by another memory system".formatted(path), e);
    } catch (IOException e) {
      throw new HypervisorException(
          "DRAM file %s cannot be used: %s".formatted(path, reason(e)), e);
    } finally {
      if (!done) {
        undo(path, channel, existed, had);
      }
    }
  }

  /** Whether nobody may write to it: a superuser could, but was told not to. */
  private static boolean markedReadOnly(Path path) throws IOException {
    try {
      Set<PosixFilePermission> allowed = Files.getPosixFilePermissions(path);
      return !allowed.contains(PosixFilePermission.OWNER_WRITE)
          && !allowed.contains(PosixFilePermission.GROUP_WRITE)
          && !allowed.contains(PosixFilePermission.OTHERS_WRITE);
    } catch (UnsupportedOperationException e) {
      return false;
    }
  }

  /** Extends an empty file, with all of its blocks, so that no later write finds the disk full. */
  private static void makeRoom(Path path, FileChannel channel, long need)
      throws IOException, HypervisorException {
    if (Files.getFileStore(path).getUsableSpace() < need) {
      throw full(path, need);
    }
    if (HostMemory.canAllocateBlocks()) {
      if (!HostMemory.allocateBlocks(path, need)) {
        throw full(path, need);
      }
      return;
    }
    java.nio.ByteBuffer zeros = java.nio.ByteBuffer.allocateDirect(1 << 20);
    for (long at = 0; at < need; at += zeros.limit()) {
      zeros.clear().limit((int) Math.min(zeros.capacity(), need - at));
      while (zeros.hasRemaining()) {
        channel.write(zeros, at + zeros.position());
      }
    }
  }

  private static HypervisorException full(Path path, long need) {
    return new HypervisorException(
        "DRAM file %s does not fit: the disk has no room for %d bytes".formatted(path, need));
  }

  private static void undo(Path path, @Nullable FileChannel channel, boolean existed, long had) {
    if (channel == null) {
      return;
    }
    try (FileChannel closing = channel) {
      if (had == 0 && closing.size() != 0) {
        closing.truncate(0);
      }
      if (!existed) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      // The refusal under way already names the file; an empty remainder does no harm.
    }
  }

  private static String reason(IOException e) {
    return e instanceof java.nio.file.AccessDeniedException
        ? "permission denied"
        : e instanceof java.nio.file.NoSuchFileException
            ? "no such folder"
            : String.valueOf(e.getMessage());
  }

  /** Pages of DRAM. */
  long pages() {
    return pages;
  }

  /** The bytes, pages in the order of their numbers. */
  MemorySegment bytes() {
    return bytes;
  }

  /** One page's bytes, read only. */
  MemorySegment page(long page) {
    return readOnly.asSlice(page << PAGE_SHIFT, PAGE_BYTES);
  }

  /** Whether the host can have the memory of single pages back. */
  boolean discardable() {
    return file == null; // a file keeps its blocks, so that no later write finds the disk full
  }

  /** Gives the memory of pages back to the host; they hold zeros then. */
  void discard(long from, long to) {
    HostMemory.discard(bytes.asSlice(from << PAGE_SHIFT, (to - from) << PAGE_SHIFT));
  }

  /** Number of the page of an address, or -1 if it is not DRAM. */
  long pageOrHole(long spa) {
    for (int i = 0; i < starts.length; i++) {
      if (spa < ends[i] && spa >= starts[i]) {
        return firstPages[i] + ((spa - starts[i]) >>> PAGE_SHIFT);
      }
    }
    return -1;
  }

  /**
   * Number of the first page of a run of bytes.
   *
   * @throws IndexOutOfBoundsException if the run is not within one DRAM range
   */
  long page(long spa, long length) {
    for (int i = 0; i < starts.length; i++) {
      if (spa < ends[i] && spa >= starts[i]) {
        if (length <= ends[i] - spa) {
          return firstPages[i] + ((spa - starts[i]) >>> PAGE_SHIFT);
        }
        break;
      }
    }
    throw outside(spa, length);
  }

  private IndexOutOfBoundsException outside(long spa, long length) {
    StringBuilder dram = new StringBuilder();
    for (int i = 0; i < starts.length; i++) {
      dram.append(i == 0 ? "" : ", ").append("%xh-%xh".formatted(starts[i], ends[i] - 1));
    }
    return new IndexOutOfBoundsException(
        "%d bytes at %xh are not within DRAM (%s)".formatted(length, spa, dram));
  }

  /** System-physical address of a page's first byte. */
  long spa(long page) {
    int i = starts.length - 1;
    while (firstPages[i] > page) {
      i--;
    }
    return starts[i] + ((page - firstPages[i]) << PAGE_SHIFT);
  }

  /** Releases the file; the mapping goes with its arena. */
  void close() {
    if (file != null) {
      try {
        file.close();
      } catch (IOException e) {
        // Everything is in the mapping; the descriptor is all that is lost.
      }
    }
  }
}
