package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * An ELF file that is to be loaded where its program headers say, its headers checked: every offset
 * and size is bounded by the file before it is believed. System V ABI, "ELF Header" and "Program
 * Header"; the x86-64 supplement.
 *
 * <pre>
 *           64-bit  32-bit
 *   class       4       4   1   1 is 32-bit, 2 is 64-bit
 *   data        5       5   1   1 is little-endian
 *   type       10h     10h  2   2 executable, 3 shared
 *   machine    12h     12h  2   3 is i386, 3Eh is x86-64
 *   entry      18h     18h  8/4 virtual address
 *   phoff      20h     1Ch  8/4 file offset of the program headers
 *   phentsize  36h     2Ah  2
 *   phnum      38h     2Ch  2
 * </pre>
 *
 * @param wide whether it is a 64-bit file
 * @param entry the entry in its header, a virtual address as the linker gave it
 * @param segments what to load, in the file's order
 * @param notes the contents of its PT_NOTE segments; read-only
 */
public record ElfImage(
    boolean wide, long entry, List<Segment> segments, List<MemorySegment> notes) {
  private static final long MAGIC = 0x464C_457FL;
  private static final int LONGEST_HEADER = 64;
  private static final int SHORTEST_HEADER = 52;
  private static final int EM_386 = 3;
  private static final int EM_X86_64 = 62;
  private static final int PN_XNUM = 0xFFFF;
  private static final int PT_LOAD = 1;
  private static final int PT_NOTE = 4;

  /**
   * A PT_LOAD segment.
   *
   * @param virtual its address as the linker gave it
   * @param load where it goes
   */
  public record Segment(long virtual, LoadSegment load) {}

  /** Copies the lists. */
  public ElfImage {
    segments = List.copyOf(segments);
    notes = List.copyOf(notes);
  }

  /** Whether a file begins as ELF files do. */
  public static boolean isElf(byte[] head) {
    return head.length >= 4 && Bytes.u32(MemorySegment.ofArray(head), 0) == MAGIC;
  }

  /**
   * Checks {@code file}, which must not change while the image is in use.
   *
   * @throws LinuxBootException one sentence saying what is wrong with the file
   */
  public static ElfImage parse(MemorySegment file) throws LinuxBootException {
    if (file.byteSize() < SHORTEST_HEADER || Bytes.u32(file, 0) != MAGIC) {
      throw new LinuxBootException(
          "The kernel is truncated or no ELF file: %d bytes.".formatted(file.byteSize()));
    }
    boolean wide = wide(file);
    if (wide && file.byteSize() < LONGEST_HEADER) {
      throw new LinuxBootException(
          "The kernel is truncated: %d bytes of an ELF file.".formatted(file.byteSize()));
    }
    int type = Bytes.u16(file, 0x10);
    if (type != 2 && type != 3) {
      throw new LinuxBootException(
          "The kernel is an ELF file of type %d, not an executable.".formatted(type));
    }
    long at = wide ? Bytes.u64(file, 0x20) : Bytes.u32(file, 0x1C);
    int entryBytes = Bytes.u16(file, wide ? 0x36 : 0x2A);
    int count = Bytes.u16(file, wide ? 0x38 : 0x2C);
    if (count == PN_XNUM || entryBytes < (wide ? 56 : 32)) {
      throw new LinuxBootException(
          "The kernel's ELF file has %d program headers of %d bytes each."
              .formatted(count, entryBytes));
    }
    if (at < 0 || at > file.byteSize() || (long) count * entryBytes > file.byteSize() - at) {
      throw new LinuxBootException(
          "The kernel is truncated: its %d program headers at %xh lie beyond its %d bytes."
              .formatted(count, at, file.byteSize()));
    }
    List<Segment> segments = new ArrayList<>();
    List<MemorySegment> notes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      header(file, at + (long) i * entryBytes, wide, segments, notes);
    }
    long entry = wide ? Bytes.u64(file, 0x18) : Bytes.u32(file, 0x18);
    return new ElfImage(wide, entry, segments, notes);
  }

  private static boolean wide(MemorySegment file) throws LinuxBootException {
    int elfClass = Bytes.u8(file, 4);
    int data = Bytes.u8(file, 5);
    int machine = Bytes.u16(file, 0x12);
    boolean wide = elfClass == 2;
    if (data != 1 || elfClass != 1 && elfClass != 2 || machine != (wide ? EM_X86_64 : EM_386)) {
      throw new LinuxBootException(
          "The kernel is an ELF file for another machine: class %d, data %d, machine %d; x86 has 2, 1, 62 or 1, 1, 3."
              .formatted(elfClass, data, machine));
    }
    return wide;
  }

  private static void header(
      MemorySegment file, long at, boolean wide, List<Segment> segments, List<MemorySegment> notes)
      throws LinuxBootException {
    long type = Bytes.u32(file, at);
    if (type != PT_LOAD && type != PT_NOTE) {
      return;
    }
    long offset = wide ? Bytes.u64(file, at + 8) : Bytes.u32(file, at + 4);
    long virtual = wide ? Bytes.u64(file, at + 16) : Bytes.u32(file, at + 8);
    long physical = wide ? Bytes.u64(file, at + 24) : Bytes.u32(file, at + 12);
    long fileBytes = wide ? Bytes.u64(file, at + 32) : Bytes.u32(file, at + 16);
    long memoryBytes = wide ? Bytes.u64(file, at + 40) : Bytes.u32(file, at + 20);
    if (offset < 0
        || fileBytes < 0
        || offset > file.byteSize()
        || fileBytes > file.byteSize() - offset) {
      throw new LinuxBootException(
          "The kernel is truncated: a segment has %d bytes at %xh of the file, which has %d."
              .formatted(fileBytes, offset, file.byteSize()));
    }
    MemorySegment contents = file.asSlice(offset, fileBytes).asReadOnly();
    if (type == PT_NOTE) {
      notes.add(contents);
    } else if (memoryBytes != 0 || fileBytes != 0) {
      segments.add(new Segment(virtual, new LoadSegment(physical, contents, memoryBytes)));
    }
  }

  /**
   * The number in a note's descriptor, of 4 or 8 bytes. Names and descriptors are padded to 4
   * bytes.
   *
   * @param name the note's owner
   */
  public OptionalLong note(String name, int type) {
    for (MemorySegment notes : this.notes) {
      long at = 0;
      while (notes.byteSize() - at >= 12) {
        long nameAt = at + 12;
        long descAt = nameAt + (Bytes.u32(notes, at) + 3 & ~3L);
        long descBytes = Bytes.u32(notes, at + 4);
        long next = descAt + (descBytes + 3 & ~3L);
        if (descAt + descBytes > notes.byteSize()) {
          break;
        }
        if (Bytes.u32(notes, at + 8) == type && named(notes, at, name)) {
          if (descBytes == 4) {
            return OptionalLong.of(Bytes.u32(notes, descAt));
          } else if (descBytes == 8) {
            return OptionalLong.of(Bytes.u64(notes, descAt));
          }
        }
        at = next;
      }
    }
    return OptionalLong.empty();
  }

  private static boolean named(MemorySegment notes, long at, String name) {
    if (Bytes.u32(notes, at) != name.length() + 1) {
      return false;
    }
    for (int i = 0; i <= name.length(); i++) {
      int wanted = i == name.length() ? 0 : name.charAt(i);
      if (Bytes.u8(notes, at + 12 + i) != wanted) {
        return false;
      }
    }
    return true;
  }

  /** The header's entry as a guest-physical address, by the segment that it is in. */
  public OptionalLong physicalEntry() {
    for (Segment segment : segments) {
      long into = entry - segment.virtual();
      if (into >= 0 && into < segment.load().size()) {
        return OptionalLong.of(segment.load().gpa() + into);
      }
    }
    return OptionalLong.empty();
  }

  /** What to load. */
  public List<LoadSegment> loads() {
    return segments.stream().map(Segment::load).toList();
  }
}
