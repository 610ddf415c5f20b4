package org.redoubt.itests;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * A bzImage with a valid setup header and a few instructions at its 64-bit entry, for runs that end
 * in milliseconds. Linux, Documentation/arch/x86/boot.
 */
final class HandMadeKernel {
  private static final int SETUP_BYTES = 1024;
  private static final int CODE_BYTES = 4096;

  /** The 64-bit entry, in the protected-mode part. */
  private static final int ENTRY = 0x200;

  private HandMadeKernel() {}

  /**
   * Makes one.
   *
   * @param listing instructions as {@link #of} takes them, some a line; from a semicolon on a line
   *     is a comment
   */
  static byte[] ofListing(String listing) {
    return of(listing.replaceAll(";.*", "").replaceAll("\\s+", ""));
  }

  /**
   * Makes one.
   *
   * @param code instructions in hexadecimal; they begin in 64-bit mode at CPL 0
   */
  static byte[] of(String code) {
    ByteBuffer file = ByteBuffer.allocate(SETUP_BYTES + CODE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0x1F1, (byte) 1); // setup_sects
    file.putInt(0x1F4, CODE_BYTES / 16); // syssize
    file.putShort(0x1FE, (short) 0xAA55);
    file.put(0x200, (byte) 0xEB);
    file.put(0x201, (byte) 0x6A); // the header ends at 26Ch
    file.putInt(0x202, 0x5372_6448); // HdrS
    file.putShort(0x206, (short) 0x020F);
    file.put(0x211, (byte) 1); // LOADED_HIGH
    file.putInt(0x22C, 0x7FFF_FFFF); // initrd_addr_max
    file.putInt(0x230, 0x20_0000); // kernel_alignment
    file.putShort(0x236, (short) 1); // KERNEL_64
    file.putInt(0x238, 2047); // cmdline_size
    file.putLong(0x258, 0x100_0000); // pref_address
    file.putInt(0x260, 0x10_0000); // init_size
    file.put(SETUP_BYTES + ENTRY, HexFormat.of().parseHex(code.replace(" ", "")));
    return file.array();
  }
}
