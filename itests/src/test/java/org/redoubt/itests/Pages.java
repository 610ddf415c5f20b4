package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.redoubt.api.memory.MemoryView;

/** Pages whose bytes follow from their number and version, so that any reader can tell. */
final class Pages {
  static final int BYTES = 4096;

  private static final byte[] LETTERS =
      "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,.0123456789"
          .getBytes(StandardCharsets.US_ASCII);

  private Pages() {}

  /** A page of readable text. */
  static byte[] text(long page, long version) {
    SplittableRandom random = new SplittableRandom(page * 1_000_003 + version);
    byte[] bytes = new byte[BYTES];
    for (int i = 0; i < BYTES; i++) {
      bytes[i] = LETTERS[random.nextInt(LETTERS.length)];
    }
    return bytes;
  }

  static void write(MemoryView view, long page, long version) {
    view.write(page * BYTES, MemorySegment.ofArray(text(page, version)));
  }

  static void check(MemoryView view, long page, long version) {
    byte[] read = new byte[BYTES];
    view.read(page * BYTES, MemorySegment.ofArray(read));
    assertArrayEquals(text(page, version), read, () -> "page " + page + ", version " + version);
  }
}
