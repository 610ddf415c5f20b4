package org.redoubt.guest.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A small 64-bit ELF kernel with a PVH entry, laid out as Linux' own: code, data with zeros, a
 * note.
 */
final class SampleElf {
  static final int BYTES = 0x3000;
  static final int CODE = 0x1000;
  static final int DATA = 0x2000;
  static final int NOTE = 0x2800;

  /** Offsets of program headers. */
  static final int CODE_HEADER = 64;

  static final int DATA_HEADER = CODE_HEADER + 56;
  static final int NOTE_HEADER = DATA_HEADER + 56;
  static final long ENTRY = 0x100_0100;

  private SampleElf() {}

  static ByteBuffer buffer() {
    ByteBuffer file = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.put(0, new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1});
    file.putShort(0x10, (short) 2).putShort(0x12, (short) 62).putInt(0x14, 1);
    file.putLong(0x18, 0x100_0000).putLong(0x20, CODE_HEADER);
    file.putShort(0x34, (short) 64).putShort(0x36, (short) 56).putShort(0x38, (short) 3);
    program(file, CODE_HEADER, 1, CODE, 0x100_0000, 0x1000, 0x1000);
    program(file, DATA_HEADER, 1, DATA, 0x100_1800, 0x600, 0x4000);
    program(file, NOTE_HEADER, 4, NOTE, 0x100_2000, 44, 44);
    note(file, NOTE, 4, 0x11, List.of(0x8801));
    note(file, NOTE + 20, 8, 18, List.of((int) ENTRY, 0));
    for (int i = 0; i < 0x600; i++) {
      file.put(CODE + i, (byte) (i * 7)).put(DATA + i, (byte) (i * 5 + 1));
    }
    return file;
  }

  static byte[] bytes() {
    return buffer().array();
  }

  private static void program(
      ByteBuffer file, int at, int type, long offset, long gpa, long bytes, long size) {
    file.putInt(at, type).putLong(at + 8, offset).putLong(at + 16, gpa - 0x8000_0000L);
    file.putLong(at + 24, gpa).putLong(at + 32, bytes).putLong(at + 40, size);
  }

  private static void note(ByteBuffer file, int at, int bytes, int type, List<Integer> words) {
    file.putInt(at, 4).putInt(at + 4, bytes).putInt(at + 8, type);
    file.put(at + 12, new byte[] {'X', 'e', 'n', 0});
    for (int i = 0; i < words.size(); i++) {
      file.putInt(at + 16 + 4 * i, words.get(i));
    }
  }
}
