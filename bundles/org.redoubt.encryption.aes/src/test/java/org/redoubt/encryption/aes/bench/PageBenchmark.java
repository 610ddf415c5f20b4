package org.redoubt.encryption.aes.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.redoubt.api.encryption.MemoryEncryptionEngine;

/**
 * Time of one page of 4,096 bytes, from one place off the heap to another, as a fill or an eviction
 * does it; and of a plain copy, to compare. {@code workingSetKiB} is how much memory the pages come
 * from: 8 stays in the first-level cache, 524288 misses every cache.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(value = 2, jvmArgs = "--enable-native-access=ALL-UNNAMED")
public class PageBenchmark {
  private static final int PAGE = 4096;

  @Param({"aes-128-xex", "aes-128-xe", "aes-256-xts"})
  public String engine = "";

  @Param({"8", "524288"})
  public int workingSetKiB;

  private MemoryEncryptionEngine cipher = new NoEngine();
  private MemorySegment from = MemorySegment.NULL;
  private MemorySegment to = MemorySegment.NULL;
  private long pages;
  private long next;

  @Setup
  public void setUp() {
    cipher = Engines.create(engine);
    pages = Math.max(1, workingSetKiB / 8);
    from = Arena.ofAuto().allocate(pages * PAGE, PAGE).fill((byte) 1);
    to = Arena.ofAuto().allocate(pages * PAGE, PAGE).fill((byte) 2);
  }

  /** Goes through all pages in an order that no prefetcher follows. */
  private long offset() {
    next = (next + 7919) % pages;
    return next * PAGE;
  }

  @Benchmark
  public void encrypt() {
    long at = offset();
    cipher.encrypt(at, from.asSlice(at, PAGE), to.asSlice(at, PAGE));
  }

  @Benchmark
  public void decrypt() {
    long at = offset();
    cipher.decrypt(at, from.asSlice(at, PAGE), to.asSlice(at, PAGE));
  }

  @Benchmark
  public void copy() {
    long at = offset();
    MemorySegment.copy(from, at, to, at, PAGE);
  }

  /** Stands in until {@link #setUp}. */
  private static final class NoEngine implements MemoryEncryptionEngine {
    @Override
    public void encrypt(long spa, MemorySegment plain, MemorySegment cipher) {}

    @Override
    public void decrypt(long spa, MemorySegment cipher, MemorySegment plain) {}

    @Override
    public void close() {}
  }
}
