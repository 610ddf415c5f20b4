package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.redoubt.linux.boot.E820Entry.Type;

/**
 * The guest-physical memory of the PC that all loaders load into: what a BIOS would have left
 * there, and the map it would have given. Pure; immutable.
 *
 * <pre>
 *        0h  RAM; its first page has the BIOS data area
 *    9FC00h  where an EBDA would be
 *    A0000h  no memory a guest may use
 *    F0000h  BIOS; a copy of the ACPI root pointer, for guests that look for it here
 *   100000h  RAM
 *      ...   ACPI tables   the last 64 KiB below 3 GiB or the end of memory
 *  4 GiB     the rest of memory
 * </pre>
 */
public final class PcMemory {
  /** BIOS data area; Linux' decompressor looks here for the end of low memory. */
  public static final long BIOS_DATA_GPA = 0;

  /** Memory above the first megabyte. */
  public static final long EXTENDED_MEMORY = 0x10_0000;

  /** Where guests look for the ACPI root pointer. ACPI 6.5 section 5.2.5.1. */
  public static final long BIOS_GPA = 0xF_0000;

  /** First address after low memory, where an EBDA would be. */
  public static final long EBDA_GPA = 0x9_FC00;

  /** Longest command line: a page has it and its NUL. */
  public static final int CMDLINE_MOST = Region.PAGE_BYTES - 1;

  private static final long VIDEO_GPA = 0xA_0000;
  private static final int BDA_EBDA_SEGMENT = 0x40E;
  private static final int BDA_LOW_MEMORY_KIB = 0x413;

  private final Machine machine;
  private final long acpiGpa;

  private PcMemory(Machine machine) {
    this.machine = machine;
    this.acpiGpa = (machine.lowMemoryEnd() - AcpiTables.BYTES) & -AcpiTables.BYTES;
  }

  /** Of a machine. With less than 2 MiB it has no room for anything. */
  public static PcMemory of(Machine machine) {
    return new PcMemory(machine);
  }

  /** The machine. */
  public Machine machine() {
    return machine;
  }

  /** Where the ACPI tables are, and the RAM below 4 GiB ends. */
  public long acpiGpa() {
    return acpiGpa;
  }

  /**
   * Whether an image may lie there: RAM below 4 GiB, without the first page and the ACPI tables.
   */
  public boolean isFree(long gpa, long bytes) {
    return within(gpa, bytes, Region.PAGE_BYTES, EBDA_GPA)
        || within(gpa, bytes, EXTENDED_MEMORY, acpiGpa);
  }

  private static boolean within(long gpa, long bytes, long from, long to) {
    return bytes >= 0 && gpa >= from && gpa < to && bytes <= to - gpa;
  }

  /** The memory map, ascending. */
  public List<E820Entry> e820() {
    List<E820Entry> map = new ArrayList<>();
    map.add(new E820Entry(0, EBDA_GPA, Type.RAM));
    map.add(new E820Entry(EBDA_GPA, VIDEO_GPA - EBDA_GPA, Type.RESERVED));
    map.add(new E820Entry(BIOS_GPA, EXTENDED_MEMORY - BIOS_GPA, Type.RESERVED));
    map.add(new E820Entry(EXTENDED_MEMORY, acpiGpa - EXTENDED_MEMORY, Type.RAM));
    map.add(new E820Entry(acpiGpa, machine.lowMemoryEnd() - acpiGpa, Type.ACPI));
    if (machine.highMemoryBytes() != 0) {
      map.add(new E820Entry(Machine.HIGH_MEMORY, machine.highMemoryBytes(), Type.RAM));
    }
    return map;
  }

  /**
   * What 6.1's decompressor and the kernel's reserve_bios_regions read: where the EBDA and low
   * memory's end are.
   */
  public Region biosData() {
    Bytes page =
        new Bytes(Region.PAGE_BYTES)
            .u16(BDA_EBDA_SEGMENT, (int) (EBDA_GPA >> 4))
            .u16(BDA_LOW_MEMORY_KIB, (int) (EBDA_GPA >> 10));
    return Region.padded("bios-data", BIOS_DATA_GPA, page.segment());
  }

  /** The ACPI tables. */
  public Region acpi() {
    return Region.padded("acpi", acpiGpa, AcpiTables.build(acpiGpa, machine).bytes());
  }

  /** Guest-physical address of the ACPI root pointer in them. */
  public long rsdp() {
    return acpiGpa;
  }

  /** The root pointer once more, in the BIOS's area. */
  public Region rsdpCopy() {
    return Region.padded(
        "rsdp", BIOS_GPA, acpi().bytes().asSlice(rsdp() - acpiGpa, AcpiTables.RSDP_BYTES));
  }

  /**
   * Checks a command line, and ends it with a NUL.
   *
   * @param most longest that the guest takes, in bytes
   * @throws LinuxBootException if it is longer, or not printable ASCII
   */
  public static byte[] commandLine(String text, int most) throws LinuxBootException {
    if (text.length() > most) {
      throw new LinuxBootException(
          "The kernel command line has %d characters, this kernel takes %d."
              .formatted(text.length(), most));
    }
    if (!text.chars().allMatch(c -> c >= ' ' && c <= '~')) {
      throw new LinuxBootException(
          "The kernel command line has characters that are not printable ASCII.");
    }
    return (text + '\0').getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * An initial RAM disk or module as high as it may go below the ACPI tables.
   *
   * @param above first address that is free for it
   * @throws LinuxBootException if it does not fit
   */
  public Region initrd(MemorySegment bytes, long above) throws LinuxBootException {
    long room = Math.min(acpiGpa - above, Region.LARGEST);
    if (Region.pageCeil(bytes.byteSize()) > room) {
      throw new LinuxBootException(
          "The initrd has %d bytes, but only %d of %d MiB of memory are left for it beside the kernel."
              .formatted(bytes.byteSize(), Math.max(0, room), machine.memoryBytes() >> 20));
    }
    return Region.padded(
        "initrd", acpiGpa - Math.max(Region.PAGE_BYTES, Region.pageCeil(bytes.byteSize())), bytes);
  }

  /**
   * Demands what every guest needs beside its image.
   *
   * @throws LinuxBootException if there is less
   */
  public void demandRoom() throws LinuxBootException {
    if (acpiGpa < 2 * EXTENDED_MEMORY) {
      throw new LinuxBootException(
          "%d KiB of memory are too little: a guest needs at least %d KiB."
              .formatted(
                  machine.memoryBytes() >> 10, (2 * EXTENDED_MEMORY + AcpiTables.BYTES) >> 10));
    }
  }
}
