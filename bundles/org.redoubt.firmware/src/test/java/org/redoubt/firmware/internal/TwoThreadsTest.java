package org.redoubt.firmware.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TwoThreadsTest {
  private static final int PIECE = TwoThreads.PIECE_BYTES;

  @ParameterizedTest
  @CsvSource({
    // spa, length
    "0, 16",
    "4080, 131072",
    "0, 262144",
    "16, 262144",
    "131056, 4194304",
    "0, 4194304",
    "8589869056, 1048592",
  })
  void shouldDoBothThingsToEveryByteInOrder(long spa, int length) {
    byte[] bytes = new byte[length];
    new Random(1).nextBytes(bytes);
    byte[] out = new byte[length];
    byte[][] ring = new byte[TwoThreads.RING][PIECE];
    AtomicLong next = new AtomicLong();
    TwoThreads.relay(
        spa,
        length,
        (at, count) -> {
          assertTrue((spa + at + count) % PIECE == 0 || at + count == length, "ends of pieces");
          System.arraycopy(bytes, (int) at, ring[TwoThreads.slot(spa, at)], 0, count);
        },
        (at, count) -> {
          assertEquals(next.getAndAdd(count), at);
          System.arraycopy(ring[TwoThreads.slot(spa, at)], 0, out, (int) at, count);
        });
    assertArrayEquals(bytes, out);
    byte[] shared = new byte[length];
    TwoThreads.share(
        spa,
        length,
        (at, count) -> {
          for (long i = at; i < at + count; i++) {
            shared[(int) i] += (byte) (bytes[(int) i] + 1);
          }
        });
    for (int i = 0; i < length; i++) {
      assertEquals((byte) (bytes[i] + 1), shared[i], "once each");
    }
  }

  @Test
  void shouldStopBothWhenEitherFails() {
    int length = 64 * PIECE;
    AtomicLong second = new AtomicLong();
    TwoThreads.Step failing =
        (at, count) -> {
          if (at == 3 * PIECE) {
            throw new IllegalStateException("fails");
          }
        };
    assertThrows(
        IllegalStateException.class,
        () -> TwoThreads.relay(0, length, failing, (at, count) -> second.addAndGet(count)));
    assertTrue(second.get() <= 3 * PIECE);
    AtomicLong first = new AtomicLong();
    assertThrows(
        IllegalStateException.class,
        () -> TwoThreads.relay(0, length, (at, count) -> first.addAndGet(count), failing));
    assertTrue(first.get() <= (3L + TwoThreads.RING) * PIECE);
    for (long at : new long[] {0, length - PIECE}) {
      assertThrows(
          StackOverflowError.class,
          () ->
              TwoThreads.share(
                  0,
                  length,
                  (now, count) -> {
                    if (now == at) {
                      throw new StackOverflowError();
                    }
                  }));
    }
  }

  @Test
  void shouldEndWhatItBeganWhenInterrupted() {
    AtomicLong done = new AtomicLong();
    Thread.currentThread().interrupt();
    TwoThreads.relay(0, 16 * PIECE, (at, count) -> {}, (at, count) -> done.addAndGet(count));
    assertTrue(Thread.interrupted(), "the interrupt is still there");
    assertEquals(16 * PIECE, done.get());
  }
}
