import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import javax.crypto.Cipher;
import javax.crypto.spec.SecretKeySpec;

/**
 * Reads a DRAM file as any other process can, knowing nothing of Redoubt but the documented tweak:
 * decrypts page by page and compares with what should be there, then looks for plaintext at every
 * byte of the file. One file, the JDK only, run as {@code java DecryptDram.java}.
 *
 * <p>Arguments: DRAM file, file of the expected plaintext from address 0 on, engine, key in hex.
 * Exit status 0 and a line of figures when all is well; 1 and the first difference when not.
 */
final class DecryptDram {
  private static final int PAGE = 4096;
  private static final int BLOCK = 16;

  private final String engine;
  private final Cipher first;
  private final Cipher second;

  private DecryptDram(String engine, byte[] key) throws GeneralSecurityException {
    this.engine = engine;
    boolean xts = engine.equals("aes-256-xts");
    byte[] data = xts ? Arrays.copyOf(key, key.length / 2) : key;
    byte[] tweak = xts ? Arrays.copyOfRange(key, key.length / 2, key.length) : key;
    first = Cipher.getInstance("AES/ECB/NoPadding");
    second = Cipher.getInstance("AES/ECB/NoPadding");
    if (key.length > 0) {
      first.init(Cipher.DECRYPT_MODE, new SecretKeySpec(data, "AES"));
      second.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(tweak, "AES"));
    }
  }

  public static void main(String[] args) throws IOException, GeneralSecurityException {
    byte[] dram = Files.readAllBytes(Path.of(args[0]));
    byte[] expected = Files.readAllBytes(Path.of(args[1]));
    DecryptDram script = new DecryptDram(args[2], HexFormat.of().parseHex(args[3]));
    for (int page = 0; page < expected.length; page += PAGE) {
      byte[] plain = script.page(page, Arrays.copyOfRange(dram, page, page + PAGE));
      int difference = Arrays.mismatch(plain, Arrays.copyOfRange(expected, page, page + PAGE));
      if (difference >= 0) {
        System.out.printf("page %xh differs from byte %d on%n", page, difference);
        System.exit(1);
      }
    }
    long found = plaintextIn(dram, expected);
    if (found >= 0 && !args[2].equals("none")) {
      System.out.printf("plaintext in DRAM at %xh%n", found);
      System.exit(1);
    }
    if (found < 0 && args[2].equals("none")) {
      System.out.println("the search for plaintext finds nothing even without encryption");
      System.exit(1);
    }
    System.out.printf("%d pages of %s are right%n", expected.length / PAGE, args[2]);
  }

  /** Looks at every byte of the file for the first half of any 16-byte piece of the plaintext. */
  private static long plaintextIn(byte[] dram, byte[] plain) {
    Set<Long> pieces = new HashSet<>();
    ByteBuffer from = ByteBuffer.wrap(plain);
    for (int at = 0; at < plain.length; at += BLOCK) {
      pieces.add(from.getLong(at));
    }
    ByteBuffer in = ByteBuffer.wrap(dram);
    for (int at = 0; at <= dram.length - Long.BYTES; at++) {
      if (pieces.contains(in.getLong(at))) {
        return at;
      }
    }
    return -1;
  }

  private byte[] page(long spa, byte[] cipher) throws GeneralSecurityException {
    byte[] plain = new byte[PAGE];
    byte[] xts = engine.equals("aes-256-xts") ? second.doFinal(littleEndian(spa / PAGE)) : null;
    for (int at = 0; at < PAGE; at += BLOCK) {
      byte[] block = Arrays.copyOfRange(cipher, at, at + BLOCK);
      byte[] result =
          switch (engine) {
            case "none" -> block;
            case "aes-128-xex", "bouncycastle" -> {
              byte[] tweak = linear(spa + at, false);
              yield xor(first.doFinal(xor(block, tweak)), tweak);
            }
            case "aes-128-xe" -> xor(first.doFinal(block), linear(spa + at, true));
            case "aes-256-xts" -> {
              byte[] decrypted = xor(first.doFinal(xor(block, xts)), xts);
              xts = timesAlpha(xts);
              yield decrypted;
            }
            default -> throw new IllegalArgumentException("No engine " + engine);
          };
      System.arraycopy(result, 0, plain, at, BLOCK);
    }
    return plain;
  }

  /** The documented tweak: xor of one constant for each bit set in the address, bits 4 to 51. */
  private static byte[] linear(long spa, boolean narrow) throws GeneralSecurityException {
    byte[] sum = new byte[BLOCK];
    for (int bit = 4; bit < 52; bit++) {
      if ((spa >> bit & 1) != 0) {
        byte[] constant =
            Arrays.copyOf(
                MessageDigest.getInstance("SHA-256")
                    .digest(
                        ("Redoubt memory tweak, address bit " + bit)
                            .getBytes(StandardCharsets.US_ASCII)),
                BLOCK);
        if (narrow) {
          constant[3] &= 0x7F;
          for (int i = 4; i < BLOCK; i++) {
            constant[i] = constant[i % 4];
          }
        }
        constant[7] &= 0x7F;
        constant[15] &= 0x7F;
        sum = xor(sum, constant);
      }
    }
    return sum;
  }

  private static byte[] littleEndian(long number) {
    return ByteBuffer.allocate(BLOCK).order(ByteOrder.LITTLE_ENDIAN).putLong(number).array();
  }

  /** Multiplies by the primitive element, bytes little-endian. IEEE 1619-2007, 5.2. */
  private static byte[] timesAlpha(byte[] value) {
    byte[] product = new byte[BLOCK];
    int carry = 0;
    for (int i = 0; i < BLOCK; i++) {
      int shifted = (value[i] & 0xFF) << 1 | carry;
      product[i] = (byte) shifted;
      carry = shifted >> 8;
    }
    if (carry != 0) {
      product[0] ^= (byte) 0x87;
    }
    return product;
  }

  private static byte[] xor(byte[] a, byte[] b) {
    byte[] result = new byte[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      result[i] = (byte) (a[i] ^ b[i]);
    }
    return result;
  }
}
