package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;

/** Writes of whole pages, which need not know what they overwrite. */
class WholePageWriteTest {
  private static final int PAGE = Rig.PAGE;
  private final Rig rig = new Rig();

  private static long decrypted(MemorySystem system) {
    return system.stats().engines().stream().mapToLong(e -> e.decryptedBytes()).sum();
  }

  @Test
  void shouldNotDecipherWhatIsOverwrittenWhole() {
    try (MemorySystem system = rig.system(64, 64)) {
      for (int page = 0; page < 16; page++) {
        Rig.write(system, 0, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      system.flush();
      long before = decrypted(system);
      Rig.write(system, 1, 0, Rig.pattern(7, 8 * PAGE));
      assertEquals(before, decrypted(system), "aligned: nothing to decipher");
      Rig.write(system, 2, 8 * PAGE + 16, Rig.pattern(8, 2 * PAGE));
      assertEquals(before + 2 * PAGE, decrypted(system), "two pages in part, one whole");
      assertArrayEquals(Rig.pattern(7, 8 * PAGE), Rig.read(system, 1, 0, 8 * PAGE));
      assertArrayEquals(Rig.pattern(8, 2 * PAGE), Rig.read(system, 2, 8 * PAGE + 16, 2 * PAGE));
      system.wbinvd();
      assertArrayEquals(Rig.pattern(7, 8 * PAGE), Rig.read(system, 1, 0, 8 * PAGE));
    }
  }

  @Test
  void shouldShowNobodyAnythingButTheOldOrTheNewPage() throws Exception {
    try (MemorySystem system = rig.system(64, 8)) {
      MemoryView host = system.view(0);
      byte[] ones = Rig.pattern(1, PAGE);
      byte[] twos = Rig.pattern(2, PAGE);
      AtomicInteger strange = new AtomicInteger();
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      CountDownLatch written = new CountDownLatch(1);
      host.write(3 * PAGE, MemorySegment.ofArray(ones));
      Thread reader =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  while (written.getCount() > 0) {
                    byte first = host.getByte(3 * PAGE + 99);
                    if (first != ones[99] && first != twos[99]) {
                      strange.incrementAndGet();
                    }
                  }
                } catch (Throwable e) {
                  thrown.set(e);
                }
              });
      for (int round = 0; round < 2000; round++) {
        host.write(3 * PAGE, MemorySegment.ofArray(round % 2 == 0 ? twos : ones));
        for (int other = 8; other < 18; other++) { // pushes it out
          host.write((long) other * PAGE, MemorySegment.ofArray(Rig.pattern(other, PAGE)));
        }
      }
      written.countDown();
      reader.join();
      assertEquals(0, strange.get(), "a frame's former contents were seen");
      assertEquals(null, thrown.get());
    }
  }

  @Test
  void shouldLeaveThePageAloneWhenTheSourceCannotBeRead() throws Exception {
    try (MemorySystem system = rig.system(64, 8);
        Arena mine = Arena.ofConfined()) {
      Rig.write(system, 1, 0, Rig.pattern(1, PAGE));
      system.wbinvd();
      MemorySegment foreign = mine.allocate(PAGE);
      AtomicReference<Throwable> thrown = new AtomicReference<>();
      for (int i = 0; i < 20; i++) { // more often than there are frames
        Thread other =
            Thread.ofPlatform()
                .start(() ->
                    thrown.set(
                        assertThrows(
                            RuntimeException.class, () -> system.view(1).write(0, foreign))));
        other.join();
        assertTrue(thrown.get() instanceof WrongThreadException, String.valueOf(thrown.get()));
      }
      assertArrayEquals(Rig.pattern(1, PAGE), Rig.read(system, 1, 0, PAGE));
      Rig.write(system, 1, 0, Rig.pattern(2, 10 * PAGE));
      assertArrayEquals(Rig.pattern(2, 10 * PAGE), Rig.read(system, 1, 0, 10 * PAGE));
    }
  }
}
