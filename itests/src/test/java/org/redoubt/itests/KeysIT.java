package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.itests.container.InsideRedoubt;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.Mailbox;
import org.redoubt.spec.sev.SevCommand;
import org.redoubt.spec.sev.command.ActivateBuffer;
import org.redoubt.spec.sev.command.HandleBuffer;
import org.redoubt.spec.sev.command.InitBuffer;
import org.redoubt.spec.sev.command.LaunchMeasureBuffer;
import org.redoubt.spec.sev.command.LaunchStartBuffer;
import org.redoubt.spec.sev.command.LaunchUpdateBuffer;

/**
 * What is left of a guest's memory key when the guest is gone: nothing in a dump of the live heap,
 * and nothing in native memory, neither the key nor any round key of its schedule. The firmware and
 * the engine are those of the installation; the key is overheard on its way from one to the other.
 */
@ExtendWith(InsideRedoubt.class)
class KeysIT {
  private static final int MASK = 0x5A; // so that this test is not what it finds
  private static final int KEY_BYTES = 16;
  private static final int ROUNDS = 10;

  @TempDir Path folder;

  @Test
  void shouldForgetAGuestsKeyAndItsSchedule() throws Exception {
    assumeTrue(Files.exists(Path.of("/proc/self/mem")), "only Linux shows a process its memory");
    List<byte[]> masked = new ArrayList<>();
    try (MemorySystem memory =
            Services.get(MemorySystemFactory.class).create(MemoryConfig.of("keys", 4 << 20));
        SecureProcessor psp =
            Services.get(SecureProcessorFactory.class)
                .create(
                    new SecureProcessorConfig(
                        "psp8", overheard(memory, masked), Optional.empty(), List::of))) {
      int guest = launch(memory, psp);
      assertEquals(1, masked.size(), "one key was given out");
      Patterns patterns = new Patterns(masked.getFirst());
      assertTrue(search(patterns) > ROUNDS, "the search misses the schedule of a live guest");
      must(memory, psp, SevCommand.DEACTIVATE, new HandleBuffer(guest)::write);
      must(memory, psp, SevCommand.DECOMMISSION, new HandleBuffer(guest)::write);
      memory.wbinvd();
      must(memory, psp, SevCommand.DF_FLUSH, s -> {});
      assertEquals(0, search(patterns), "times the key or a round key was found");
    }
  }

  /** The memory system, with a look at every key that its key installer writes for a guest. */
  private static MemorySystem overheard(MemorySystem memory, List<byte[]> masked) {
    return (MemorySystem)
        Proxy.newProxyInstance(
            MemorySystem.class.getClassLoader(),
            new Class<?>[] {MemorySystem.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("setKeyInstaller")
                  && ((Optional<?>) arguments[0]).isPresent()) {
                KeyInstaller inner = (KeyInstaller) ((Optional<?>) arguments[0]).get();
                KeyInstaller outer =
                    (asid, engine, key) -> {
                      Optional<String> refused = inner.install(asid, engine, key);
                      if (asid != 0 && refused.isEmpty()) {
                        masked.add(mask(key));
                      }
                      return refused;
                    };
                memory.setKeyInstaller(Optional.of(outer));
                return null;
              }
              try {
                return method.invoke(memory, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  private static byte[] mask(MemorySegment key) {
    byte[] out = new byte[(int) key.byteSize()];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) (key.get(ValueLayout.JAVA_BYTE, i) ^ MASK);
    }
    return out;
  }

  private static int launch(MemorySystem memory, SecureProcessor psp) {
    must(memory, psp, SevCommand.INIT, new InitBuffer(0, 0, 0)::write);
    must(memory, psp, SevCommand.LAUNCH_START, new LaunchStartBuffer(0, 0, 0, 0, 0, 0)::write);
    int guest = memory.view(0).getInt(0x1000);
    must(memory, psp, SevCommand.ACTIVATE, new ActivateBuffer(guest, 1)::write);
    must(
        memory,
        psp,
        SevCommand.LAUNCH_UPDATE_DATA,
        new LaunchUpdateBuffer(guest, 0x10000, 0x10000)::write);
    must(memory, psp, SevCommand.LAUNCH_MEASURE, new LaunchMeasureBuffer(guest, 0x2000, 48)::write);
    must(memory, psp, SevCommand.LAUNCH_FINISH, new HandleBuffer(guest)::write);
    memory.flush();
    return guest;
  }

  private static void must(
      MemorySystem memory, SecureProcessor psp, SevCommand command, Consumer<MemorySegment> fill) {
    MemorySegment b = MemorySegment.ofArray(new byte[command.bufferBytes()]);
    fill.accept(b);
    memory.view(0).write(0x1000, b);
    psp.mailbox().write(Mailbox.CMDBUF_ADDR_LO, 0x1000);
    psp.mailbox().write(Mailbox.CMDBUF_ADDR_HI, 0);
    psp.mailbox().write(Mailbox.CMDRESP, Mailbox.commandWord(command.id(), false));
    assertEquals(
        FirmwareStatus.SUCCESS.code(),
        Mailbox.status(psp.mailbox().read(Mailbox.CMDRESP)),
        () -> psp.history().getLast().toString());
  }

  /** How often the key or a round key is in the live heap or in native memory. */
  private int search(Patterns patterns) throws Exception {
    return inLiveHeap(patterns) + inNativeMemory(patterns);
  }

  private int inLiveHeap(Patterns patterns) throws Exception {
    Path dump = folder.resolve("live.hprof");
    Files.deleteIfExists(dump);
    ManagementFactory.getPlatformMBeanServer()
        .invoke(
            new ObjectName("com.sun.management:type=HotSpotDiagnostic"),
            "dumpHeap",
            new Object[] {dump.toString(), true},
            new String[] {"java.lang.String", "boolean"});
    try (InputStream in = new BufferedInputStream(Files.newInputStream(dump), 1 << 20)) {
      byte[] piece = new byte[1 << 20];
      byte[] joined = new byte[piece.length + KEY_BYTES];
      int found = 0;
      for (int n = in.readNBytes(piece, 0, piece.length);
          n > 0;
          n = in.readNBytes(piece, 0, piece.length)) {
        System.arraycopy(joined, piece.length, joined, 0, KEY_BYTES);
        System.arraycopy(piece, 0, joined, KEY_BYTES, n);
        found += patterns.count(joined, n + KEY_BYTES);
        if (n < piece.length) {
          break;
        }
      }
      return found;
    } finally {
      Files.delete(dump);
    }
  }

  /** Every writable mapping but the Java heap, of which the dump has what lives. */
  private static int inNativeMemory(Patterns patterns) throws Exception {
    String heap =
        String.valueOf(
            ManagementFactory.getPlatformMBeanServer()
                .invoke(
                    new ObjectName("com.sun.management:type=DiagnosticCommand"),
                    "gcHeapInfo",
                    new Object[0],
                    new String[0]));
    List<long[]> javaHeap = new ArrayList<>();
    Matcher range =
        Pattern.compile("\\[0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)\\)").matcher(heap);
    while (range.find()) {
      javaHeap.add(address(range));
    }
    range = Pattern.compile("\\[0x([0-9a-f]+), 0x([0-9a-f]+)\\)").matcher(heap);
    while (range.find()) {
      javaHeap.add(address(range));
    }
    int found = 0;
    try (RandomAccessFile memory = new RandomAccessFile("/proc/self/mem", "r")) {
      for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
        Matcher m = Pattern.compile("^([0-9a-f]+)-([0-9a-f]+) rw.. .*").matcher(line);
        if (m.matches() && !line.contains("[")) {
          long[] r = address(m);
          if (javaHeap.stream().noneMatch(h -> h[0] < r[1] && r[0] < h[1])) {
            found += count(memory, r[0], r[1], patterns);
          }
        }
      }
    }
    return found;
  }

  private static long[] address(Matcher m) {
    return new long[] {Long.parseLong(m.group(1), 16), Long.parseLong(m.group(2), 16)};
  }

  private static int count(RandomAccessFile memory, long from, long until, Patterns patterns) {
    byte[] piece = new byte[1 << 16];
    int found = 0;
    for (long at = from; at < until; at += piece.length) {
      int n = (int) Math.min(piece.length, until - at);
      try {
        memory.seek(at);
        memory.readFully(piece, 0, n);
        found += patterns.count(piece, n);
      } catch (IOException e) {
        continue; // a guard page, or gone meanwhile
      }
    }
    // What this test read is not what it looks for.
    java.util.Arrays.fill(piece, (byte) 0);
    return found;
  }

  /** The key and its ten round keys, FIPS 197, all of them masked; each also with words turned. */
  private static final class Patterns {
    private final long[] firsts = new long[2 * (ROUNDS + 1)];
    private final long[] seconds = new long[firsts.length];

    Patterns(byte[] masked) {
      int[] w = new int[4 * (ROUNDS + 1)];
      for (int i = 0; i < 4; i++) {
        for (int b = 0; b < 4; b++) {
          w[i] = w[i] << 8 | (masked[4 * i + b] ^ MASK) & 0xFF;
        }
      }
      int round = 1;
      for (int i = 4; i < w.length; i++) {
        int t = w[i - 1];
        if (i % 4 == 0) {
          t = substitute(Integer.rotateLeft(t, 8)) ^ round << 24;
          round = times2(round);
        }
        w[i] = w[i - 4] ^ t;
      }
      for (int k = 0; k <= ROUNDS; k++) {
        add(2 * k, w, 4 * k, false);
        add(2 * k + 1, w, 4 * k, true);
      }
      java.util.Arrays.fill(w, 0);
    }

    private void add(int i, int[] w, int at, boolean turned) {
      long m = 0x0101010101010101L * MASK;
      firsts[i] = pair(w[at], w[at + 1], turned) ^ m;
      seconds[i] = pair(w[at + 2], w[at + 3], turned) ^ m;
    }

    private static long pair(int a, int b, boolean turned) {
      int x = turned ? Integer.reverseBytes(a) : a;
      int y = turned ? Integer.reverseBytes(b) : b;
      return Integer.toUnsignedLong(x) << 32 | Integer.toUnsignedLong(y);
    }

    private static int times2(int x) {
      return (x << 1 ^ (x & 0x80) / 0x80 * 0x11B) & 0xFF;
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
        x = times2(x);
      }
      return out;
    }

    /** How often one of them is in the first {@code length} bytes, at any offset. */
    int count(byte[] bytes, int length) {
      long m = 0x0101010101010101L * MASK;
      int found = 0;
      long now = 0;
      for (int i = 0; i < length; i++) {
        now = now << 8 | bytes[i] & 0xFF;
        if (i >= 7) {
          for (int p = 0; p < firsts.length; p++) {
            if ((now ^ m) == firsts[p] && i + 8 < length && second(bytes, i + 1) == seconds[p]) {
              found++;
            }
          }
        }
      }
      return found;
    }

    private static long second(byte[] bytes, int at) {
      long out = 0;
      for (int i = 0; i < 8; i++) {
        out = out << 8 | bytes[at + i] & 0xFF;
      }
      return out ^ 0x0101010101010101L * MASK;
    }
  }
}
