package org.redoubt.testkit.guest;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;

/** An image, damaged as hostile ones are: mostly its headers, mostly by numbers at an edge. */
final class Mutant {
  /** Where most headers are. */
  private static final int HEADERS = 0x300;

  private static final long[] EDGES = {
    0,
    1,
    2,
    3,
    4,
    0x1000,
    0xFFFF,
    0x9_FC00,
    0xA_0000,
    0x10_0000,
    0x3FF_0000,
    0x400_0000,
    0x7FFF_FFFF,
    0x8000_0000L,
    0xFFFF_F000L,
    0xFFFF_FFFFL,
    0x1_0000_0000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -0x1000
  };

  private Mutant() {}

  /** The same seed gives the same image. */
  static byte[] of(byte[] image, long seed) {
    Random random = new Random(seed);
    byte[] out = random.nextInt(20) == 0 ? resized(image, random) : image.clone();
    for (int changes = 1 + random.nextInt(4); changes > 0 && out.length > 8; changes--) {
      change(ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN), random);
    }
    return out;
  }

  private static byte[] resized(byte[] image, Random random) {
    return Arrays.copyOf(image, random.nextInt(image.length + 100));
  }

  private static void change(ByteBuffer image, Random random) {
    int room = image.capacity() - 8;
    int at = place(image, random, room);
    long old = image.getLong(at);
    long value =
        switch (random.nextInt(4)) {
          case 0 -> EDGES[random.nextInt(EDGES.length)];
          case 1 -> old + random.nextInt(-4, 5);
          case 2 -> old ^ 1L << random.nextInt(64);
          default -> random.nextLong();
        };
    switch (random.nextInt(4)) {
      case 0 -> image.put(at, (byte) value);
      case 1 -> image.putShort(at, (short) value);
      case 2 -> image.putInt(at, (int) value);
      default -> image.putLong(at, value);
    }
  }

  /** In the headers, or where there is something. */
  private static int place(ByteBuffer image, Random random, int room) {
    int at = random.nextInt(random.nextInt(4) == 0 ? room : Math.min(room, HEADERS));
    for (int tries = 0; tries < 16 && image.get(at) == 0 && random.nextInt(8) != 0; tries++) {
      at = random.nextInt(random.nextInt(8) == 0 ? room : Math.min(room, HEADERS));
    }
    return random.nextBoolean() ? at & -4 : at;
  }
}
