package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;

/**
 * The figures of this bundle's README, run by hand: paired, interleaved, by processor time of the
 * thread where that is what counts, medians of the rounds.
 *
 * <p>Arguments: {@code resident fill change arena}, all of them by default.
 */
public final class MemoryBench {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
  private static final int PAGE = Rig.PAGE;
  private static final int PAGES = 512 << 8;

  // By name, because a room knows no other room, not even in its tests: put them on the class path.
  private static final String XEX = "org.redoubt.encryption.aes.Aes128Xex";
  private static final String XE = "org.redoubt.encryption.aes.Aes128Xe";
  private static final String NONE = "org.redoubt.encryption.none.NoEncryption";

  private MemoryBench() {}

  private static MemoryEncryptionEngineFactory engine(String type) {
    try {
      return (MemoryEncryptionEngineFactory)
          Class.forName(type).getDeclaredConstructor().newInstance();
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(type + " is not on the class path", e);
    }
  }

  public static void main(String[] args) throws Exception {
    List<String> what =
        args.length == 0 ? List.of("resident", "fill", "arena", "change") : List.of(args);
    for (String part : what) {
      switch (part) {
        case "resident" -> resident();
        case "fill" -> fill();
        case "arena" -> arena();
        case "change" -> change();
        case "move" -> move();
        default -> throw new IllegalArgumentException(part);
      }
    }
  }

  private static MemoryFactory factory() {
    MemoryFactory factory =
        new MemoryFactory(
            new Settings(
                Optional.empty(),
                Optional.empty(),
                Duration.ofSeconds(20),
                Duration.ofSeconds(60),
                !Boolean.getBoolean("forget")));
    factory.engineCame("aes-128-xex", engine(XEX), 100, 1);
    factory.engineCame("aes-128-xe", engine(XE), 50, 2);
    factory.engineCame("none", engine(NONE), -1000, 3);
    return factory;
  }

  private static MemorySystem system(
      MemoryFactory factory, String name, String engine, int pages, int cachePages)
      throws Exception {
    MemorySystem system =
        factory.create(
            MemoryConfig.of(name, (long) pages * PAGE)
                .withSocCacheBytes((long) cachePages * PAGE)
                .withEngine(engine));
    system.setKeyInstaller(Optional.of(new Keys4Tests()));
    if (system.activate(1) != KeyStatus.INSTALLED) {
      throw new AssertionError(system.refusal(1));
    }
    return system;
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    return sorted[sorted.length / 2];
  }

  private static long cpu(LongSupplier work) {
    long start = THREADS.getCurrentThreadCpuTime();
    sink += work.getAsLong();
    return THREADS.getCurrentThreadCpuTime() - start;
  }

  private static volatile long sink;

  // A resident access

  private static void resident() throws Exception {
    MemoryFactory factory = factory();
    int pages = 4096;
    int count = 2_000_000;
    try (MemorySystem aes = system(factory, "a", "aes-128-xex", pages, pages);
        MemorySystem none = system(factory, "n", "none", pages, pages)) {
      MemoryView[] views = {aes.view(1), none.view(1)};
      List<List<Double>> reads = List.of(new ArrayList<>(), new ArrayList<>());
      List<List<Double>> writes = List.of(new ArrayList<>(), new ArrayList<>());
      for (MemoryView view : views) {
        view.fill(0, (long) pages * PAGE, (byte) 1);
      }
      for (int round = 0; round < 24; round++) {
        for (int v = 0; v < 2; v++) {
          MemoryView view = views[v];
          double read = cpu(() -> readAll(view, pages, count)) / (double) count;
          double write = cpu(() -> writeAll(view, pages, count)) / (double) count;
          if (round >= 4) {
            reads.get(v).add(read);
            writes.get(v).add(write);
          }
        }
      }
      System.out.printf(
          "resident getLong: aes %.1f ns, none %.1f ns, ratio %.2f%n",
          median(reads.get(0)), median(reads.get(1)), median(reads.get(0)) / median(reads.get(1)));
      System.out.printf(
          "resident putLong: aes %.1f ns, none %.1f ns, ratio %.2f%n",
          median(writes.get(0)),
          median(writes.get(1)),
          median(writes.get(0)) / median(writes.get(1)));
    }
    factory.close();
  }

  private static long readAll(MemoryView view, int pages, int count) {
    long sum = 0;
    for (int i = 0; i < count; i++) {
      sum += view.getLong((i * 4104L) & (((long) pages * PAGE) - 8));
    }
    return sum;
  }

  private static long writeAll(MemoryView view, int pages, int count) {
    for (int i = 0; i < count; i++) {
      view.putLong((i * 4104L) & (((long) pages * PAGE) - 8), i);
    }
    return count;
  }

  // A fill

  private static void fill() throws Exception {
    MemoryFactory factory = factory();
    int cachePages = PAGES / 2;
    try (MemorySystem aes = system(factory, "f", "aes-128-xex", PAGES, cachePages);
        MemorySystem none = system(factory, "g", "none", PAGES, cachePages);
        Arena arena = Arena.ofShared()) {
      // Guest pages by both engines, and shared pages, which need none.
      MemoryView[] views = {aes.view(1), none.view(1), none.view(0)};
      String[] names = {"aes-128-xex", "none", "shared"};
      for (int v = 0; v < 2; v++) {
        for (int page = 0; page < PAGES; page++) {
          views[v].putLong((long) page * PAGE, page);
        }
      }
      aes.wbinvd();
      none.wbinvd();
      MemorySegment from = HostMemory.map((long) PAGES * PAGE, arena, "the benchmark");
      MemorySegment to = HostMemory.map((long) cachePages * PAGE, arena, "the benchmark");
      HostMemory.adviseHuge(from);
      HostMemory.adviseHuge(to);
      from.fill((byte) 1);
      to.fill((byte) 1);
      List<List<Double>> fills = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      List<List<Double>> ratios = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      List<Double> copies = new ArrayList<>();
      int part = PAGES / 16;
      for (int round = 0; round < 112; round++) {
        int first = round % 16 * part;
        double copy = cpu(() -> copy(from, to, first, part, cachePages)) / (double) part;
        for (int v = 0; v < 3; v++) {
          MemoryView view = views[v];
          double fill = cpu(() -> touch(view, first, part)) / (double) part;
          if (round >= 32) {
            fills.get(v).add(fill);
            ratios.get(v).add(fill / copy);
          }
        }
        if (round >= 32) {
          copies.add(copy);
        }
      }
      for (int v = 0; v < 3; v++) {
        System.out.printf(
            "fill over 512 MiB, %s: %.0f ns a page, plain copy %.0f ns, ratio %.2f%n",
            names[v], median(fills.get(v)), median(copies), median(ratios.get(v)));
      }
    }
    factory.close();
  }

  private static long touch(MemoryView view, int first, int count) {
    long sum = 0;
    for (int page = first; page < first + count; page++) {
      sum += view.getLong((long) page * PAGE);
    }
    return sum;
  }

  private static long copy(MemorySegment from, MemorySegment to, int first, int count, int target) {
    for (int page = first; page < first + count; page++) {
      MemorySegment.copy(from, (long) page * PAGE, to, (long) (page % target) * PAGE, PAGE);
    }
    return count;
  }

  // Pool of frames, or an arena indexed by address that gives memory back?

  private static void arena() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      int target = PAGES / 2;
      MemorySegment from = HostMemory.map((long) PAGES * PAGE, arena, "the benchmark");
      MemorySegment to = HostMemory.map((long) PAGES * PAGE, arena, "the benchmark");
      from.fill((byte) 1);
      List<Double> pool = new ArrayList<>();
      List<Double> indexed = new ArrayList<>();
      int part = PAGES / 16;
      for (int round = 0; round < 48; round++) {
        int first = round % 16 * part;
        double one = cpu(() -> copy(from, to, first, part, target)) / (double) part;
        double two = cpu(() -> copyAndDiscard(from, to, first, part)) / (double) part;
        if (round >= 16) {
          pool.add(one);
          indexed.add(two);
        }
      }
      System.out.printf(
          "frame of a pool %.0f ns a page, arena by address with madvise %.0f ns, ratio %.2f%n",
          median(pool), median(indexed), median(indexed) / median(pool));
    }
  }

  private static long copyAndDiscard(MemorySegment from, MemorySegment to, int first, int count) {
    for (int page = first; page < first + count; page++) {
      int evicted = (page + PAGES / 2) % PAGES;
      HostMemory.discard(to.asSlice((long) evicted * PAGE, PAGE));
      MemorySegment.copy(from, (long) page * PAGE, to, (long) page * PAGE, PAGE);
    }
    return count;
  }

  // A change of engine

  /**
   * What a change is compared with, under the same two writers: the two engines alone, without a
   * memory system, decrypt, encrypt, decrypt again and compare as many pages in DRAM, where they
   * are replaced, in as many threads as a change has; and so with the old engine's decryption
   * checked too, as a change checks it of every page. How fast memory is changes from second to
   * second where the host has other guests, so each change has its own comparison: four runs of the
   * engines, two before it and two after.
   */
  private static void change() throws Exception {
    MemoryFactory factory = factory();
    try (MemorySystem system = system(factory, "c", "aes-128-xex", PAGES, 256 << 8);
        Arena arena = Arena.ofShared()) {
      MemoryView view = system.view(1);
      for (int page = 0; page < PAGES; page++) {
        view.putLong((long) page * PAGE, page);
      }
      system.wbinvd();
      // Mapped to the end: given back, a change would find it as memory that needs no clearing.
      MemorySegment dram = HostMemory.map((long) PAGES * PAGE, arena, "the benchmark");
      HostMemory.adviseHuge(dram);
      dram.fill((byte) 1);
      awaitReady(system);
      runEngines(system, dram, new Costs(), new Costs()); // has the JIT compile this class
      List<Double> ratios = new ArrayList<>();
      String[] names = {"aes-128-xe", "aes-128-xex"};
      for (int round = 0; round < Integer.getInteger("rounds", 6); round++) {
        Latencies control = new Latencies();
        run(system, control, () -> sleep(1000));
        Costs alone = new Costs();
        Costs proven = new Costs();
        runEngines(system, dram, alone, proven);
        Latencies changing = new Latencies();
        String there = names[round % 2];
        long jitMs = jitMs();
        Cost cost = run(system, changing, () -> changeTo(system, there));
        jitMs = jitMs() - jitMs;
        runEngines(system, dram, alone, proven);
        ratios.add(alone.ratio(cost));
        System.out.printf(
            "change %d: %.3f s, %.3f s of processor time besides the writers', JIT at work for %d"
                + " ms; against the engines alone %s; the old side checked too %s; write latency"
                + " p99.9 %.1f us (control %.1f), max %.1f ms (control %.1f)%n",
            round,
            cost.seconds(),
            cost.cpuSeconds(),
            jitMs,
            alone.against(cost),
            proven.against(cost),
            changing.at(0.999) / 1e3,
            control.at(0.999) / 1e3,
            changing.max() / 1e6,
            control.max() / 1e6);
      }
      System.out.printf(
          "ratio to the engines alone: first %.2f, median %.2f%n",
          ratios.getFirst(), median(ratios));
    }
    factory.close();
  }

  private static void runEngines(MemorySystem system, MemorySegment dram, Costs alone, Costs proven)
      throws Exception {
    for (int i = 0; i < 2; i++) {
      Latencies unused = new Latencies();
      alone.add(run(system, unused, () -> engineWork(Movement.WORKERS, dram, false)));
      proven.add(run(system, unused, () -> engineWork(Movement.WORKERS, dram, true)));
    }
  }

  private static long jitMs() {
    return ManagementFactory.getCompilationMXBean().getTotalCompilationTime();
  }

  /** Changes without writers, by processor time: what a page costs to move. */
  private static void move() throws Exception {
    MemoryFactory factory = factory();
    try (MemorySystem system = system(factory, "m", "aes-128-xex", PAGES, 256 << 8);
        Arena arena = Arena.ofShared()) {
      MemoryView view = system.view(1);
      for (int page = 0; page < PAGES; page++) {
        view.putLong((long) page * PAGE, page);
      }
      system.wbinvd();
      sink += touch(view, 0, PAGES / 2);
      awaitReady(system);
      MemorySegment dram = HostMemory.map((long) PAGES * PAGE, arena, "the benchmark");
      HostMemory.adviseHuge(dram);
      dram.fill((byte) 1);
      String[] names = {"aes-128-xe", "aes-128-xex"};
      List<Double> changes = new ArrayList<>();
      List<Double> engines = new ArrayList<>();
      for (int round = 0; round < Integer.getInteger("rounds", 12); round++) {
        String there = names[round % 2];
        engines.add(cpuOf(() -> engineWork(Movement.WORKERS, dram, false)));
        long jitMs = jitMs();
        changes.add(cpuOf(() -> changeTo(system, there)));
        System.out.printf(
            "move of 512 MiB, half of it cached: %.3f s of processor time, JIT at work for %d ms;"
                + " engines alone %.3f s%n",
            changes.getLast(), jitMs() - jitMs, engines.getLast());
      }
      System.out.printf(
          "medians %.3f and %.3f s, ratio %.2f; first %.2f%n",
          median(changes),
          median(engines),
          median(changes) / median(engines),
          changes.getFirst() / median(engines));
    }
    factory.close();
  }

  /** Until everything is ready for a change, unless {@code -DatOnce=true}: the first is dearer. */
  private static void awaitReady(MemorySystem system) throws Exception {
    long start = System.nanoTime();
    while (!Boolean.getBoolean("atOnce") && ((SocMemory) system).reserve()) {
      Thread.sleep(10);
    }
    System.out.printf("ready for a change after %.1f s%n", (System.nanoTime() - start) / 1e9);
  }

  private static double cpuOf(LongSupplier work) {
    long start = processCpu();
    sink += work.getAsLong();
    return (processCpu() - start) / 1e9;
  }

  private static long changeTo(MemorySystem system, String engine) {
    try {
      EngineChange change = system.changeEngine(engine);
      if (!change.await(Duration.ofMinutes(2)) || change.state() != EngineChange.State.DONE) {
        throw new AssertionError(change.state() + " " + change.failure());
      }
      return change.pagesTotal();
    } catch (HypervisorException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static long sleep(long ms) {
    try {
      Thread.sleep(ms);
      return ms;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static long processCpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  /** Something under two writers; returns what it took. */
  private static Cost run(MemorySystem system, Latencies latencies, LongSupplier work)
      throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    List<Thread> writers = new ArrayList<>();
    for (int t = 0; t < 2; t++) {
      int seed = t;
      writers.add(Thread.ofPlatform().start(() -> write(system.view(1), seed, stop, latencies)));
    }
    Thread.sleep(300);
    latencies.on = true;
    long cpuStart = cpuWithout(writers);
    long start = System.nanoTime();
    sink += work.getAsLong();
    double seconds = (System.nanoTime() - start) / 1e9;
    double cpuSeconds = (cpuWithout(writers) - cpuStart) / 1e9;
    stop.set(true);
    for (Thread writer : writers) {
      writer.join();
    }
    return new Cost(seconds, cpuSeconds);
  }

  private static long cpuWithout(List<Thread> writers) {
    return processCpu()
        - writers.stream().mapToLong(writer -> THREADS.getThreadCpuTime(writer.threadId())).sum();
  }

  /** What something took, and the processor time of all threads but the writers. */
  private record Cost(double seconds, double cpuSeconds) {}

  private static final class Costs {
    private final List<Double> seconds = new ArrayList<>();
    private final List<Double> cpuSeconds = new ArrayList<>();

    void add(Cost cost) {
      seconds.add(cost.seconds());
      cpuSeconds.add(cost.cpuSeconds());
    }

    double ratio(Cost cost) {
      return cost.seconds() / median(seconds);
    }

    String against(Cost cost) {
      return "%.3f s, ratio %.2f (processor time %.3f, %.2f)"
          .formatted(
              median(seconds),
              ratio(cost),
              median(cpuSeconds),
              cost.cpuSeconds() / median(cpuSeconds));
    }
  }

  private static void write(MemoryView view, int seed, AtomicBoolean stop, Latencies latencies) {
    long x = seed + 1;
    int[] buckets = new int[Latencies.BUCKETS];
    long max = 0;
    while (!stop.get()) {
      x = x * 6364136223846793005L + 1442695040888963407L;
      long spa = (x >>> 33) % (PAGES * 512L) * 8;
      long start = System.nanoTime();
      view.putLong(spa, x);
      long ns = System.nanoTime() - start;
      if (latencies.on) {
        buckets[Latencies.bucket(ns)]++;
        max = Math.max(max, ns);
      }
    }
    latencies.add(buckets, max);
  }

  /** A histogram of nanoseconds, 16 buckets to each doubling. */
  private static final class Latencies {
    static final int BUCKETS = 64 * 16;
    final long[] counts = new long[BUCKETS];
    volatile boolean on;
    long max;

    static int bucket(long ns) {
      long value = Math.max(ns, 16);
      int log = 63 - Long.numberOfLeadingZeros(value);
      return log * 16 + (int) (value >>> (log - 4) & 15);
    }

    synchronized void add(int[] more, long maximum) {
      for (int i = 0; i < BUCKETS; i++) {
        counts[i] += more[i];
      }
      max = Math.max(max, maximum);
    }

    synchronized double at(double share) {
      long all = Arrays.stream(counts).sum();
      long seen = 0;
      for (int i = 0; i < BUCKETS; i++) {
        seen += counts[i];
        if (seen >= share * all) {
          return Math.scalb(1.0 + (i % 16) / 16.0, i / 16);
        }
      }
      return max;
    }

    synchronized long max() {
      return max;
    }
  }

  /**
   * Decrypts, encrypts, decrypts and compares as many pages as the memory system has.
   *
   * @param dram where they are read and replaced
   * @param proveOld whether to encrypt again with the old engine and compare, too
   */
  private static long engineWork(int threads, MemorySegment dram, boolean proveOld) {
    List<Thread> workers = new ArrayList<>();
    try (var old = engine(XEX).create(MemorySegment.ofArray(new byte[16]));
        var fresh = engine(XE).create(MemorySegment.ofArray(new byte[16]))) {
      AtomicInteger cursor = new AtomicInteger();
      for (int i = 0; i < threads; i++) {
        workers.add(
            Thread.ofPlatform().start(() -> engineWork(old, fresh, cursor, dram, proveOld)));
      }
      for (Thread worker : workers) {
        worker.join();
      }
      return PAGES;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void engineWork(
      MemoryEncryptionEngine old,
      MemoryEncryptionEngine fresh,
      AtomicInteger cursor,
      MemorySegment dram,
      boolean proveOld) {
    int chunk = 256;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment b = arena.allocate(PAGE, 64);
      MemorySegment c = arena.allocate(PAGE, 64);
      MemorySegment d = arena.allocate(PAGE, 64);
      for (int first = cursor.getAndAdd(chunk); first < PAGES; first = cursor.getAndAdd(chunk)) {
        for (int page = first; page < first + chunk; page++) {
          long spa = (long) page * PAGE;
          MemorySegment at = dram.asSlice(spa, PAGE);
          old.decrypt(spa, at, b);
          if (proveOld) {
            old.encrypt(spa, b, c);
            if (at.mismatch(c) != -1) {
              throw new AssertionError("mismatch");
            }
          }
          fresh.encrypt(spa, b, c);
          fresh.decrypt(spa, c, d);
          if (b.mismatch(d) != -1) {
            throw new AssertionError("mismatch");
          }
          at.copyFrom(c);
        }
      }
    }
  }
}
