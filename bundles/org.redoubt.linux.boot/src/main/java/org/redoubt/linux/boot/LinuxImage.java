package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;

/**
 * A bzImage, its setup header checked. The file may come from anywhere: every size in it is bounded
 * by the file before it is believed. Linux, Documentation/arch/x86/boot, "The Real-Mode Kernel
 * Header".
 *
 * <pre>
 *   1F1h  setup_sects       1   512-byte sectors of real-mode code after the first; 0 means 4
 *   1F4h  syssize           4   16-byte paragraphs of protected-mode code
 *   1FEh  boot_flag         2   AA55h
 *   201h  (jump)            1   202h plus this is the header's end
 *   202h  header            4   "HdrS"
 *   206h  version           2   020Ch brings the 64-bit entry
 *   20Eh  kernel_version    2   200h plus this is a string
 *   211h  loadflags         1   bit 0 LOADED_HIGH
 *   22Ch  initrd_addr_max   4   last byte an initrd may take
 *   230h  kernel_alignment  4   power of two
 *   236h  xloadflags        2   bit 0 KERNEL_64
 *   238h  cmdline_size      4   longest command line, without its NUL
 *   258h  pref_address      8   where the kernel wants to run
 *   260h  init_size         4   bytes it needs there before it reads the memory map
 * </pre>
 *
 * @param setupHeader bytes from 1F1h to the header's end, as they go into boot_params; read-only
 * @param protectedMode the code that goes to {@code prefAddress}; read-only
 * @param version what the kernel calls itself, or an empty string
 * @param prefAddress guest-physical, a multiple of 4 KiB
 * @param initSize bytes, at least those of {@code protectedMode}
 * @param initrdAddrMax last guest-physical address an initrd may take
 * @param cmdlineMax longest command line in bytes
 */
public record LinuxImage(
    MemorySegment setupHeader,
    MemorySegment protectedMode,
    String version,
    long prefAddress,
    long initSize,
    long initrdAddrMax,
    int cmdlineMax) {
  static final int SETUP_HEADER = 0x1F1;
  private static final int SHORTEST = 0x268;
  private static final int HEADER_ROOM_END = 0x290;
  private static final int SECTOR = 512;
  private static final int BOOT_FLAG = 0xAA55;
  private static final long HDRS = 0x5372_6448L;
  private static final int OLDEST_VERSION = 0x020C;
  private static final int LOADED_HIGH = 1;
  private static final int KERNEL_64 = 1;
  private static final long ENTRY_64 = 0x200;
  private static final int CMDLINE_ROOM = Region.PAGE_BYTES - 1;
  private static final int VERSION_LONGEST = 128;
  private static final long LOWEST_ADDRESS = 1L << 20;

  /**
   * Checks and cuts up {@code file}, which must not change while the image is in use.
   *
   * @throws LinuxBootException one sentence saying what is wrong with the file
   */
  public static LinuxImage parse(MemorySegment file) throws LinuxBootException {
    checkIsBzImage(file);
    int version = Bytes.u16(file, 0x206);
    if (version < OLDEST_VERSION
        || (Bytes.u8(file, 0x211) & LOADED_HIGH) == 0
        || (Bytes.u16(file, 0x236) & KERNEL_64) == 0) {
      throw new LinuxBootException(
          "The kernel has no 64-bit entry: boot protocol %d.%02d, xloadflags %04x; give a 64-bit bzImage."
              .formatted(version >> 8, version & 0xFF, Bytes.u16(file, 0x236)));
    }
    int sectors = Bytes.u8(file, 0x1F1);
    long setupBytes = (long) SECTOR * (1 + (sectors == 0 ? 4 : sectors));
    long codeBytes = 16 * Bytes.u32(file, 0x1F4);
    if (codeBytes <= ENTRY_64 || setupBytes + codeBytes > file.byteSize()) {
      throw new LinuxBootException(
          "The kernel is truncated: its header promises %d bytes, the file has %d."
              .formatted(setupBytes + codeBytes, file.byteSize()));
    }
    if (codeBytes > Region.LARGEST) {
      throw new LinuxBootException(
          "The kernel has %d bytes, more than can be loaded.".formatted(codeBytes));
    }
    long headerEnd = Math.min(0x202 + Bytes.u8(file, 0x201), HEADER_ROOM_END);
    if (headerEnd < SHORTEST - 4) {
      throw new LinuxBootException(
          "The kernel's setup header ends at %xh, too early.".formatted(headerEnd));
    }
    return new LinuxImage(
        file.asSlice(SETUP_HEADER, headerEnd - SETUP_HEADER).asReadOnly(),
        file.asSlice(setupBytes, codeBytes).asReadOnly(),
        versionString(file),
        prefAddress(file),
        Math.max(Bytes.u32(file, 0x260), codeBytes),
        Bytes.u32(file, 0x22C),
        (int) Math.min(Bytes.u32(file, 0x238), CMDLINE_ROOM));
  }

  /** Guest-physical address of the 64-bit entry. */
  public long entry() {
    return prefAddress + ENTRY_64;
  }

  /** First address that the kernel may leave to others. */
  public long end() {
    return prefAddress + Region.pageCeil(initSize);
  }

  private static void checkIsBzImage(MemorySegment file) throws LinuxBootException {
    if (file.byteSize() >= 4 && Bytes.u32(file, 0) == 0x464C_457FL) {
      throw new LinuxBootException(
          "The kernel is an ELF file (a vmlinux?); give the bzImage, usually named vmlinuz.");
    }
    if (file.byteSize() < SHORTEST) {
      throw new LinuxBootException(
          "The kernel is truncated or no kernel: %d bytes, a bzImage has at least %d."
              .formatted(file.byteSize(), SHORTEST));
    }
    if (Bytes.u16(file, 0x1FE) != BOOT_FLAG || Bytes.u32(file, 0x202) != HDRS) {
      throw new LinuxBootException(
          "The kernel is not an x86 Linux bzImage: it has no HdrS header at 202h.");
    }
  }

  private static long prefAddress(MemorySegment file) throws LinuxBootException {
    long address = Bytes.u64(file, 0x258);
    if (address < LOWEST_ADDRESS
        || address >= Machine.LOW_MEMORY_END
        || address % Region.PAGE_BYTES != 0) {
      throw new LinuxBootException(
          "The kernel wants to run at %xh, where nothing can be loaded.".formatted(address));
    }
    return address;
  }

  private static String versionString(MemorySegment file) {
    int pointer = Bytes.u16(file, 0x20E);
    StringBuilder text = new StringBuilder();
    for (int i = 0;
        pointer != 0 && i < VERSION_LONGEST && 0x200L + pointer + i < file.byteSize();
        i++) {
      int c = Bytes.u8(file, 0x200L + pointer + i);
      if (c < ' ' || c > '~') {
        break;
      }
      text.append((char) c);
    }
    return text.toString();
  }
}
