import java.io.IOException;
import java.io.RandomAccessFile;
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
 *
 * <p>With two arguments more it looks at a guest: a file of the addresses of the expected pages (8
 * bytes each, big-endian), and a file of needles in hex, a line each. At least 99 % of the pages
 * must decrypt to what is expected. All needles must be in the expected pages and none in DRAM's,
 * and DRAM's pages must pass tests of randomness that the expected ones fail.
 */
final class DecryptDram {
  private static final int PAGE = 4096;
  private static final int BLOCK = 16;

  private final String engine;
  private final Cipher first;
  private final Cipher second;
  private final byte[][] digests = new byte[52][];

  private DecryptDram(String engine, byte[] key) throws GeneralSecurityException {
    this.engine = engine;
    boolean xts = engine.equals("aes-256-xts");
    byte[] data = xts ? Arrays.copyOf(key, key.length / 2) : key;
    byte[] tweak = xts ? Arrays.copyOfRange(key, key.length / 2, key.length) : key;
    for (int bit = 4; bit < digests.length; bit++) {
      digests[bit] =
          Arrays.copyOf(
              MessageDigest.getInstance("SHA-256")
                  .digest(
                      ("Redoubt memory tweak, address bit " + bit)
                          .getBytes(StandardCharsets.US_ASCII)),
              BLOCK);
    }
    first = Cipher.getInstance("AES/ECB/NoPadding");
    second = Cipher.getInstance("AES/ECB/NoPadding");
    if (key.length > 0) {
      first.init(Cipher.DECRYPT_MODE, new SecretKeySpec(data, "AES"));
      second.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(tweak, "AES"));
    }
  }

  public static void main(String[] args) throws IOException, GeneralSecurityException {
    DecryptDram script = new DecryptDram(args[2], HexFormat.of().parseHex(args[3]));
    if (args.length > 4) {
      script.guest(Path.of(args[0]), Path.of(args[1]), Path.of(args[4]), Path.of(args[5]));
      return;
    }
    byte[] dram = Files.readAllBytes(Path.of(args[0]));
    byte[] expected = Files.readAllBytes(Path.of(args[1]));
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

  /** Compares a guest's pages, and looks at them as one who has no key. */
  private void guest(Path dramFile, Path expectedFile, Path addressFile, Path needleFile)
      throws IOException, GeneralSecurityException {
    ByteBuffer addresses = ByteBuffer.wrap(Files.readAllBytes(addressFile));
    int pages = addresses.remaining() / Long.BYTES;
    byte[] cipher = new byte[pages * PAGE];
    byte[] plain = new byte[pages * PAGE];
    int right = 0;
    try (RandomAccessFile dram = new RandomAccessFile(dramFile.toFile(), "r");
        RandomAccessFile expected = new RandomAccessFile(expectedFile.toFile(), "r")) {
      expected.readFully(plain);
      for (int page = 0; page < pages; page++) {
        long spa = addresses.getLong();
        dram.seek(spa);
        dram.readFully(cipher, page * PAGE, PAGE);
        byte[] one = page(spa, Arrays.copyOfRange(cipher, page * PAGE, (page + 1) * PAGE));
        right += Arrays.equals(one, 0, PAGE, plain, page * PAGE, (page + 1) * PAGE) ? 1 : 0;
      }
    }
    System.out.printf("%d of %d pages of %s decrypt to the guest's view%n", right, pages, engine);
    boolean good = pages > 0 && right >= 0.99 * pages;
    for (String needle : Files.readAllLines(needleFile)) {
      byte[] bytes = HexFormat.of().parseHex(needle);
      long inPlain = find(plain, bytes);
      long inCipher = find(cipher, bytes);
      System.out.printf(
          "%s: in the guest's view %s, in DRAM %s%n",
          new String(bytes, StandardCharsets.ISO_8859_1).replaceAll("[^ -~]", "."),
          inPlain < 0 ? "NOT FOUND" : "found",
          inCipher < 0 ? "not found" : "FOUND at " + inCipher);
      good &= inPlain >= 0 && inCipher < 0;
    }
    boolean plainIsRandom = isRandom("the guest's view", plain);
    good &= isRandom("DRAM", cipher) && !plainIsRandom;
    System.exit(good ? 0 : 1);
  }

  private static long find(byte[] bytes, byte[] needle) {
    for (int at = 0; at <= bytes.length - needle.length; at++) {
      if (bytes[at] == needle[0]
          && Arrays.equals(bytes, at, at + needle.length, needle, 0, needle.length)) {
        return at;
      }
    }
    return -1;
  }

  /**
   * Chi-square over the bytes (mean 255, standard deviation 22.6 if random), ones among the bits in
   * all and page by page (in standard deviations), and equal 16-byte blocks. Blocks of zeros are
   * left out and counted: in DRAM they are what the host left there, and no guest has written them
   * (of a page that the guest has written in part).
   */
  private static boolean isRandom(String what, byte[] bytes) {
    long[] counts = new long[256];
    long written = 0;
    double allOnes = 0;
    double worstPage = 0;
    long[] heads = new long[bytes.length / BLOCK];
    ByteBuffer in = ByteBuffer.wrap(bytes);
    for (int page = 0; page < bytes.length; page += PAGE) {
      long ones = 0;
      int blocks = 0;
      for (int at = page; at < page + PAGE; at += BLOCK) {
        if (in.getLong(at) == 0 && in.getLong(at + 8) == 0) {
          continue;
        }
        heads[(int) written++] = in.getLong(at);
        blocks++;
        ones += Long.bitCount(in.getLong(at)) + Long.bitCount(in.getLong(at + 8));
        for (int i = at; i < at + BLOCK; i++) {
          counts[bytes[i] & 0xFF]++;
        }
      }
      allOnes += ones - blocks * 64L;
      if (blocks > 0) {
        worstPage = Math.max(worstPage, Math.abs(ones - blocks * 64L) / Math.sqrt(blocks * 32));
      }
    }
    double mean = written * BLOCK / 256.0;
    double chiSquare = 0;
    for (long count : counts) {
      chiSquare += (count - mean) * (count - mean) / mean;
    }
    double monobit = Math.abs(allOnes) / Math.sqrt(written * 32.0);
    long equal = equal(Arrays.copyOf(heads, (int) written));
    long zeros = heads.length - written;
    System.out.printf(
        "%s: chi-square %.1f, ones off by %.2f, in the worst page by %.2f, %d equal blocks, %d of"
            + " %d zero%n",
        what, chiSquare, monobit, worstPage, equal, zeros, heads.length);
    return chiSquare < 255 + 7 * 22.6
        && monobit < 6
        && worstPage < 7
        && equal == 0
        && zeros <= heads.length / 1000;
  }

  private static long equal(long[] heads) {
    Arrays.sort(heads);
    long equal = 0;
    for (int i = 1; i < heads.length; i++) {
      equal += heads[i] == heads[i - 1] ? 1 : 0;
    }
    return equal;
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
    if (engine.equals("aes-128-xex") || engine.equals("bouncycastle")) {
      byte[] tweaks = new byte[PAGE];
      for (int at = 0; at < PAGE; at += BLOCK) {
        System.arraycopy(linear(spa + at, false), 0, tweaks, at, BLOCK);
      }
      return xor(first.doFinal(xor(cipher, tweaks)), tweaks);
    }
    byte[] plain = new byte[PAGE];
    byte[] xts = engine.equals("aes-256-xts") ? second.doFinal(littleEndian(spa / PAGE)) : null;
    for (int at = 0; at < PAGE; at += BLOCK) {
      byte[] block = Arrays.copyOfRange(cipher, at, at + BLOCK);
      byte[] result =
          switch (engine) {
            case "none" -> block;
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
  private byte[] linear(long spa, boolean narrow) {
    byte[] sum = new byte[BLOCK];
    for (int bit = 4; bit < 52; bit++) {
      if ((spa >> bit & 1) != 0) {
        byte[] constant = digests[bit].clone();
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
    byte[] result = new byte[a.length];
    for (int i = 0; i < a.length; i++) {
      result[i] = (byte) (a[i] ^ b[i]);
    }
    return result;
  }
}
