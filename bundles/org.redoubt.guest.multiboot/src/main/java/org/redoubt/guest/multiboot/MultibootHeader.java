package org.redoubt.guest.multiboot;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.OptionalInt;
import org.redoubt.api.HypervisorException;
import org.redoubt.linux.boot.LoadSegment;

/**
 * The header in a Multiboot image. Multiboot Specification 0.6.96, section 3.1.
 *
 * <pre>
 *   00h  magic           4   1BADB002h
 *   04h  flags           4   bit 0 modules at pages, 1 memory map, 2 video mode; bit 16 the addresses below
 *   08h  checksum        4   the three together make 0
 *   0Ch  header_addr     4   where this header goes
 *   10h  load_addr       4   where the image begins
 *   14h  load_end_addr   4   end of what is in the file; 0 is all of it
 *   18h  bss_end_addr    4   end of what is zero after it; 0 is none
 *   1Ch  entry_addr      4
 * </pre>
 *
 * @param at offset in the file
 * @param flags its flags
 */
record MultibootHeader(int at, int flags) {
  /** The header lies in this many first bytes of the file, whole. */
  static final int SEARCHED = 8192;

  private static final int MAGIC = 0x1BAD_B002;
  private static final int BYTES = 12;
  private static final int BYTES_WITH_ADDRESSES = 32;
  private static final int VIDEO = 1 << 2;
  private static final int ADDRESSES = 1 << 16;

  /** Flags 15:0 are demands; the ones that are fulfilled: pages for modules, a memory map. */
  private static final int FULFILLED = 0b11;

  private static final int DEMANDS = 0xFFFF;

  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Where the magic is: with a good checksum if there is one such, else the first. */
  static OptionalInt find(MemorySegment file) {
    OptionalInt first = OptionalInt.empty();
    long end = Math.min(SEARCHED, file.byteSize());
    for (int at = 0; at + BYTES <= end; at += 4) {
      if (file.get(U32, at) == MAGIC) {
        if (sound(file, at)) {
          return OptionalInt.of(at);
        }
        first = first.isPresent() ? first : OptionalInt.of(at);
      }
    }
    return first;
  }

  private static boolean sound(MemorySegment file, long at) {
    return MAGIC + file.get(U32, at + 4) + file.get(U32, at + 8) == 0;
  }

  /**
   * Reads the header.
   *
   * @throws HypervisorException if there is none, it is damaged, or it demands what is not there
   */
  static MultibootHeader parse(MemorySegment file) throws HypervisorException {
    int at =
        find(file)
            .orElseThrow(() ->
                new HypervisorException(
                    "The kernel is no Multiboot image: no 1BADB002h in its first 8 KiB."));
    int flags = file.get(U32, at + 4);
    if (!sound(file, at)) {
      throw new HypervisorException(
          "The Multiboot header at %xh has a wrong checksum: %08xh for flags %08xh."
              .formatted(at, file.get(U32, at + 8), flags));
    }
    if ((flags & VIDEO) != 0) {
      throw new HypervisorException(
          "The Multiboot image demands a video mode (flags %08xh); this machine has a serial console only."
              .formatted(flags));
    }
    if ((flags & DEMANDS & ~FULFILLED) != 0) {
      throw new HypervisorException(
          "The Multiboot image demands what no specification names: flags %08xh.".formatted(flags));
    }
    if ((flags & ADDRESSES) != 0
        && at + BYTES_WITH_ADDRESSES > Math.min(SEARCHED, file.byteSize())) {
      throw new HypervisorException(
          "The Multiboot header at %xh is truncated: the file has %d bytes."
              .formatted(at, file.byteSize()));
    }
    return new MultibootHeader(at, flags);
  }

  /** Whether the header says what goes where, in place of an ELF header. */
  boolean hasAddresses() {
    return (flags & ADDRESSES) != 0;
  }

  /** With {@link #hasAddresses()}: the entry. */
  long entry(MemorySegment file) {
    return u32(file, 0x1C);
  }

  /**
   * With {@link #hasAddresses()}: what to load.
   *
   * @throws HypervisorException if the addresses contradict each other or the file
   */
  LoadSegment segment(MemorySegment file) throws HypervisorException {
    long header = u32(file, 0x0C);
    long load = u32(file, 0x10);
    long loadEnd = u32(file, 0x14);
    long bssEnd = u32(file, 0x18);
    long from = at - (header - load);
    if (header < load || from < 0) {
      throw new HypervisorException(
          "The Multiboot header at %xh of the file goes to %xh, but the image to %xh: it would begin before the file."
              .formatted(at, header, load));
    }
    long bytes = loadEnd == 0 ? file.byteSize() - from : loadEnd - load;
    if (bytes <= 0 || bytes > file.byteSize() - from) {
      throw new HypervisorException(
          "The Multiboot image is truncated: %d bytes are loaded from %xh of the file, which has %d."
              .formatted(bytes, from, file.byteSize()));
    }
    long size = bssEnd == 0 ? bytes : bssEnd - load;
    if (size < bytes) {
      throw new HypervisorException(
          "The Multiboot image ends at %xh, but its zeros at %xh, before that."
              .formatted(load + bytes, bssEnd));
    }
    return new LoadSegment(load, file.asSlice(from, bytes).asReadOnly(), size);
  }

  private long u32(MemorySegment file, int offset) {
    return Integer.toUnsignedLong(file.get(U32, at + offset));
  }
}
