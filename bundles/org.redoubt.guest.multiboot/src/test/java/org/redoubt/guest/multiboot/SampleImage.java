package org.redoubt.guest.multiboot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Small Multiboot images of either kind. */
final class SampleImage {
  static final int MAGIC = 0x1BAD_B002;

  /** Offset of the header in the image with addresses. */
  static final int HEADER = 0x40;

  /** Offset of the header in the ELF file. */
  static final int ELF_HEADER = 0x1000;

  private SampleImage() {}

  /** Loaded from 20h of the file to 100000h, with 4 KiB of zeros behind it. */
  static ByteBuffer withAddresses() {
    ByteBuffer file = ByteBuffer.allocate(0x800).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(HEADER + 12, 0x10_0020).putInt(HEADER + 16, 0x10_0000);
    file.putInt(HEADER + 20, 0x10_0700).putInt(HEADER + 24, 0x10_1700);
    file.putInt(HEADER + 28, 0x10_0040);
    for (int i = 0x60; i < 0x800; i++) {
      file.put(i, (byte) (i * 3));
    }
    return flags(file, HEADER, 0x1_0003);
  }

  /** A 32-bit file, linked at C0100000h. */
  static ByteBuffer asElf() {
    ByteBuffer file = ByteBuffer.allocate(0x1800).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0, new byte[] {0x7F, 'E', 'L', 'F', 1, 1, 1});
    file.putShort(0x10, (short) 2).putShort(0x12, (short) 3).putInt(0x14, 1);
    file.putInt(0x18, 0xC010_0020).putInt(0x1C, 52);
    file.putShort(0x28, (short) 52).putShort(0x2A, (short) 32).putShort(0x2C, (short) 1);
    file.putInt(52, 1).putInt(56, 0x1000).putInt(60, 0xC010_0000).putInt(64, 0x10_0000);
    file.putInt(68, 0x800).putInt(72, 0x2000).putInt(76, 7).putInt(80, 0x1000);
    for (int i = 0x1020; i < 0x1800; i++) {
      file.put(i, (byte) (i * 3));
    }
    return flags(file, ELF_HEADER, 3);
  }

  /** With these flags, and the checksum that belongs to them. */
  static ByteBuffer flags(ByteBuffer file, int header, int flags) {
    return file.putInt(header, MAGIC)
        .putInt(header + 4, flags)
        .putInt(header + 8, -(MAGIC + flags));
  }
}
