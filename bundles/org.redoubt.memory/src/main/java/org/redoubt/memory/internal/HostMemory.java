package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;

/**
 * Memory of the host that costs nothing until it is touched: {@code mmap} without reservation on
 * Linux, plain zeroed memory elsewhere.
 */
final class HostMemory {
  private static final boolean LINUX =
      System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");

  /** Alignment of what is mapped: the host's large pages. */
  private static final long HUGE_BYTES = 2 << 20;

  // Linux, include/uapi/asm-generic/mman*.h
  private static final int PROT_READ_WRITE = 0x3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x2 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_FREE = 8;
  private static final int MADV_HUGEPAGE = 14;
  private static final int O_RDWR_CLOEXEC = 0x2 | 0x80000;

  private static final Optional<MethodHandle> MMAP =
      find(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final Optional<MethodHandle> MUNMAP =
      find("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  private static final Optional<MethodHandle> MADVISE =
      find("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final Optional<MethodHandle> OPEN =
      find("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), 2);
  private static final Optional<MethodHandle> CLOSE =
      find("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final Optional<MethodHandle> FALLOCATE =
      find("posix_fallocate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));

  /** Called for every page: so it is a constant to the JIT, as no Optional's value is. */
  private static final @Nullable MethodHandle MEMCMP =
      find("memcmp", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG)).orElse(null);

  private HostMemory() {}

  /**
   * Zeroed memory, aligned to 2 MiB on Linux and 4,096 bytes elsewhere, that lives as long as the
   * arena.
   *
   * @throws HypervisorException if the host has not so much address space
   */
  @SuppressWarnings("restricted")
  static MemorySegment map(long bytes, Arena arena, String what) throws HypervisorException {
    if (MMAP.isEmpty() || MUNMAP.isEmpty()) {
      try {
        return arena.allocate(bytes, 4096);
      } catch (OutOfMemoryError e) {
        throw new HypervisorException("Memory is short: no %d bytes for %s".formatted(bytes, what));
      }
    }
    MethodHandle munmap = MUNMAP.get();
    long whole = bytes + HUGE_BYTES;
    long address;
    try {
      MemorySegment mapped =
          (MemorySegment)
              MMAP.get()
                  .invokeExact(
                      MemorySegment.NULL,
                      whole,
                      PROT_READ_WRITE,
                      MAP_PRIVATE_ANONYMOUS_NORESERVE,
                      -1,
                      0L);
      address = mapped.address();
    } catch (Throwable e) {
      throw new AssertionError("bug: mmap cannot be called", e);
    }
    if (address == -1) {
      throw new HypervisorException("Memory is short: no %d bytes for %s".formatted(bytes, what));
    }
    long skip = -address & (HUGE_BYTES - 1);
    return MemorySegment.ofAddress(address)
        .reinterpret(
            whole,
            arena,
            mapped -> {
              try {
                int ignored = (int) munmap.invokeExact(mapped, whole);
              } catch (Throwable e) {
                throw new AssertionError("bug: munmap cannot be called", e);
              }
            })
        .asSlice(skip, bytes);
  }

  /** Gives whole pages of anonymous memory back to the host; they read as zeros afterwards. */
  static void discard(MemorySegment pages) {
    if (!advise(pages, MADV_DONTNEED)) {
      pages.fill((byte) 0);
    }
  }

  /**
   * Lets the host take whole pages back when it needs them; until then they keep what they hold.
   */
  static void offer(MemorySegment pages) {
    if (!advise(pages, MADV_FREE)) {
      discard(pages);
    }
  }

  private static boolean advise(MemorySegment pages, int advice) {
    if (MADVISE.isEmpty()) {
      return false;
    }
    try {
      return (int) MADVISE.get().invokeExact(pages, pages.byteSize(), advice) == 0;
    } catch (Throwable e) {
      throw new AssertionError("bug: madvise cannot be called", e);
    }
  }

  /**
   * Whether two native segments of the same length hold the same bytes. The C library needs a
   * quarter of the time that Java does.
   */
  static boolean same(MemorySegment one, MemorySegment other) {
    MethodHandle memcmp = MEMCMP;
    if (memcmp == null) {
      return one.mismatch(other) < 0;
    }
    if (one.byteSize() != other.byteSize()) {
      return false;
    }
    try {
      return (int) memcmp.invokeExact(one, other, one.byteSize()) == 0;
    } catch (Throwable e) {
      throw new AssertionError("bug: memcmp cannot be called", e);
    }
  }

  /** Asks for large host pages where they are to be had: fewer faults and fewer TLB misses. */
  static void adviseHuge(MemorySegment pages) {
    boolean ignored = advise(pages, MADV_HUGEPAGE);
  }

  /**
   * Gives every byte of a file a place on its disk, so that writing to a mapping cannot find the
   * disk full. What the file holds stays.
   *
   * @return whether that was done; false if the disk is full or the host offers no such call
   */
  static boolean allocateBlocks(Path file, long bytes) {
    if (OPEN.isEmpty() || CLOSE.isEmpty() || FALLOCATE.isEmpty()) {
      return false;
    }
    try (Arena arena = Arena.ofConfined()) {
      int fd = (int) OPEN.get().invokeExact(arena.allocateFrom(file.toString()), O_RDWR_CLOEXEC);
      if (fd < 0) {
        return false;
      }
      try {
        return (int) FALLOCATE.get().invokeExact(fd, 0L, bytes) == 0;
      } finally {
        int ignored = (int) CLOSE.get().invokeExact(fd);
      }
    } catch (Throwable e) {
      throw new AssertionError("bug: posix_fallocate cannot be called", e);
    }
  }

  /** Whether {@link #allocateBlocks} can be asked at all. */
  static boolean canAllocateBlocks() {
    return FALLOCATE.isPresent();
  }

  /** A function of the C library on Linux; empty elsewhere. */
  @SuppressWarnings("restricted")
  static Optional<MethodHandle> find(String name, FunctionDescriptor type) {
    if (!LINUX) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    return linker.defaultLookup().find(name).map(at -> linker.downcallHandle(at, type));
  }

  @SuppressWarnings("restricted")
  private static Optional<MethodHandle> find(String name, FunctionDescriptor type, int fixed) {
    if (!LINUX) {
      return Optional.empty();
    }
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find(name)
        .map(at -> linker.downcallHandle(at, type, Linker.Option.firstVariadicArg(fixed)));
  }
}
