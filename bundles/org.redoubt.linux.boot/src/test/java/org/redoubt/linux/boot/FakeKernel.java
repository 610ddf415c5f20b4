package org.redoubt.linux.boot;

import java.lang.foreign.MemorySegment;

/**
 * A bzImage that has a valid header and no code: what the parser sees of Debian's 6.1 cloud kernel,
 * scaled down.
 */
final class FakeKernel {
  static final int SETUP_BYTES = 5 * 512;
  static final int CODE_BYTES = 0x2000;
  static final long PREF_ADDRESS = 0x100_0000;
  static final long INIT_SIZE = 0x80_0000;

  private FakeKernel() {}

  static Bytes file() {
    Bytes file = new Bytes(SETUP_BYTES + CODE_BYTES);
    file.u8(0x1F1, 4).u32(0x1F4, CODE_BYTES / 16).u16(0x1FE, 0xAA55);
    file.u8(0x201, 0x6A)
        .text(0x202, "HdrS")
        .u16(0x206, 0x020F)
        .u16(0x20E, 0x300)
        .text(0x500, "6.1.0-fake (x)");
    file.u8(0x211, 1)
        .u32(0x22C, 0x7FFF_FFFFL)
        .u32(0x230, 0x20_0000)
        .u16(0x236, 0x7F)
        .u32(0x238, 0x7FF);
    file.u64(0x258, PREF_ADDRESS).u32(0x260, INIT_SIZE);
    file.u32(SETUP_BYTES, 0x1234_5678).u8(SETUP_BYTES + CODE_BYTES - 1, 0x99);
    return file;
  }

  static LinuxImage image() {
    try {
      return LinuxImage.parse(file().segment());
    } catch (LinuxBootException e) {
      throw new AssertionError(e);
    }
  }

  static MemorySegment initrd(int bytes) {
    Bytes initrd = new Bytes(bytes);
    for (int i = 0; i < bytes; i++) {
      initrd.u8(i, i * 7 + 1);
    }
    return initrd.segment();
  }
}
