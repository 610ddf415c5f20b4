package org.redoubt.crypto.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * A tweak that is linear in the address: T(spa) is the xor of one 16-byte constant for each bit set
 * in the system-physical address, bits 4 to 51. Public and the same for every key.
 *
 * <p>That is the form that published research found in AMD's processors (Du et al., "Secure
 * Encrypted Virtualization is Unsecure", 2017; Wilke et al., "SEVurity", 2020). AMD's constants are
 * not published, and later ones are drawn at boot; ours are SHA-256 of a sentence that contains the
 * bit's number, cut to 16 bytes. See the README of {@code org.redoubt.encryption.aes}.
 */
public final class AddressTweak implements Tweak {
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final int LOWEST_BIT = 4;
  private static final int PAGE_SHIFT = 12;

  /** The widest physical address of the architecture. APM Vol. 2, §5.1. */
  private static final int ADDRESS_BITS = 52;

  private static final AddressTweak WIDE = new AddressTweak(false);
  private static final AddressTweak NARROW = new AddressTweak(true);

  /** Bytes 7:0 and 15:8 of each bit's constant, little-endian; zero below bit 4. */
  private final long[] low = new long[ADDRESS_BITS];

  private final long[] high = new long[ADDRESS_BITS];

  /** T of every block of page 0: what address bits 11:4 contribute. */
  private final byte[] blocks = new byte[PAGE_BYTES];

  private AddressTweak(boolean narrow) {
    for (int bit = LOWEST_BIT; bit < ADDRESS_BITS; bit++) {
      byte[] constant = constant(bit, narrow);
      low[bit] = (long) LONGS.get(constant, 0);
      high[bit] = (long) LONGS.get(constant, 8);
    }
    for (int offset = 0; offset < PAGE_BYTES; offset += 16) {
      LONGS.set(blocks, offset, xor(low, offset));
      LONGS.set(blocks, offset + 8, xor(high, offset));
    }
  }

  /** Constants of 128 independent bits, as in {@code aes-128-xex}. */
  public static AddressTweak wide() {
    return WIDE;
  }

  /**
   * Constants that repeat 32 bits four times, as in {@code aes-128-xe}: the weakness of the first
   * generation.
   */
  public static AddressTweak narrow() {
    return NARROW;
  }

  /**
   * The constant of one address bit.
   *
   * @param bit 4 to 51
   * @param narrow whether it repeats its first 4 bytes
   * @return a fresh array of 16 bytes
   */
  static byte[] constant(int bit, boolean narrow) {
    byte[] digest;
    try {
      digest =
          MessageDigest.getInstance("SHA-256")
              .digest(
                  ("Redoubt memory tweak, address bit " + bit).getBytes(StandardCharsets.US_ASCII));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("This JDK has no SHA-256", e);
    }
    byte[] constant = Arrays.copyOf(digest, 16);
    if (narrow) {
      for (int i = 4; i < 16; i++) {
        constant[i] = constant[i - 4];
      }
    }
    return constant;
  }

  private static long xor(long[] constants, long address) {
    long result = 0;
    for (long bits = address; bits != 0; bits &= bits - 1) {
      result ^= constants[Long.numberOfTrailingZeros(bits)];
    }
    return result;
  }

  @Override
  public void fill(long spa, int bytes, byte[] tweaks) {
    long page = spa >>> PAGE_SHIFT << PAGE_SHIFT;
    LONGS.set(tweaks, 0, xor(low, page));
    LONGS.set(tweaks, 8, xor(high, page));
    for (int done = 16; done < bytes; done <<= 1) {
      System.arraycopy(tweaks, 0, tweaks, done, Math.min(done, bytes - done));
    }
    int first = (int) (spa - page);
    // One statement per loop: HotSpot vectorises it.
    for (int i = 0; i < bytes; i += 8) {
      LONGS.set(tweaks, i, (long) LONGS.get(tweaks, i) ^ (long) LONGS.get(blocks, first + i));
    }
  }
}
