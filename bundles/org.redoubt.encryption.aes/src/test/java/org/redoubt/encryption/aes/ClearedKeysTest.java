package org.redoubt.encryption.aes;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/** Looks for keys in a dump of the heap, where both a copy of one and the schedule show it. */
class ClearedKeysTest {
  private static final int AES_KEY_BYTES = 16;

  static Stream<MemoryEncryptionEngineFactory> factories() {
    return Stream.of(new Aes128Xex(false), new Aes128Xex(true), new Aes128Xe(), new Aes256Xts());
  }

  @ParameterizedTest
  @MethodSource("factories")
  void shouldLeaveNoKeyOnTheHeapWhenClosed(
      MemoryEncryptionEngineFactory factory, @TempDir Path folder) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      // Off the heap, so that the test itself leaves no trace there.
      MemorySegment key = arena.allocate(factory.keyBytes());
      Random random = new Random(System.nanoTime());
      for (int i = 0; i < factory.keyBytes(); i++) {
        key.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
      }
      MemoryEncryptionEngine engine = factory.create(key);
      MemorySegment page = MemorySegment.ofArray(new byte[4096]);
      engine.encrypt(0x5000, page, arena.allocate(4096));
      engine.decrypt(0x5000, page, MemorySegment.ofArray(new byte[4096]));

      assertTrue(dumpHolds(key, folder.resolve("open.hprof")), "the search itself does not work");
      engine.close();
      assertFalse(dumpHolds(key, folder.resolve("closed.hprof")), "a key is still on the heap");
    }
  }

  /** Whether the reachable heap holds any AES key's first 16 bytes. */
  private static boolean dumpHolds(MemorySegment key, Path file) throws IOException {
    ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
        .dumpHeap(file.toString(), true);
    try (FileChannel channel = FileChannel.open(file);
        Arena arena = Arena.ofConfined()) {
      MemorySegment dump = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      for (long part = 0; part < key.byteSize(); part += 2 * AES_KEY_BYTES) {
        long first = key.get(ValueLayout.JAVA_LONG_UNALIGNED, part);
        long second = key.get(ValueLayout.JAVA_LONG_UNALIGNED, part + 8);
        for (long i = 0; i <= dump.byteSize() - AES_KEY_BYTES; i++) {
          if (dump.get(ValueLayout.JAVA_LONG_UNALIGNED, i) == first
              && dump.get(ValueLayout.JAVA_LONG_UNALIGNED, i + 8) == second) {
            return true;
          }
        }
      }
      return false;
    } finally {
      Files.delete(file);
    }
  }
}
