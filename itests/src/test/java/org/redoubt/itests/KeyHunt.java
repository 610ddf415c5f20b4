package org.redoubt.itests;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.ObjectName;
import org.redoubt.crypto.Leftovers;

/**
 * Looks for secrets in this process: in a dump of the live heap, and in all native memory that can
 * be written, the stacks of threads included, by 16 bytes at any offset. What is looked for is kept
 * masked, and cleared wherever it passes, so that the hunt is not what it finds. For a key of AES
 * that is every round key of both schedules, FIPS 197, 5.2 and 5.3.5, as bytes and as words the
 * other way round; for a key of HMAC also the padded ones, RFC 2104.
 */
final class KeyHunt {
  private static final long MASK = 0x5AA5_C396_3C69_5AA5L;
  private static final int BLOCK = 16;
  private static final int PIECE = 1 << 20;

  private final List<String> names = new ArrayList<>();
  private long[] firsts = new long[64];
  private long[] seconds = new long[64];
  private int[] owners = new int[64];
  private int count;

  /** The native mappings in which something was found, by the last search. */
  private final List<String> places = new ArrayList<>();

  /** One bit for each hash: few bytes get past it. */
  private final long[] filter = new long[1 << 16];

  /** Patterns of a key of AES, 16 or 32 bytes, which is cleared. */
  void aes(String name, byte[] key) {
    int rounds = key.length / 4 + 6;
    int[] w = schedule(key, rounds);
    for (int round = 0; round <= rounds; round++) {
      int[] k = Arrays.copyOfRange(w, 4 * round, 4 * round + 4);
      words(name + " round key", k);
      if (round > 0 && round < rounds) {
        for (int i = 0; i < 4; i++) {
          k[i] = inverseMixColumn(k[i]);
        }
        words(name + " round key to decrypt", k);
      }
      Arrays.fill(k, 0);
    }
    Arrays.fill(w, 0);
    Arrays.fill(key, (byte) 0);
  }

  /** Patterns of a key of HMAC-SHA256, at least 16 bytes, which is cleared. */
  void hmac(String name, byte[] key) {
    for (int pad : new int[] {0, 0x36, 0x5C}) {
      byte[] padded = key.clone();
      for (int i = 0; i < padded.length; i++) {
        padded[i] ^= (byte) pad;
      }
      blocks(name, padded);
      Arrays.fill(padded, (byte) 0);
    }
    Arrays.fill(key, (byte) 0);
  }

  /** Patterns of a number, in either order of its bytes; it is cleared. */
  void number(String name, byte[] number) {
    byte[] turned = new byte[number.length];
    for (int i = 0; i < number.length; i++) {
      turned[i] = number[number.length - 1 - i];
    }
    blocks(name, number);
    blocks(name, turned);
    Arrays.fill(number, (byte) 0);
    Arrays.fill(turned, (byte) 0);
  }

  private void blocks(String name, byte[] bytes) {
    for (int at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
      add(name, big(bytes, at), big(bytes, at + 8));
    }
  }

  private void words(String name, int[] w) {
    add(name, pair(w[0], w[1]), pair(w[2], w[3]));
    add(
        name,
        pair(Integer.reverseBytes(w[0]), Integer.reverseBytes(w[1])),
        pair(Integer.reverseBytes(w[2]), Integer.reverseBytes(w[3])));
  }

  private static long pair(int a, int b) {
    return Integer.toUnsignedLong(a) << 32 | Integer.toUnsignedLong(b);
  }

  private static long big(byte[] bytes, int at) {
    long out = 0;
    for (int i = 0; i < 8; i++) {
      out = out << 8 | bytes[at + i] & 0xFF;
    }
    return out;
  }

  private void add(String name, long first, long second) {
    if (!names.contains(name)) {
      names.add(name);
    }
    if (count == firsts.length) {
      firsts = Arrays.copyOf(firsts, 2 * count);
      seconds = Arrays.copyOf(seconds, 2 * count);
      owners = Arrays.copyOf(owners, 2 * count);
    }
    firsts[count] = first ^ MASK;
    seconds[count] = second ^ MASK;
    owners[count] = names.indexOf(name);
    int hash = hash(first ^ MASK);
    filter[hash >>> 6] |= 1L << hash;
    count++;
  }

  private static int hash(long masked) {
    return (int) (masked * 0x9E37_79B9_7F4A_7C15L >>> 42);
  }

  /**
   * How often each of them is in the live heap or in native memory; none: not in the map. The
   * caller's thread waits meanwhile, so that its stack does not change.
   */
  Map<String, Integer> search(Path folder) throws Exception {
    FutureTask<Map<String, Integer>> task =
        new FutureTask<>(() -> {
          Map<String, Integer> found = new TreeMap<>();
          places.clear();
          inLiveHeap(folder.resolve("live.hprof"), found);
          inNativeMemory(found);
          Leftovers.clear(Leftovers.OF_A_COMMAND);
          return found;
        });
    Thread.ofPlatform().name("key-hunt").start(task);
    return task.get();
  }

  private void inLiveHeap(Path dump, Map<String, Integer> found) throws Exception {
    Files.deleteIfExists(dump);
    ManagementFactory.getPlatformMBeanServer()
        .invoke(
            new ObjectName("com.sun.management:type=HotSpotDiagnostic"),
            "dumpHeap",
            new Object[] {dump.toString(), true},
            new String[] {"java.lang.String", "boolean"});
    byte[] bytes = new byte[PIECE + BLOCK];
    try (InputStream in = new BufferedInputStream(Files.newInputStream(dump), 1 << 16)) {
      int kept = 0; // the end of the piece before, which is too short to hold a pattern
      for (int n = in.readNBytes(bytes, 0, PIECE); n > 0; n = in.readNBytes(bytes, kept, PIECE)) {
        int length = kept + n;
        count(bytes, length, "heap", found);
        kept = Math.min(BLOCK - 1, length);
        System.arraycopy(bytes, length - kept, bytes, 0, kept);
      }
    } finally {
      Arrays.fill(bytes, (byte) 0);
      Files.delete(dump);
    }
  }

  /** Every writable mapping but the Java heap, of which the dump has what lives. */
  private void inNativeMemory(Map<String, Integer> found) throws Exception {
    List<long[]> javaHeap = javaHeap();
    ByteBuffer piece = ByteBuffer.allocateDirect(PIECE + BLOCK);
    byte[] bytes = new byte[PIECE + BLOCK];
    Pattern mapping = Pattern.compile("^([0-9a-f]+)-([0-9a-f]+) rw.. .*");
    try (FileChannel memory = FileChannel.open(Path.of("/proc/self/mem"))) {
      for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
        Matcher m = mapping.matcher(line);
        if (m.matches() && !line.contains("[vvar") && !line.contains("[vsyscall")) {
          long[] r = {Long.parseLong(m.group(1), 16), Long.parseLong(m.group(2), 16)};
          if (javaHeap.stream().noneMatch(h -> h[0] < r[1] && r[0] < h[1])) {
            int before = total(found);
            inMapping(memory, r[0], r[1], piece, bytes, found);
            if (total(found) > before) {
              places.add(line);
            }
          }
        }
      }
    } finally {
      Arrays.fill(bytes, (byte) 0);
      clear(piece);
    }
  }

  private static int total(Map<String, Integer> found) {
    return found.values().stream().mapToInt(n -> n).sum();
  }

  /** Lines of {@code /proc/self/maps}, for a test that fails. */
  List<String> places() {
    return List.copyOf(places);
  }

  private static void clear(ByteBuffer piece) {
    MemorySegment.ofBuffer(piece.clear()).fill((byte) 0);
  }

  private void inMapping(
      FileChannel memory,
      long from,
      long until,
      ByteBuffer piece,
      byte[] bytes,
      Map<String, Integer> found) {
    for (long at = from; at < until; at += PIECE) {
      int n = (int) Math.min(PIECE + BLOCK - 1, until - at);
      try {
        piece.clear().limit(n);
        while (piece.hasRemaining() && memory.read(piece, at + piece.position()) > 0) {}
        n = piece.position();
        piece.get(0, bytes, 0, n);
        clear(piece);
        count(bytes, n, "native", found);
      } catch (IOException e) {
        continue; // a guard page, or gone meanwhile
      }
    }
  }

  private static List<long[]> javaHeap() throws Exception {
    String heap =
        String.valueOf(
            ManagementFactory.getPlatformMBeanServer()
                .invoke(
                    new ObjectName("com.sun.management:type=DiagnosticCommand"),
                    "gcHeapInfo",
                    new Object[0],
                    new String[0]));
    List<long[]> out = new ArrayList<>();
    for (String form :
        new String[] {
          "\\[0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)\\)", "\\[0x([0-9a-f]+), 0x([0-9a-f]+)\\)"
        }) {
      Matcher range = Pattern.compile(form).matcher(heap);
      while (range.find()) {
        out.add(
            new long[] {Long.parseLong(range.group(1), 16), Long.parseLong(range.group(2), 16)});
      }
    }
    return out;
  }

  /** Looks at the first {@code length} bytes, at any offset. */
  private void count(byte[] bytes, int length, String where, Map<String, Integer> found) {
    long now = 0;
    for (int i = 0; i + 8 < length; i++) {
      now = now << 8 | bytes[i] & 0xFF;
      int hash = hash(now ^ MASK);
      if (i >= 7 && (filter[hash >>> 6] >>> hash & 1) != 0) {
        long second = big(bytes, i + 1) ^ MASK;
        for (int p = 0; p < count; p++) {
          if ((now ^ MASK) == firsts[p] && second == seconds[p]) {
            found.merge(names.get(owners[p]) + " (" + where + ")", 1, Integer::sum);
          }
        }
      }
    }
  }

  // AES

  private static int[] schedule(byte[] key, int rounds) {
    int words = key.length / 4;
    int[] w = new int[4 * (rounds + 1)];
    for (int i = 0; i < words; i++) {
      for (int b = 0; b < 4; b++) {
        w[i] = w[i] << 8 | key[4 * i + b] & 0xFF;
      }
    }
    int constant = 1;
    for (int i = words; i < w.length; i++) {
      int t = w[i - 1];
      if (i % words == 0) {
        t = substitute(Integer.rotateLeft(t, 8)) ^ constant << 24;
        constant = times(constant, 2);
      } else if (words > 6 && i % words == 4) {
        t = substitute(t);
      }
      w[i] = w[i - words] ^ t;
    }
    return w;
  }

  private static int inverseMixColumn(int word) {
    int out = 0;
    int[] factors = {0xE, 0xB, 0xD, 0x9};
    for (int row = 0; row < 4; row++) {
      int sum = 0;
      for (int i = 0; i < 4; i++) {
        sum ^= times(word >>> 24 - 8 * i & 0xFF, factors[(i - row + 4) % 4]);
      }
      out = out << 8 | sum;
    }
    return out;
  }

  private static int substitute(int word) {
    int out = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
      out = out << 8 | sbox(word >>> shift & 0xFF);
    }
    return out;
  }

  /** The inverse in GF(2^8), and the affine map. FIPS 197, 5.1.1. */
  private static int sbox(int x) {
    int inverse = 0;
    for (int y = 1; y < 256 && x != 0; y++) {
      if (times(x, y) == 1) {
        inverse = y;
        break;
      }
    }
    int out = 0x63;
    for (int i = 0; i < 5; i++) {
      out ^= (inverse << i | inverse >>> 8 - i) & 0xFF;
    }
    return out;
  }

  private static int times(int a, int b) {
    int out = 0;
    int x = a;
    for (int y = b; y != 0; y >>>= 1) {
      out ^= (y & 1) * x;
      x = (x << 1 ^ (x >> 7) * 0x11B) & 0xFF;
    }
    return out;
  }
}
