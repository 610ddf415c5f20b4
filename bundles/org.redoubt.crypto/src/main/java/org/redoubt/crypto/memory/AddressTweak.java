package org.redoubt.crypto.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.redoubt.crypto.Primitives;

/**
 * A tweak that is linear in the address: T(spa) is the xor of one 16-byte constant for each bit set
 * in the system-physical address, bits 4 to 51. Public and the same for every key.
 *
 * <p>That is the form that published research found in AMD's processors (Du et al., "Secure
 * Encrypted Virtualization is Unsecure", 2017; Wilke et al., "SEVurity", 2020). AMD's constants are
 * not published; ours are the first 16 bytes of SHA-256 of "Redoubt memory tweak, address bit" and
 * the bit's number, with bits 63 and 127 cleared.
 *
 * <p>So T is a constant of the page xor a constant table over the blocks of any page. Bit 63 of the
 * table's longs is free, and marks the upper half of each block: sign-extended, it selects what the
 * page adds there, and a whole page takes one expression per long. HotSpot turns that into vector
 * code as long as the loop has a constant length and one statement.
 */
public final class AddressTweak implements Tweak {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong MEMORY_LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long MARK = Long.MIN_VALUE;
  private static final int LOWEST_BIT = 4;

  /** The widest physical address of the architecture. APM Vol. 2, §5.1. */
  private static final int ADDRESS_BITS = 52;

  private static final Constants WIDE = new Constants(false);
  private static final Constants NARROW = new Constants(true);

  /** The function itself; immutable after construction, shared by all lanes. */
  private static final class Constants {
    /** Bytes 7:0 and 15:8 of each bit's constant, little-endian; zero below bit 4. */
    final long[] low = new long[ADDRESS_BITS];

    final long[] high = new long[ADDRESS_BITS];

    /** T of every block of page 0, the upper halves marked. */
    final byte[] blocks = new byte[PAGE_BYTES];

    /** T of every block of page 0, for emitted code. */
    final MemorySegment table = Arena.global().allocate(PAGE_BYTES, 64);

    Constants(boolean narrow) {
      for (int bit = LOWEST_BIT; bit < ADDRESS_BITS; bit++) {
        byte[] constant = constant(bit, narrow);
        low[bit] = (long) LONGS.get(constant, 0);
        high[bit] = (long) LONGS.get(constant, 8);
      }
      for (int offset = 0; offset < PAGE_BYTES; offset += 16) {
        LONGS.set(blocks, offset, xor(low, offset));
        LONGS.set(blocks, offset + 8, xor(high, offset) | MARK);
        table.set(MEMORY_LONG, offset, xor(low, offset));
        table.set(MEMORY_LONG, offset + 8, xor(high, offset));
      }
    }
  }

  private final byte[] blocks;
  private final Constants constants;

  // The run: what its page adds to the lower halves; to the upper ones, xor that, without the mark.
  private long pageLow;
  private long pageDifference;
  private int first;
  private int bytes;

  private AddressTweak(Constants constants) {
    this.constants = constants;
    this.blocks = constants.blocks;
  }

  /** With constants of 126 independent bits, as in {@code aes-128-xex}. */
  public static AddressTweak wide() {
    return new AddressTweak(WIDE);
  }

  /**
   * With constants that repeat their first 32 bits, the highest cleared, four times, as in {@code
   * aes-128-xe}: the weakness of the first generation.
   */
  public static AddressTweak narrow() {
    return new AddressTweak(NARROW);
  }

  private static byte[] constant(int bit, boolean narrow) {
    byte[] digest =
        Primitives.sha256(
            ("Redoubt memory tweak, address bit " + bit).getBytes(StandardCharsets.US_ASCII));
    byte[] constant = Arrays.copyOf(digest, 16);
    if (narrow) {
      constant[3] &= 0x7F;
      for (int i = 4; i < 16; i++) {
        constant[i] = constant[i - 4];
      }
    }
    constant[7] &= 0x7F;
    constant[15] &= 0x7F;
    return constant;
  }

  private static long xor(long[] constants, long address) {
    long result = 0;
    for (long bits = address; bits != 0; bits &= bits - 1) {
      result ^= constants[Long.numberOfTrailingZeros(bits)];
    }
    return result;
  }

  /** Bytes 7:0 of what the page of an address contributes to T. */
  long low(long spa) {
    return xor(constants.low, spa & -PAGE_BYTES);
  }

  /** Bytes 15:8 of what the page of an address contributes to T. */
  long high(long spa) {
    return xor(constants.high, spa & -PAGE_BYTES);
  }

  /** T of every block of page 0, off the heap, for all time. */
  MemorySegment table() {
    return constants.table;
  }

  @Override
  public void at(long spa, int bytes) {
    first = (int) spa & (PAGE_BYTES - 1);
    this.bytes = bytes;
    long page = spa - first;
    pageLow = xor(constants.low, page);
    pageDifference = pageLow ^ xor(constants.high, page) ^ MARK;
  }

  @Override
  public void load(MemorySegment from, long offset, byte[] to) {
    if (bytes == PAGE_BYTES && from.isNative()) {
      loadPage(from, offset, to, blocks, pageLow, pageDifference);
    } else {
      MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offset, to, 0, bytes);
      xor(to);
    }
  }

  @Override
  public void store(byte[] from, MemorySegment to, long offset) {
    if (bytes == PAGE_BYTES && to.isNative()) {
      storePage(from, to, offset, blocks, pageLow, pageDifference);
    } else {
      xor(from);
      MemorySegment.copy(from, 0, to, ValueLayout.JAVA_BYTE, offset, bytes);
    }
  }

  private void xor(byte[] data) {
    if (bytes == PAGE_BYTES) {
      xorPage(data, blocks, pageLow, pageDifference);
    } else {
      for (int i = 0; i < bytes; i += 8) {
        long block = (long) LONGS.get(blocks, first + i);
        LONGS.set(
            data,
            i,
            (long) LONGS.get(data, i) ^ block ^ pageLow ^ ((block >> 63) & pageDifference));
      }
    }
  }

  // Native segments only: a loop that has also seen arrays loses its vector code and takes 10 us.

  private static void loadPage(
      MemorySegment from, long offset, byte[] to, byte[] blocks, long low, long difference) {
    for (int i = 0; i < PAGE_BYTES; i += 8) {
      LONGS.set(
          to,
          i,
          from.get(MEMORY_LONG, offset + i)
              ^ (long) LONGS.get(blocks, i)
              ^ low
              ^ (((long) LONGS.get(blocks, i) >> 63) & difference));
    }
  }

  private static void storePage(
      byte[] from, MemorySegment to, long offset, byte[] blocks, long low, long difference) {
    for (int i = 0; i < PAGE_BYTES; i += 8) {
      to.set(
          MEMORY_LONG,
          offset + i,
          (long) LONGS.get(from, i)
              ^ (long) LONGS.get(blocks, i)
              ^ low
              ^ (((long) LONGS.get(blocks, i) >> 63) & difference));
    }
  }

  private static void xorPage(byte[] data, byte[] blocks, long low, long difference) {
    for (int i = 0; i < PAGE_BYTES; i += 8) {
      LONGS.set(
          data,
          i,
          (long) LONGS.get(data, i)
              ^ (long) LONGS.get(blocks, i)
              ^ low
              ^ (((long) LONGS.get(blocks, i) >> 63) & difference));
    }
  }

  /** Nothing here is secret. */
  @Override
  public void clear() {}
}
