package org.redoubt.guest.multiboot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.redoubt.linux.boot.E820Entry;
import org.redoubt.linux.boot.PcMemory;

/**
 * The information structure that EBX points to, with what it points to, in a page; the command line
 * is in the next. Multiboot Specification 0.6.96, section 3.3.
 *
 * <pre>
 *   00h  flags              4   bits 0 memory, 2 command line, 3 modules, 6 memory map, 9 loader's name
 *   04h  mem_lower          4   KiB from 0
 *   08h  mem_upper          4   KiB from 1 MiB to the first hole
 *   10h  cmdline            4
 *   14h  mods_count         4
 *   18h  mods_addr          4   entries of 10h: first address, address after it, name, 0
 *   2Ch  mmap_length        4
 *   30h  mmap_addr          4   entries of 18h: 20, address 8, bytes 8, type as in E820
 *   40h  boot_loader_name   4
 * </pre>
 */
final class MultibootInfo {
  static final int BYTES = 4096;
  private static final int FLAGS = 1 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9;
  private static final int MODULES = 0x80;
  private static final int MODULE_BYTES = 0x10;
  private static final int MEMORY_MAP = 0x100;
  private static final int MAP_BYTES = 0x18;
  private static final int NAMES = 0x300;
  private static final int NAME_ROOM = 0x20;
  private static final String LOADER = "Redoubt";

  /**
   * A module.
   *
   * @param name how the kernel knows it
   * @param gpa first address
   * @param bytes length
   */
  record Module(String name, long gpa, long bytes) {}

  private MultibootInfo() {}

  /** The page that will lie at {@code gpa}. */
  static byte[] page(long gpa, PcMemory memory, List<Module> modules) {
    List<E820Entry> map = memory.e820();
    ByteBuffer page = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    page.putInt(0x00, FLAGS);
    page.putInt(0x04, (int) (PcMemory.EBDA_GPA >> 10));
    page.putInt(0x08, (int) (memory.acpiGpa() - PcMemory.EXTENDED_MEMORY >> 10));
    page.putInt(0x10, (int) (gpa + BYTES));
    page.putInt(0x14, modules.size()).putInt(0x18, (int) gpa + MODULES);
    page.putInt(0x2C, map.size() * MAP_BYTES).putInt(0x30, (int) gpa + MEMORY_MAP);
    page.putInt(0x40, (int) gpa + NAMES);
    name(page, 0, LOADER);
    for (int i = 0; i < modules.size(); i++) {
      int at = MODULES + i * MODULE_BYTES;
      page.putInt(at, (int) modules.get(i).gpa());
      page.putInt(at + 4, (int) (modules.get(i).gpa() + modules.get(i).bytes()));
      page.putInt(at + 8, (int) gpa + NAMES + (i + 1) * NAME_ROOM);
      name(page, i + 1, modules.get(i).name());
    }
    for (int i = 0; i < map.size(); i++) {
      int at = MEMORY_MAP + i * MAP_BYTES;
      page.putInt(at, MAP_BYTES - 4);
      page.putLong(at + 4, map.get(i).gpa()).putLong(at + 12, map.get(i).size());
      page.putInt(at + 20, map.get(i).type().code());
    }
    return page.array();
  }

  private static void name(ByteBuffer page, int slot, String name) {
    page.put(NAMES + slot * NAME_ROOM, name.getBytes(StandardCharsets.US_ASCII));
  }
}
