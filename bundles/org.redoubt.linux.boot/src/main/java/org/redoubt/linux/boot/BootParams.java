package org.redoubt.linux.boot;

import java.util.List;

/**
 * The zero page. Linux, Documentation/arch/x86/zero-page. Only what the 64-bit protocol asks of a
 * loader is set:
 *
 * <pre>
 *   070h  acpi_rsdp_addr      8   so that nothing is looked for in low memory
 *   0C0h  ext_ramdisk_image   4   high half, 0
 *   1E8h  e820_entries        1
 *   1F1h  setup header            as in the image, then:
 *   1FAh  vid_mode            2   FFFFh, normal
 *   210h  type_of_loader      1   FFh, none of the assigned ones
 *   218h  ramdisk_image       4
 *   21Ch  ramdisk_size        4
 *   228h  cmd_line_ptr        4
 *   250h  setup_data          8
 *   2D0h  e820_table          20 each
 * </pre>
 */
final class BootParams {
  static final int BYTES = Region.PAGE_BYTES;
  private static final int E820_MOST = 128;

  private BootParams() {}

  static Bytes page(
      LinuxImage kernel,
      long initrdGpa,
      long initrdBytes,
      long cmdlineGpa,
      long setupData,
      long rsdp,
      List<E820Entry> e820) {
    if (e820.size() > E820_MOST) {
      throw new IllegalStateException("bug: %d E820 entries".formatted(e820.size()));
    }
    Bytes page = new Bytes(BYTES);
    page.copy(LinuxImage.SETUP_HEADER, kernel.setupHeader());
    page.u64(0x070, rsdp);
    page.u8(0x1E8, e820.size());
    page.u16(0x1FA, 0xFFFF);
    page.u8(0x210, 0xFF);
    page.u32(0x218, initrdGpa).u32(0x21C, initrdBytes);
    page.u32(0x228, cmdlineGpa);
    page.u64(0x250, setupData);
    for (int i = 0; i < e820.size(); i++) {
      E820Entry entry = e820.get(i);
      long at = 0x2D0 + (long) i * E820Entry.BYTES;
      page.u64(at, entry.gpa()).u64(at + 8, entry.size()).u32(at + 16, entry.type().code());
    }
    return page;
  }
}
