package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;

/** Pages whose contents nobody wants any more. */
class DiscardTest {
  private static final int PAGE = Rig.PAGE;
  private final Rig rig = new Rig();

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void shouldForgetThesePagesAndNoOthers(int tag) {
    try (MemorySystem system = rig.system(2048, 64)) {
      for (int page = 0; page < 1200; page++) {
        Rig.write(system, tag, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      assertEquals(1000L * PAGE, system.discard(100L * PAGE, 1000L * PAGE));
      byte[] zeros = new byte[PAGE];
      for (int page = 0; page < 1200; page++) {
        boolean gone = page >= 100 && page < 1100;
        long spa = (long) page * PAGE;
        assertEquals(!gone, system.pageInfo(spa).touched(), "page " + page);
        if (gone) {
          assertArrayEquals(zeros, Rig.dram(system, spa, PAGE));
        } else {
          assertArrayEquals(Rig.pattern(page, PAGE), Rig.read(system, tag, spa, PAGE));
        }
      }
      assertEquals(tag == 0, Arrays.equals(zeros, Rig.read(system, tag, 100L * PAGE, PAGE)));
      assertEquals(0, system.discard(300L * PAGE, 100L * PAGE), "they have been given up");
    }
  }

  @Test
  void shouldTakeNewContentsAfterwardsUnderAnyTag() {
    try (MemorySystem system = rig.system(64, 8)) {
      Rig.write(system, 1, 0, Rig.pattern(1, 32 * PAGE));
      system.discard(0, 32L * PAGE);
      Rig.write(system, 2, 0, Rig.pattern(2, 16 * PAGE));
      Rig.write(system, 0, 16L * PAGE, Rig.pattern(3, 16 * PAGE));
      system.wbinvd();
      assertArrayEquals(Rig.pattern(2, 16 * PAGE), Rig.read(system, 2, 0, 16 * PAGE));
      assertArrayEquals(Rig.pattern(3, 16 * PAGE), Rig.read(system, 0, 16L * PAGE, 16 * PAGE));
      assertEquals(16, system.stats().privatePages());
    }
  }

  @Test
  void shouldRefuseWhatIsNotWholePagesOfDram() {
    try (MemorySystem system = rig.system(64, 8)) {
      assertThrows(IllegalArgumentException.class, () -> system.discard(8, PAGE));
      assertThrows(IllegalArgumentException.class, () -> system.discard(0, 100));
      assertThrows(IndexOutOfBoundsException.class, () -> system.discard(63L * PAGE, 2L * PAGE));
      assertThrows(IndexOutOfBoundsException.class, () -> system.discard(-PAGE, PAGE));
    }
  }

  @Test
  void shouldKeepTheBlocksOfAFile(@TempDir Path folder) {
    MemoryConfig config =
        new MemoryConfig(
            "test",
            AddressMap.flat(64L * PAGE),
            Optional.of(folder.resolve("dram")),
            8L * PAGE,
            Optional.empty(),
            false,
            MemoryConfig.DEFAULT_ASIDS);
    try (MemorySystem system = rig.system(config)) {
      Rig.write(system, 1, 0, Rig.pattern(1, PAGE));
      assertEquals(0, system.discard(0, PAGE));
      assertArrayEquals(Rig.pattern(1, PAGE), Rig.read(system, 1, 0, PAGE));
    }
  }

  @Test
  void shouldCarryWhatIsLeftToAnotherEngine() throws Exception {
    try (MemorySystem system = rig.system(64, 8)) {
      Rig.write(system, 1, 0, Rig.pattern(1, 32 * PAGE));
      system.discard(0, 16L * PAGE);
      assertEquals(EngineChange.State.DONE, finished(system.changeEngine("beta")));
      byte[] kept = Arrays.copyOfRange(Rig.pattern(1, 32 * PAGE), 16 * PAGE, 32 * PAGE);
      assertArrayEquals(kept, Rig.read(system, 1, 16L * PAGE, 16 * PAGE));
      Rig.write(system, 1, 0, Rig.pattern(2, PAGE));
      system.wbinvd();
      assertArrayEquals(Rig.pattern(2, PAGE), Rig.read(system, 1, 0, PAGE));
    }
  }

  private static EngineChange.State finished(EngineChange change) throws InterruptedException {
    change.await(java.time.Duration.ofSeconds(120));
    return change.state();
  }

  /** Two threads keep their own pages going while a third gives up those between, and their own. */
  @Test
  void shouldLoseNothingOfPagesInUseBesideIt() throws Exception {
    try (MemorySystem system = rig.system(256, 8)) {
      AtomicBoolean over = new AtomicBoolean();
      AtomicInteger wrong = new AtomicInteger();
      List<Thread> writers = new ArrayList<>();
      for (int one = 0; one < 2; one++) {
        int tag = one + 1;
        writers.add(
            Thread.ofPlatform()
                .start(() -> {
                  for (int round = 0; !over.get(); round++) {
                    for (int page = tag - 1; page < 64; page += 2) {
                      byte[] bytes = Rig.pattern(round, PAGE);
                      Rig.write(system, tag, page * 4L * PAGE, bytes);
                      if (!Arrays.equals(bytes, Rig.read(system, tag, page * 4L * PAGE, PAGE))) {
                        wrong.incrementAndGet();
                      }
                    }
                  }
                }));
      }
      for (int round = 0; round < 300; round++) {
        for (int page = 0; page < 64; page++) {
          system.discard((page * 4L + 1) * PAGE, 3L * PAGE);
        }
      }
      over.set(true);
      for (Thread writer : writers) {
        writer.join();
      }
      assertEquals(0, wrong.get());
      assertFalse(system.pageInfo(5L * PAGE).touched());
      assertTrue(system.pageInfo(0).touched());
    }
  }
}
