package org.redoubt.testkit.encryption;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * The exam of a {@link MemoryEncryptionEngine}: extend it, supply the factory. An engine that is
 * less than it asks for says so in {@link #claims()}; nothing is skipped. If a bug slips through,
 * improve this exam first.
 */
@Timeout(300)
public abstract class MemoryEncryptionEngineContract {
  private static final int BLOCK = MemoryEncryptionEngine.BLOCK_BYTES;
  private static final int PAGE = 4096;
  private static final int THREADS = 8;

  /** The first ones are the JVM's warm-up. */
  private static final int MEASUREMENTS = 4;

  /** Bytes that no call may touch, around every result. */
  private static final int MARGIN = 64;

  private static final byte CANARY = (byte) 0xA5;

  /** Addresses of pages: the first, the last, one with few bits, one with many. */
  private static final long[] PAGES = {0, 0x1000, 0x7_5A5A_3000L, (1L << 52) - 4 * PAGE};

  private final List<MemoryEncryptionEngine> open = new ArrayList<>();

  /** Makes the factory under test; called once per test or more often. */
  protected abstract MemoryEncryptionEngineFactory factory();

  /** What the engine claims: everything, unless overridden. */
  protected Set<EngineClaim> claims() {
    return EnumSet.allOf(EngineClaim.class);
  }

  /** The answers that the engine must give: none, unless overridden. See {@link KnownAnswer#of}. */
  protected List<KnownAnswer> knownAnswers() {
    return List.of();
  }

  /** How long threads work side by side, and each measurement takes, in nanoseconds. */
  long patienceNs() {
    return 300_000_000L;
  }

  @AfterEach
  final void closeEngines() {
    open.forEach(MemoryEncryptionEngine::close);
    open.clear();
  }

  // Keys

  @Test
  final void shouldStateOneKeyLength() {
    int keyBytes = factory().keyBytes();
    assertTrue(keyBytes >= 0 && keyBytes <= 64, "keyBytes() is " + keyBytes + ", not in 0 to 64");
    MemoryEncryptionEngineFactory factory = factory();
    engine(factory, key(1));
    assertEquals(keyBytes, factory.keyBytes(), "keyBytes() changed");
  }

  @Test
  final void shouldRefuseAKeyOfAnotherLength() {
    int right = factory().keyBytes();
    for (int wrong : new int[] {0, 1, 15, 17, right - 1, right + 1, 2 * right, 65, 4096}) {
      if (wrong < 0 || wrong == right) {
        continue;
      }
      MemorySegment key = MemorySegment.ofArray(new byte[wrong]);
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> engine(factory(), key),
              () -> "a key of " + wrong + " bytes was taken, the engine needs " + right);
      String message = String.valueOf(refusal.getMessage());
      assertTrue(
          message.matches("(?s).*\\b" + right + "\\b.*")
              && message.matches("(?s).*\\b" + wrong + "\\b.*"),
          "the refusal must name " + right + " and " + wrong + ": " + message);
    }
  }

  @Test
  final void shouldTakeACopyOfTheKey() {
    MemoryEncryptionEngine expected = engine(key(1));
    MemoryEncryptionEngine engine;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment key = arena.allocate(Math.max(1, factory().keyBytes()));
      key = key.asSlice(0, factory().keyBytes()).copyFrom(key(1));
      engine = engine(factory(), key.asReadOnly());
      key.fill((byte) 0);
    }
    byte[] plain = random(PAGE, 2);
    assertArrayEquals(
        encrypt(expected, 0x5000, plain),
        encrypt(engine, 0x5000, plain),
        "the key was cleared by its owner after create(), and the engine lost it");
  }

  @Test
  final void shouldGiveUnrelatedBytesUnderAnotherKey() {
    byte[] plain = random(PAGE, 3);
    byte[] first = encrypt(engine(key(1)), 0x5000, plain);
    if (!claims().contains(EngineClaim.CONFIDENTIAL)) {
      assertArrayEquals(plain, decrypt(engine(key(1)), 0x5000, first), "same key, other engine");
      return;
    }
    assertNearHalf(first, plain, "ciphertext and plaintext");
    for (int bit = 0; bit < 8 * factory().keyBytes(); bit++) {
      MemorySegment other = key(1);
      int at = bit / 8;
      other.set(
          ValueLayout.JAVA_BYTE,
          at,
          (byte) (other.get(ValueLayout.JAVA_BYTE, at) ^ 1 << (bit % 8)));
      MemoryEncryptionEngine engine = factory().create(other);
      assertNearHalf(first, encrypt(engine, 0x5000, plain), "keys that differ in bit " + bit);
      engine.close();
    }
  }

  @Test
  final void shouldForgetItsKeyWhenClosed() {
    MemoryEncryptionEngine other = engine(key(1));
    byte[] plain = random(PAGE, 4);
    byte[] before = encrypt(other, 0x5000, plain);
    MemoryEncryptionEngine engine = factory().create(key(1));
    assertArrayEquals(before, encrypt(engine, 0x5000, plain));
    engine.close();
    assertArrayEquals(
        before,
        encrypt(other, 0x5000, plain),
        "closing one engine changed another of the same key");
    if (claims().contains(EngineClaim.CONFIDENTIAL)) {
      try {
        assertFalse(
            Arrays.equals(before, encrypt(engine, 0x5000, plain)),
            "closed, the engine still encrypts under its key: it was not cleared");
      } catch (RuntimeException expected) {
        // Refusing is the best answer.
      }
    }
  }

  // Bytes

  @Test
  final void shouldDecryptWhatItEncrypted() {
    MemoryEncryptionEngine engine = engine(key(1));
    for (long page : PAGES) {
      for (int offset : new int[] {0, 16, 2032, 4080}) {
        for (int bytes : new int[] {0, 16, 32, 48, 256, 4080, 4096, 4112, 8192, 12272}) {
          if (bytes == 12272 && offset > 16) {
            continue; // past the end of the address space on the last page
          }
          byte[] plain = random(bytes, offset + bytes);
          byte[] cipher = encrypt(engine, page + offset, plain);
          assertArrayEquals(
              plain,
              decrypt(engine, page + offset, cipher),
              () -> "%d bytes at spa %xh".formatted(bytes, page + offset));
        }
      }
    }
  }

  @Test
  final void shouldWorkOnSegmentsOfAnyKind() {
    MemoryEncryptionEngine engine = engine(key(1));
    byte[] plain = random(PAGE, 5);
    byte[] expected = encrypt(engine, 0x5000, plain);
    try (Arena confined = Arena.ofConfined();
        Arena shared = Arena.ofShared()) {
      for (MemorySegment from : places(confined, shared)) {
        for (MemorySegment to : places(confined, shared)) {
          from.copyFrom(MemorySegment.ofArray(plain));
          engine.encrypt(0x5000, from.asReadOnly(), to);
          assertArrayEquals(
              expected, bytes(to), () -> "encrypt from " + from + " to " + to + " differs");
          from.fill((byte) 0);
          engine.decrypt(0x5000, to.asReadOnly(), from);
          assertArrayEquals(plain, bytes(from), () -> "decrypt from " + to + " to " + from);
        }
      }
    }
  }

  @Test
  final void shouldGiveTheSameBytesOnAndOffTheHeap() {
    MemoryEncryptionEngine engine = engine(key(1));
    Random random = new Random(13);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(4 * PAGE, PAGE);
      MemorySegment to = arena.allocate(4 * PAGE, PAGE);
      for (int round = 0; round < 300; round++) {
        int bytes = BLOCK * random.nextInt(3 * PAGE / BLOCK);
        if (round % 3 == 0) {
          bytes = PAGE;
        }
        long spa = random.nextLong(1L << 52 - 15) * (round % 2 == 0 ? PAGE : BLOCK);
        byte[] plain = random(bytes, round);
        MemorySegment source = from.asSlice(random.nextInt(PAGE), bytes);
        MemorySegment target = to.asSlice(random.nextInt(PAGE), bytes);
        String what = "%d bytes at spa %xh".formatted(bytes, spa);
        source.copyFrom(MemorySegment.ofArray(plain));
        engine.encrypt(spa, source, target);
        assertArrayEquals(encrypt(engine, spa, plain), bytes(target), () -> "encrypt " + what);
        source.fill((byte) 0);
        engine.decrypt(spa, target, source);
        assertArrayEquals(plain, bytes(source), () -> "decrypt " + what);
      }
    }
  }

  /** A page in native memory and in arrays, aligned and not. */
  private static List<MemorySegment> places(Arena confined, Arena shared) {
    return List.of(
        confined.allocate(PAGE, PAGE),
        shared.allocate(PAGE + 1, 64).asSlice(1),
        MemorySegment.ofArray(new byte[PAGE]),
        MemorySegment.ofArray(new byte[PAGE + 3]).asSlice(3),
        MemorySegment.ofArray(new long[PAGE / 8]));
  }

  @Test
  final void shouldGiveTheKnownAnswers(TestReporter reporter) {
    for (KnownAnswer answer : knownAnswers()) {
      MemoryEncryptionEngine engine =
          engine(factory(), MemorySegment.ofArray(answer.key().clone()));
      assertArrayEquals(
          answer.cipher(), encrypt(engine, answer.spa(), answer.plain()), "encrypt: " + answer);
      assertArrayEquals(
          answer.plain(), decrypt(engine, answer.spa(), answer.cipher()), "decrypt: " + answer);
    }
    reporter.publishEntry("known answers given", String.valueOf(knownAnswers().size()));
  }

  @Test
  final void shouldGiveUnrelatedBytesAtAnotherAddress() {
    MemoryEncryptionEngine engine = engine(key(1));
    byte[] plain = random(PAGE, 6);
    long spa = 0x5A5A_5A5A_5000L;
    byte[] here = encrypt(engine, spa, plain);
    for (int bit = 12; bit < 52; bit++) {
      long there = spa ^ 1L << bit;
      byte[] cipher = encrypt(engine, there, plain);
      assertArrayEquals(plain, decrypt(engine, there, cipher));
      if (claims().contains(EngineClaim.ADDRESS_BOUND)) {
        assertNearHalf(here, cipher, "pages whose addresses differ in bit " + bit);
      }
    }
    if (claims().contains(EngineClaim.ADDRESS_BOUND)) {
      byte[] zeros = encrypt(engine, spa, new byte[PAGE]);
      for (int a = 0; a < PAGE; a += BLOCK) {
        for (int b = a + BLOCK; b < PAGE; b += BLOCK) {
          assertFalse(
              Arrays.equals(zeros, a, a + BLOCK, zeros, b, b + BLOCK),
              "a page of zeros has the same ciphertext at offsets " + a + " and " + b);
        }
      }
    }
  }

  @Test
  final void shouldGarbleExactlyTheBlockOfAFlippedBit() {
    MemoryEncryptionEngine engine = engine(key(1));
    byte[] plain = random(PAGE, 7);
    byte[] cipher = encrypt(engine, 0x5000, plain);
    int changedBits = 0;
    int flips = 0;
    for (int block : new int[] {0, 1, 100, 255}) {
      for (int bit = 0; bit < 8 * BLOCK; bit++) {
        byte[] flipped = cipher.clone();
        flipped[block * BLOCK + bit / 8] ^= (byte) (1 << (bit % 8));
        byte[] garbled = decrypt(engine, 0x5000, flipped);
        int from = block * BLOCK;
        int to = from + BLOCK;
        String where = "bit " + bit + " of block " + block + " of the ciphertext was flipped";
        assertTrue(
            Arrays.equals(plain, 0, from, garbled, 0, from)
                && Arrays.equals(plain, to, PAGE, garbled, to, PAGE),
            where + ", and another block's plaintext changed");
        int distance = distance(plain, garbled, from, to);
        assertTrue(distance > 0, where + ", and its plaintext did not change");
        changedBits += distance;
        flips++;
      }
    }
    if (claims().contains(EngineClaim.DIFFUSING)) {
      double share = changedBits / (8.0 * BLOCK * flips);
      assertTrue(
          share > 0.47 && share < 0.53,
          "a flipped bit changes %.1f %% of its block, not about half".formatted(100 * share));
    }
  }

  @Test
  final void shouldTreatEachBlockForItself() {
    MemoryEncryptionEngine engine = engine(key(1));
    int total = 3 * PAGE;
    byte[] plain = random(total, 8);
    long spa = 0x7_5A5A_3010L;
    byte[] whole = encrypt(engine, spa, plain);
    for (int piece : new int[] {16, 48, 112, 1024, 4096, 4112}) {
      for (int at = 0; at < total; at += piece) {
        int end = Math.min(total, at + piece);
        int from = at;
        assertArrayEquals(
            Arrays.copyOfRange(whole, at, end),
            encrypt(engine, spa + at, Arrays.copyOfRange(plain, at, end)),
            () -> "pieces of " + piece + " bytes give other ciphertext than one call, at " + from);
        assertArrayEquals(
            Arrays.copyOfRange(plain, at, end),
            decrypt(engine, spa + at, Arrays.copyOfRange(whole, at, end)),
            () -> "pieces of " + piece + " bytes give other plaintext than one call, at " + from);
      }
    }
  }

  @Test
  final void shouldKeepNoStateBetweenCalls() {
    MemoryEncryptionEngine engine = engine(key(1));
    byte[] plain = random(PAGE, 9);
    byte[] first = encrypt(engine, 0x5000, plain);
    Random random = new Random(10);
    for (int round = 0; round < 200; round++) {
      long spa = random.nextLong(1L << 40) & -BLOCK;
      byte[] noise = random(BLOCK * random.nextInt(300), round);
      if (random.nextBoolean()) {
        encrypt(engine, spa, noise);
      } else {
        decrypt(engine, spa, noise);
      }
      assertArrayEquals(
          first, encrypt(engine, 0x5000, plain), "other calls in between changed the ciphertext");
      assertArrayEquals(
          plain, decrypt(engine, 0x5000, first), "other calls in between changed the plaintext");
    }
    assertArrayEquals(
        first, encrypt(engine(key(1)), 0x5000, plain), "another engine of the same key differs");
  }

  @Test
  final void shouldWorkForManyThreadsAtOnce() throws InterruptedException {
    try (Arena arena = Arena.ofShared()) {
      workAtOnce(engine(key(1)), arena);
    }
  }

  private void workAtOnce(MemoryEncryptionEngine engine, Arena arena) throws InterruptedException {
    MemorySegment[] plains = new MemorySegment[THREADS];
    MemorySegment[] ciphers = new MemorySegment[THREADS];
    for (int i = 0; i < THREADS; i++) {
      byte[] plain = random(PAGE, 100 + i);
      plains[i] = arena.allocate(PAGE, PAGE).copyFrom(MemorySegment.ofArray(plain));
      ciphers[i] =
          arena
              .allocate(PAGE, PAGE)
              .copyFrom(MemorySegment.ofArray(encrypt(engine, spaOf(i), plain)));
    }
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      int me = i;
      Runnable work =
          () -> {
            try {
              start.await();
              MemorySegment result = arena.allocate(PAGE, PAGE);
              long end = System.nanoTime() + patienceNs();
              do {
                engine.encrypt(spaOf(me), plains[me], result);
                if (result.mismatch(ciphers[me]) >= 0) {
                  fail("encrypt gives other bytes with other threads at work");
                }
                engine.decrypt(spaOf(me), ciphers[me], result);
                if (result.mismatch(plains[me]) >= 0) {
                  fail("decrypt gives other bytes with other threads at work");
                }
              } while (System.nanoTime() - end < 0 && failures.isEmpty());
            } catch (Throwable t) {
              failures.add(t);
            }
          };
      threads.add(Thread.ofPlatform().name("contract-" + i).start(work));
    }
    start.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    if (!failures.isEmpty()) {
      fail(failures.size() + " of " + THREADS + " threads failed", failures.element());
    }
  }

  private static long spaOf(int thread) {
    return 0x10_0000L * (thread + 1);
  }

  // Bounds

  @Test
  final void shouldWriteNothingOutsideItsSegments() {
    MemoryEncryptionEngine engine = engine(key(1));
    for (int bytes : new int[] {16, 48, 4080, 4096, 4112}) {
      byte[] plain = random(bytes, bytes);
      try (Arena arena = Arena.ofConfined()) {
        List<MemorySegment> heap =
            List.of(
                MemorySegment.ofArray(new byte[bytes + 2 * MARGIN]),
                MemorySegment.ofArray(new byte[bytes + 2 * MARGIN]));
        List<MemorySegment> offHeap =
            List.of(
                arena.allocate(bytes + 2L * MARGIN, 16), arena.allocate(bytes + 2L * MARGIN, 16));
        for (List<MemorySegment> pair : List.of(heap, offHeap)) {
          MemorySegment from = pair.get(0).fill(CANARY);
          MemorySegment to = pair.get(1).fill(CANARY);
          MemorySegment inner = from.asSlice(MARGIN, bytes).copyFrom(MemorySegment.ofArray(plain));
          engine.encrypt(0x5000, inner, to.asSlice(MARGIN, bytes));
          assertMargins(to, "encrypt", bytes);
          assertMargins(from, "encrypt, in its source,", bytes);
          assertArrayEquals(plain, bytes(inner), "encrypt changed the plaintext it was given");
          byte[] cipher = bytes(to.asSlice(MARGIN, bytes));
          inner.fill((byte) 0);
          engine.decrypt(0x5000, to.asSlice(MARGIN, bytes), inner);
          assertMargins(from, "decrypt", bytes);
          assertMargins(to, "decrypt, in its source,", bytes);
          assertArrayEquals(
              cipher,
              bytes(to.asSlice(MARGIN, bytes)),
              "decrypt changed the ciphertext it was given");
        }
      }
    }
  }

  private static void assertMargins(MemorySegment segment, String what, int bytes) {
    for (int i = 0; i < MARGIN; i++) {
      int before = MARGIN - 1 - i;
      long after = segment.byteSize() - MARGIN + i;
      assertEquals(
          CANARY,
          segment.get(ValueLayout.JAVA_BYTE, before),
          () -> what + " wrote before the start of a range of " + bytes + " bytes");
      assertEquals(
          CANARY,
          segment.get(ValueLayout.JAVA_BYTE, after),
          () -> what + " wrote past the end of a range of " + bytes + " bytes");
    }
  }

  @Test
  final void shouldRefuseRangesThatAreNotWholeBlocks() {
    MemoryEncryptionEngine engine = engine(key(1));
    byte[] plain = random(PAGE, 11);
    byte[] expected = encrypt(engine, 0x5000, plain);
    MemorySegment from = MemorySegment.ofArray(plain);
    long end = MemoryEncryptionEngine.SPA_LIMIT;
    MemorySegment page = MemorySegment.ofArray(new byte[PAGE]);
    assertRefused(engine, 0x5001, from, page, "an address that is no multiple of 16");
    assertRefused(engine, 0x5008, from, page, "an address that is no multiple of 16");
    assertRefused(engine, -PAGE, from, page, "a negative address");
    assertRefused(engine, end, from, page, "an address past 2^52");
    assertRefused(engine, end - PAGE + 16, from, page, "a range that ends past 2^52");
    for (int odd : new int[] {1, 8, 15, 17, 4095}) {
      MemorySegment slice = from.asSlice(0, odd);
      assertRefused(engine, 0x5000, slice, page.asSlice(0, odd), "a length of " + odd + " bytes");
    }
    MemorySegment longer = MemorySegment.ofArray(new byte[PAGE + 16]);
    assertRefused(engine, 0x5000, from, longer, "a destination that is longer than the source");
    assertRefused(engine, 0x5000, from, page.asSlice(16), "a destination that is shorter");
    assertArrayEquals(
        expected, encrypt(engine, 0x5000, plain), "after refusals, the ciphertext is another");
  }

  @Test
  final void shouldRefuseSegmentsThatOverlap() {
    MemoryEncryptionEngine engine = engine(key(1));
    try (Arena arena = Arena.ofConfined()) {
      for (MemorySegment room :
          List.of(arena.allocate(3 * PAGE, PAGE), MemorySegment.ofArray(new byte[3 * PAGE]))) {
        for (int shift : new int[] {-PAGE + 1, -16, 0, 16, 2048, PAGE - 1}) {
          MemorySegment from = room.asSlice(PAGE, PAGE);
          assertRefused(
              engine, 0x5000, from, room.asSlice(PAGE + shift, PAGE), "a shift of " + shift);
        }
        engine.encrypt(0x5000, room.asSlice(0, PAGE), room.asSlice(PAGE, PAGE));
        engine.encrypt(0x5000, room.asSlice(2 * PAGE, PAGE), room.asSlice(PAGE, PAGE));
      }
    }
  }

  private static void assertRefused(
      MemoryEncryptionEngine engine, long spa, MemorySegment from, MemorySegment to, String what) {
    byte[] before = bytes(to);
    assertThrows(
        IllegalArgumentException.class,
        () -> engine.encrypt(spa, from, to),
        () -> "encrypt took " + what);
    assertThrows(
        IllegalArgumentException.class,
        () -> engine.decrypt(spa, from, to),
        () -> "decrypt took " + what);
    assertArrayEquals(before, bytes(to), () -> "something was written in spite of " + what);
  }

  // Cost

  /** Reports the best GB/s of both directions over 64 pages off the heap; one thread. */
  @Test
  final void shouldReportItsThroughput(TestReporter reporter) {
    int pages = 64;
    MemoryEncryptionEngine engine = engine(key(1));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment plain = arena.allocate((long) pages * PAGE, PAGE);
      MemorySegment cipher = arena.allocate((long) pages * PAGE, PAGE);
      MemorySegment.copy(
          random(pages * PAGE, 12), 0, plain, ValueLayout.JAVA_BYTE, 0, pages * PAGE);
      MemorySegment[] plains = plain.elements(pageLayout()).toArray(MemorySegment[]::new);
      MemorySegment[] ciphers = cipher.elements(pageLayout()).toArray(MemorySegment[]::new);
      double encrypt = 0;
      double decrypt = 0;
      for (int i = 0; i < MEASUREMENTS; i++) {
        encrypt = Math.max(encrypt, run(engine, plains, ciphers, true));
        decrypt = Math.max(decrypt, run(engine, ciphers, plains, false));
      }
      long allocated = allocatedPerCall(engine, plains, ciphers);
      String kind = factory().getClass().getSimpleName();
      reporter.publishEntry("encrypt GB/s", "%.2f".formatted(encrypt));
      reporter.publishEntry("decrypt GB/s", "%.2f".formatted(decrypt));
      reporter.publishEntry("allocated bytes per page", String.valueOf(allocated));
      System.out.printf(
          "%s: encrypt %.2f GB/s, decrypt %.2f GB/s, %d bytes allocated per page%n",
          kind, encrypt, decrypt, allocated);
      assertTrue(encrypt > 0 && decrypt > 0, "no page in " + patienceNs() + " ns");
      if (claims().contains(EngineClaim.ALLOCATION_FREE)) {
        assertTrue(allocated < 16, "a call allocates " + allocated + " bytes");
      }
    }
  }

  private static java.lang.foreign.MemoryLayout pageLayout() {
    return java.lang.foreign.MemoryLayout.sequenceLayout(PAGE, ValueLayout.JAVA_BYTE);
  }

  private double run(
      MemoryEncryptionEngine engine, MemorySegment[] from, MemorySegment[] to, boolean encrypt) {
    long start = System.nanoTime();
    long bytes = 0;
    long now;
    do {
      pass(engine, from, to, encrypt);
      bytes += (long) from.length * PAGE;
      now = System.nanoTime();
    } while (now - start < patienceNs());
    return (double) bytes / (now - start);
  }

  private static void pass(
      MemoryEncryptionEngine engine, MemorySegment[] from, MemorySegment[] to, boolean encrypt) {
    for (int i = 0; i < from.length; i++) {
      if (encrypt) {
        engine.encrypt((long) i * PAGE, from[i], to[i]);
      } else {
        engine.decrypt((long) i * PAGE, from[i], to[i]);
      }
    }
  }

  /** Bytes per call of what the calling thread allocates; 0 where the JVM cannot tell. */
  private static long allocatedPerCall(
      MemoryEncryptionEngine engine, MemorySegment[] plains, MemorySegment[] ciphers) {
    if (!(ManagementFactory.getThreadMXBean() instanceof com.sun.management.ThreadMXBean threads)) {
      return 0;
    }
    int rounds = 20;
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < rounds; i++) {
      pass(engine, plains, ciphers, true);
      pass(engine, ciphers, plains, false);
    }
    long after = threads.getCurrentThreadAllocatedBytes();
    return (after - before) / (2L * rounds * plains.length);
  }

  // Tools

  private MemoryEncryptionEngine engine(MemorySegment key) {
    return engine(factory(), key);
  }

  private MemoryEncryptionEngine engine(MemoryEncryptionEngineFactory factory, MemorySegment key) {
    MemoryEncryptionEngine engine = factory.create(key);
    open.add(engine);
    return engine;
  }

  private MemorySegment key(long seed) {
    return MemorySegment.ofArray(random(factory().keyBytes(), seed));
  }

  private static byte[] random(int bytes, long seed) {
    byte[] result = new byte[bytes];
    new Random(seed).nextBytes(result);
    return result;
  }

  private static byte[] bytes(MemorySegment segment) {
    return segment.toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] encrypt(MemoryEncryptionEngine engine, long spa, byte[] plain) {
    byte[] cipher = new byte[plain.length];
    engine.encrypt(spa, MemorySegment.ofArray(plain), MemorySegment.ofArray(cipher));
    return cipher;
  }

  private static byte[] decrypt(MemoryEncryptionEngine engine, long spa, byte[] cipher) {
    byte[] plain = new byte[cipher.length];
    engine.decrypt(spa, MemorySegment.ofArray(cipher), MemorySegment.ofArray(plain));
    return plain;
  }

  /**
   * Half of the bits of unrelated pages differ, give or take: of 32,768 bits 3 % are eleven
   * standard deviations.
   */
  private static void assertNearHalf(byte[] a, byte[] b, String what) {
    double share = distance(a, b, 0, a.length) / (8.0 * a.length);
    assertTrue(
        share > 0.47 && share < 0.53,
        () -> "%s: %.1f %% of the bits differ, not about half".formatted(what, 100 * share));
  }

  private static int distance(byte[] a, byte[] b, int from, int to) {
    int bits = 0;
    for (int i = from; i < to; i++) {
      bits += Integer.bitCount((a[i] ^ b[i]) & 0xFF);
    }
    return bits;
  }
}
