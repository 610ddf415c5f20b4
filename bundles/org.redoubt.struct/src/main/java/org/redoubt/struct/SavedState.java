package org.redoubt.struct;

import java.nio.ByteBuffer;
import java.util.zip.CRC32;

/**
 * The form in which a device's registers are saved: all of them as longs, so that a device states
 * them once in each direction. Checked as a whole before anything is taken from it. Thread-safe.
 *
 * <pre>
 *   0h   KIND      4   the device's, so that no state ends up in another device
 *   4h   VERSION   4
 *   8h   COUNT     4   number of values
 *   Ch   CRC32     4   of the values
 *   10h  VALUES    8 each, big-endian
 * </pre>
 */
public final class SavedState {
  private static final int HEADER = 0x10;

  private SavedState() {}

  /**
   * Writes a state.
   *
   * @param kind the device's, such as the four letters of its name
   * @param version of what the values mean
   */
  public static byte[] write(int kind, int version, long... values) {
    ByteBuffer out = ByteBuffer.allocate(HEADER + 8 * values.length);
    out.putInt(kind).putInt(version).putInt(values.length).putInt(0);
    for (long value : values) {
      out.putLong(value);
    }
    return out.putInt(0xC, crc(out.array())).array();
  }

  /**
   * Takes the values out again.
   *
   * @throws IllegalArgumentException if the state is damaged, or is of another kind, version or
   *     length
   */
  public static long[] read(byte[] state, int kind, int version, int count) {
    ByteBuffer in = ByteBuffer.wrap(state);
    if (state.length != HEADER + 8 * count
        || in.getInt() != kind
        || in.getInt() != version
        || in.getInt() != count
        || in.getInt() != crc(state)) {
      throw new IllegalArgumentException(
          "Device state of %d bytes is damaged, or of another kind or version."
              .formatted(state.length));
    }
    long[] values = new long[count];
    for (int i = 0; i < count; i++) {
      values[i] = in.getLong();
    }
    return values;
  }

  private static int crc(byte[] state) {
    CRC32 crc = new CRC32();
    crc.update(state, HEADER, state.length - HEADER);
    return (int) crc.getValue();
  }
}
