package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Lays an ELF kernel with a PVH entry out. Pure: equal arguments give equal bytes. Any thread. Xen,
 * docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h.
 *
 * <pre>
 *   00h  magic           4   336EC578h
 *   04h  version         4   1
 *   08h  flags           4
 *   0Ch  nr_modules      4
 *   10h  modlist_paddr   8   entries of 20h: address, size, its command line, reserved
 *   18h  cmdline_paddr   8
 *   20h  rsdp_paddr      8
 *   28h  memmap_paddr    8   entries of 18h: address, size, type as in E820, reserved
 *   30h  memmap_entries  4
 *   34h  reserved        4
 * </pre>
 *
 * @param regions what lies where, by ascending address, disjoint
 * @param entry guest-physical address of the 32-bit entry
 * @param startInfo guest-physical address of the structure above
 */
public record PvhBoot(List<Region> regions, long entry, long startInfo) {
  /** Where the structure goes, unless the kernel is there. */
  public static final long START_INFO_GPA = 0x1_0000;

  private static final String NOTE_NAME = "Xen";

  /** XEN_ELFNOTE_PHYS32_ENTRY. Xen, public/elfnote.h. */
  private static final int PHYS32_ENTRY = 18;

  private static final long MAGIC = 0x336E_C578L;
  private static final int MODULES = 0x40;
  private static final int MEMORY_MAP = 0x80;
  private static final int MAP_ENTRY = 0x18;

  /** Copies the list. */
  public PvhBoot {
    regions = List.copyOf(regions);
  }

  /**
   * Computes the layout.
   *
   * @param kernel the parsed ELF file
   * @param initrd the initial RAM disk, or an empty segment; copied
   * @param cmdline printable ASCII
   * @throws LinuxBootException if these do not fit together; one sentence, values included
   */
  public static PvhBoot layout(
      ElfImage kernel, MemorySegment initrd, String cmdline, Machine machine)
      throws LinuxBootException {
    PcMemory memory = PcMemory.of(machine);
    memory.demandRoom();
    byte[] line = PcMemory.commandLine(cmdline, PcMemory.CMDLINE_MOST);
    if (!kernel.wide()) {
      throw new LinuxBootException("The kernel is a 32-bit ELF file; its PVH entry is not known.");
    }
    long entry =
        kernel
            .note(NOTE_NAME, PHYS32_ENTRY)
            .orElseThrow(() ->
                new LinuxBootException(
                    "The kernel is an ELF file without a PVH entry (note Xen, type 18); give the"
                        + " bzImage, usually named vmlinuz."));
    LoadSegments segments = LoadSegments.of(kernel.loads(), memory);
    if (!segments.contains(entry)) {
      throw new LinuxBootException(
          "The kernel's PVH entry %xh lies outside of its segments.".formatted(entry));
    }
    long info = segments.gap(START_INFO_GPA, 2L * Region.PAGE_BYTES, memory);
    if (!memory.isFree(info, 2L * Region.PAGE_BYTES)) {
      throw new LinuxBootException("The kernel leaves no memory for its start information.");
    }
    List<Region> regions = new ArrayList<>(segments.regions("kernel"));
    long initrdGpa = 0;
    if (initrd.byteSize() != 0) {
      Region disk = memory.initrd(initrd, Math.max(segments.end(), info + 2 * Region.PAGE_BYTES));
      initrdGpa = disk.gpa();
      regions.add(disk);
    }
    regions.add(memory.biosData());
    regions.add(
        Region.padded(
            "start-info", info, page(info, initrdGpa, initrd.byteSize(), memory).segment()));
    regions.add(Region.padded("cmdline", info + Region.PAGE_BYTES, MemorySegment.ofArray(line)));
    regions.add(memory.acpi());
    regions.sort(Comparator.comparingLong(Region::gpa));
    return new PvhBoot(regions, entry, info);
  }

  private static Bytes page(long at, long initrdGpa, long initrdBytes, PcMemory memory) {
    List<E820Entry> map = memory.e820();
    boolean disk = initrdBytes != 0;
    Bytes page = new Bytes(Region.PAGE_BYTES);
    page.u32(0x00, MAGIC).u32(0x04, 1).u32(0x0C, disk ? 1 : 0);
    page.u64(0x10, disk ? at + MODULES : 0);
    page.u64(0x18, at + Region.PAGE_BYTES);
    page.u64(0x20, memory.rsdp());
    page.u64(0x28, at + MEMORY_MAP).u32(0x30, map.size());
    if (disk) {
      page.u64(MODULES, initrdGpa).u64(MODULES + 8, initrdBytes);
    }
    for (int i = 0; i < map.size(); i++) {
      long entry = MEMORY_MAP + (long) i * MAP_ENTRY;
      page.u64(entry, map.get(i).gpa()).u64(entry + 8, map.get(i).size());
      page.u32(entry + 16, map.get(i).type().code());
    }
    return page;
  }
}
