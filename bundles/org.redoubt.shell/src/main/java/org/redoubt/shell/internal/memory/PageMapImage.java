package org.redoubt.shell.internal.memory;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/**
 * A {@link PageMap} as a PNG (RFC 2083): a pixel for each page, 512 to a row (2 MiB); on the left
 * whose the pages are, on the right the entropy of their bytes in DRAM, from black (0) to white (8
 * bits a byte). Written by hand, so that no JVM needs its desktop module for it.
 */
final class PageMapImage {
  private static final int PER_ROW = 512;
  private static final int GAP = 8;
  private static final int WIDTH = 2 * PER_ROW + GAP;
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final int TRUE_COLOUR = 2;
  private static final int BACKGROUND = 0x20_2020;

  private PageMapImage() {}

  /** The colour of a kind of page: 8 bits each of red, green, blue. */
  static int colour(PageMap.Kind kind) {
    return switch (kind) {
      case PRIVATE_CACHED -> 0x40_d060;
      case PRIVATE -> 0x1c_7030;
      case SHARED_CACHED -> 0xff_6050;
      case SHARED -> 0xa0_2820;
      case UNTOUCHED -> 0x38_3838;
    };
  }

  static byte[] png(PageMap map) {
    int rows = -Math.floorDiv(-map.pages(), PER_ROW);
    ByteBuffer pixels = ByteBuffer.allocate(rows * (1 + 3 * WIDTH));
    for (int row = 0; row < rows; row++) {
      pixels.put((byte) 0); // no filter
      for (int x = 0; x < WIDTH; x++) {
        int colour = pixel(map, row, x);
        pixels.put((byte) (colour >> 16)).put((byte) (colour >> 8)).put((byte) colour);
      }
    }
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(SIGNATURE);
    ByteBuffer header = ByteBuffer.allocate(13).putInt(WIDTH).putInt(rows);
    chunk(file, "IHDR", header.put((byte) 8).put((byte) TRUE_COLOUR).array());
    chunk(file, "IDAT", compressed(pixels.array()));
    chunk(file, "IEND", new byte[0]);
    return file.toByteArray();
  }

  private static int pixel(PageMap map, int row, int x) {
    int column = x < PER_ROW ? x : x - PER_ROW - GAP;
    int page = row * PER_ROW + column;
    if (column < 0 || page >= map.pages()) {
      return BACKGROUND;
    }
    if (x < PER_ROW) {
      return colour(map.kind(page));
    }
    int grey = (int) Math.min(255, map.entropy(page) * 32);
    return grey << 16 | grey << 8 | grey;
  }

  private static byte[] compressed(byte[] bytes) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (Deflater deflater = new Deflater()) {
      deflater.setInput(bytes);
      deflater.finish();
      byte[] some = new byte[1 << 16];
      while (!deflater.finished()) {
        out.write(some, 0, deflater.deflate(some));
      }
    }
    return out.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream file, String type, byte[] data) {
    ByteBuffer chunk = ByteBuffer.allocate(12 + data.length).putInt(data.length);
    chunk.put(type.getBytes(StandardCharsets.US_ASCII)).put(data);
    CRC32 crc = new CRC32();
    crc.update(chunk.array(), 4, 4 + data.length);
    file.writeBytes(chunk.putInt((int) crc.getValue()).array());
  }
}
