package org.redoubt.crypto.memory;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.crypto.Leftovers;
import org.redoubt.crypto.hostcode.HostCode;

/**
 * Looks for keys on the stack of a thread that has run a cipher while another one stopped it again
 * and again, so that the JVM put its registers there.
 */
class LeftoversTest {
  private static final ValueLayout.OfLong BIG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final int ROUNDS = 8;
  private static final long ROUND_MS = 100;

  /** As long as it may take until an unmended cipher leaves something: it takes one or two. */
  private static final int MANY_ROUNDS = 300;

  /** Often enough that interpreted and compiled code come to the end of it. */
  private static final int TIMES_USED_UP = 200;

  private static final int STACK_BYTES = 512 << 10;

  /** Who ciphers. */
  enum Cipher {
    XEX_BY_HOST_CODE(key -> new AddressTweakedAes(key, AddressTweakedAes.Mode.XEX, true)),
    XEX_BY_JDK(key -> new AddressTweakedAes(key, AddressTweakedAes.Mode.XEX, false)),
    XTS(key -> new TweakedCipher(() -> new JceAes(key), () -> new XtsTweak(new JceAes(key)), true));

    private final Function<byte[], PageCipher> make;

    Cipher(Function<byte[], PageCipher> make) {
      this.make = make;
    }
  }

  /** What is used, and what is used up. */
  private record Use(Consumer<MemorySegment[]> work, Runnable close) {}

  @ParameterizedTest
  @EnumSource
  void shouldLeaveNoRoundKeysOnAThreadsStack(Cipher cipher) throws Throwable {
    assumeTrue(HostCode.features().containsAll(List.of("aes", "avx")));
    for (int round = 0; round < ROUNDS; round++) {
      int bytes = round % 2 == 0 ? 32 : 4096;
      int found =
          leftBy(key -> {
            PageCipher c = cipher.make.apply(key);
            return new Use(
                m -> {
                  c.encrypt(0x5000, m[0].asSlice(0, bytes), m[1].asSlice(0, bytes));
                  c.decrypt(0x5000, m[1].asSlice(0, bytes), m[0].asSlice(0, bytes));
                },
                c::close);
          });
      assertEquals(0, found, "pieces of keys on the stack, round " + round);
    }
  }

  /** Else the test above could not fail. */
  @Test
  void shouldFindRoundKeysThatTheJdkLeavesBehind() throws Throwable {
    assumeTrue(HostCode.features().containsAll(List.of("aes", "avx")));
    int found = 0;
    for (int round = 0; found == 0 && round < MANY_ROUNDS; round++) {
      found =
          leftBy(key -> {
            JceAes aes = new JceAes(key);
            byte[] in = new byte[32];
            byte[] out = new byte[32];
            return new Use(
                m -> {
                  aes.encrypt(in, 32, out);
                  aes.decrypt(out, 32, in);
                },
                aes::clear);
          });
    }
    assertTrue(found > 0, "not once in " + MANY_ROUNDS + " rounds");
  }

  /** At any depth, the guard pages included: a crash of the process would be the failure. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void shouldKeepOffGuardPagesWhenTheStackIsUsedUp(boolean virtual) throws Exception {
    AtomicLong depth = new AtomicLong();
    AtomicReference<Throwable> end = new AtomicReference<>();
    Runnable work =
        () -> {
          for (int i = 0; i < TIMES_USED_UP; i++) {
            try {
              deeper(depth);
            } catch (Throwable e) {
              end.set(e);
              if (!(e instanceof StackOverflowError)) {
                return;
              }
            }
          }
        };
    (virtual
            ? Thread.ofVirtual().start(work)
            : Thread.ofPlatform().stackSize(STACK_BYTES).start(work))
        .join();
    assertInstanceOf(StackOverflowError.class, end.get());
    assertTrue(depth.get() > TIMES_USED_UP, "never called");
  }

  private static void deeper(AtomicLong depth) {
    Leftovers.clear(Leftovers.OF_A_COMMAND);
    if (depth.incrementAndGet() < Long.MAX_VALUE) {
      deeper(depth);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, Leftovers.OF_A_COMMAND + 1})
  void shouldRefuseMoreStackThanIsSafe(int bytes) {
    assertThrows(IllegalArgumentException.class, () -> Leftovers.clear(bytes));
  }

  /** How many pieces of a key or of its schedules are on the stack of a thread that used it. */
  private static int leftBy(Function<byte[], Use> maker) throws Throwable {
    byte[] key = new byte[16];
    new Random(System.nanoTime()).nextBytes(key);
    List<long[]> pieces = pieces(key);
    ExecutorService thread = Executors.newSingleThreadExecutor();
    AtomicLong number = new AtomicLong();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment[] pages = {arena.allocate(4096, 64), arena.allocate(4096, 64)};
      CountDownLatch done = new CountDownLatch(1);
      Future<?> running =
          thread.submit(() -> {
            number.set(threadNumber());
            Use use = maker.apply(key.clone());
            long end = System.nanoTime() + ROUND_MS * 1_000_000;
            while (System.nanoTime() < end) {
              use.work.accept(pages);
            }
            use.close.run();
            done.countDown();
          });
      while (done.getCount() > 0 && !running.isDone()) {
        Thread.getAllStackTraces();
      }
      running.get();
      return count(pieces, number.get());
    } finally {
      thread.shutdown();
    }
  }

  private static long threadNumber() {
    try {
      return Long.parseLong(
          String.valueOf(Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName()));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Round keys of both schedules, as they are in registers: two longs each. */
  private static List<long[]> pieces(byte[] key) throws Throwable {
    MethodHandle expand =
        HostCode.link(
            new Linker.Option[0],
            new HostCode.Routine(
                VaesCode.expand(), FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS)))[0];
    List<long[]> out = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment passing = arena.allocate(16).copyFrom(MemorySegment.ofArray(key));
      MemorySegment schedules = arena.allocate(2 * 11 * 16);
      expand.invokeExact(passing, schedules, schedules.asSlice(11 * 16));
      for (int at = 0; at < schedules.byteSize(); at += 16) {
        out.add(new long[] {schedules.get(BIG, at), schedules.get(BIG, at + 8)});
      }
    }
    return out;
  }

  private static int count(List<long[]> pieces, long thread) throws Exception {
    byte[] stack = stack(thread);
    ByteBuffer b = ByteBuffer.wrap(stack);
    int found = 0;
    for (int i = 0; i + 16 <= stack.length; i++) {
      long first = b.getLong(i);
      for (long[] p : pieces) {
        if (first == p[0] && b.getLong(i + 8) == p[1]) {
          found++;
        }
      }
    }
    return found;
  }

  /** The mapping that holds the stack of a thread, once that waits. */
  private static byte[] stack(long thread) throws Exception {
    while (true) {
      String[] call =
          Files.readString(Path.of("/proc/self/task/" + thread + "/syscall"))
              .strip()
              .split(" ", -1);
      if (call.length > 3) { // number, arguments, stack pointer, program counter
        return mapping(Long.parseUnsignedLong(call[call.length - 2].substring(2), 16));
      }
      Thread.onSpinWait();
    }
  }

  private static byte[] mapping(long address) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
      long from = Long.parseUnsignedLong(range[0], 16);
      long until = Long.parseUnsignedLong(range[1], 16);
      if (from <= address && address < until) {
        ByteBuffer bytes = ByteBuffer.allocate((int) (until - from));
        try (FileChannel memory = FileChannel.open(Path.of("/proc/self/mem"))) {
          while (bytes.hasRemaining() && memory.read(bytes, from + bytes.position()) > 0) {}
        }
        return bytes.array();
      }
    }
    throw new AssertionError("No mapping at " + Long.toHexString(address));
  }
}
