package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;

@Timeout(300)
class PortTest {
  private static final int PAGE = Rig.PAGE;
  private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

  @SuppressWarnings("restricted")
  private static final MemorySegment HOST = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  /** A vCPU that does nothing but count: a TLB by page and a stop flag. */
  private static final class Vcpu implements MemoryClient {
    final Map<Long, Long> tlb = new HashMap<>();
    final List<String> changes = new ArrayList<>();
    final int tag;
    volatile boolean stop;
    MemoryPort port;
    long misses;

    @SuppressWarnings("NullAway.Init")
    Vcpu(MemorySystem system, int tag) {
      this.tag = tag;
      port = system.attach(this);
    }

    /** LOCK ADD of 1, as a vCPU does it between two safepoints. */
    void count(long spa) {
      if (stop) {
        stop = false;
        port.safepoint();
      }
      while (true) {
        Long host = tlb.get(spa >>> 12);
        if (host != null) {
          LONG.getAndAdd(HOST, host + (spa & 4095), 1L);
          return;
        }
        misses++;
        long page = port.page(spa, tag, true);
        if (page < 0) {
          throw new AssertionError("status " + page);
        }
        tlb.put(spa >>> 12, page & -PAGE);
      }
    }

    @Override
    public void requestSafepoint() {
      stop = true;
    }

    @Override
    public void revoke(long[] hostPages, int count) {
      for (int i = 0; i < count; i++) {
        for (Iterator<Long> it = tlb.values().iterator(); it.hasNext(); ) {
          if (it.next() == hostPages[i]) {
            it.remove();
          }
        }
      }
    }

    @Override
    public void revokeAll() {
      tlb.clear();
    }

    @Override
    public void contentsChanged(long spa, long bytes) {
      changes.add("%x+%d".formatted(spa, bytes));
    }
  }

  private final Rig rig = new Rig();

  /**
   * Two longs are added to by plain loads and stores while nobody else runs; to the second one of
   * them others add atomically as they run. Pages come and go meanwhile.
   */
  @ParameterizedTest
  @ValueSource(ints = {8, 4096})
  void shouldLoseNoUpdateWhenOneActsAloneAndOthersRun(int cachePages) throws Exception {
    int pages = 24;
    int rounds = 3_000;
    int threads = 4;
    try (MemorySystem system = rig.system(64, cachePages)) {
      zero(system, pages);
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int seed = t;
        work.add(() -> {
          Vcpu vcpu = new Vcpu(system, 1);
          vcpu.port.enter();
          for (int i = 0; i < rounds; i++) {
            long spa = place(seed, i, pages) & -PAGE;
            if (i % 4 == 0) {
              addAlone(vcpu, spa);
            } else {
              vcpu.count(spa + 8);
            }
          }
          vcpu.port.close();
          return 0L;
        });
      }
      runAll(work);
      long first = 0;
      long second = 0;
      for (long page = 0; page < pages; page++) {
        first += system.view(1).getLong(page * PAGE);
        second += system.view(1).getLong(page * PAGE + 8);
      }
      assertEquals((long) threads * rounds / 4, first, system.stats().toString());
      assertEquals((long) threads * rounds, second, system.stats().toString());
    }
  }

  private static void addAlone(Vcpu vcpu, long spa) {
    while (vcpu.port.alone(
            () -> {
              Long host = vcpu.tlb.get(spa >>> 12);
              if (host == null) {
                return 0;
              }
              HOST.set(ValueLayout.JAVA_LONG, host, HOST.get(ValueLayout.JAVA_LONG, host) + 1);
              Thread.yield();
              HOST.set(
                  ValueLayout.JAVA_LONG, host + 8, HOST.get(ValueLayout.JAVA_LONG, host + 8) + 1);
              return 1;
            })
        == 0) {
      vcpu.tlb.put(spa >>> 12, vcpu.port.page(spa, vcpu.tag, true) & -PAGE);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 16, 4096})
  void shouldLoseNoUpdateWhenVcpusAndViewsCountInFewPages(int cachePages) throws Exception {
    int pages = 24;
    int rounds = cachePages == 8 ? 20_000 : 60_000;
    int threads = 4;
    try (MemorySystem system = rig.system(64, cachePages)) {
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int seed = t;
        work.add(() -> {
          Vcpu vcpu = new Vcpu(system, 1);
          vcpu.port.enter();
          for (int i = 0; i < rounds; i++) {
            vcpu.count(place(seed, i, pages));
          }
          vcpu.port.close();
          return vcpu.misses;
        });
        work.add(() -> {
          MemoryView view = system.view(1);
          for (int i = 0; i < rounds; i++) {
            view.getAndAddLong(place(seed + 50, i, pages), 1);
          }
          return 0L;
        });
      }
      zero(system, pages);
      long misses = runAll(work).stream().mapToLong(Long::longValue).sum();
      assertTrue(misses > 0);
      if (cachePages < pages) {
        assertTrue(system.stats().evictions() > 1000, system.stats().toString());
      }
      long sum = 0;
      for (int page = 0; page < pages; page++) {
        sum += system.view(1).getLong((long) page * PAGE + 8 * page);
      }
      assertEquals(2L * threads * rounds, sum, system.stats().toString());
      assertTrue(system.stats().residentPages() <= cachePages);
    }
  }

  private static void zero(MemorySystem system, int pages) {
    system.view(1).fill(0, (long) pages * PAGE, (byte) 0);
  }

  /** Mostly the same page for a while, as programs do, then another. */
  private static long place(int seed, int i, int pages) {
    long x = (i / 16 + seed * 7919L) * 0x9E3779B97F4A7C15L;
    int page = (int) ((x >>> 33) % pages);
    return (long) page * PAGE + 8 * page;
  }

  @Test
  void shouldLoseNothingWhenGuestsHostAndFlushesMixInEightPages() throws Exception {
    int rounds = 6_000;
    try (MemorySystem system = rig.system(64, 8)) {
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        int tag = t;
        long base = t * 16L * PAGE;
        system.view(tag).fill(base, 16L * PAGE, (byte) 0);
        work.add(() -> {
          Vcpu vcpu = new Vcpu(system, tag);
          vcpu.port.enter();
          for (int i = 0; i < rounds; i++) {
            vcpu.count(base + place(tag, i, 16));
            if (i % 1000 == 999) {
              vcpu.port.leave();
              vcpu.port.enter();
            }
          }
          vcpu.port.close();
          return 0L;
        });
      }
      work.add(() -> {
        for (int i = 0; i < 200; i++) {
          system.flush();
          system.wbinvd();
          system.clflush((i % 48) * (long) PAGE, PAGE);
          system.view(3).getLong((i % 48) * (long) PAGE);
          system.stats();
        }
        return 0L;
      });
      runAll(work);
      for (int tag = 0; tag < 3; tag++) {
        long sum = 0;
        for (int page = 0; page < 16; page++) {
          sum += system.view(tag).getLong((tag * 16L + page) * PAGE + 8 * page);
        }
        assertEquals(rounds, sum, "tag " + tag);
      }
    }
  }

  @Test
  void shouldNotDeadlockWhenVcpuThreadsUseViewsWhileRunning() throws Exception {
    try (MemorySystem system = rig.system(64, 8)) {
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        int seed = t;
        work.add(() -> {
          Vcpu vcpu = new Vcpu(system, 1);
          vcpu.port.enter();
          for (int i = 0; i < 3_000; i++) {
            vcpu.count(place(seed, i, 24));
            system.view(2).putLong((24 + i * 31 % 40) * (long) PAGE, i);
          }
          vcpu.port.close();
          return 0L;
        });
      }
      runAll(work);
    }
  }

  @Test
  void shouldTellEveryClientWhenWatchedPageIsWritten() {
    try (MemorySystem system = rig.system(64, 8)) {
      Vcpu one = new Vcpu(system, 1);
      Vcpu two = new Vcpu(system, 1);
      one.port.enter();
      one.count(8);
      one.port.leave();
      two.port.enter();
      two.port.watch(4);
      assertTrue(one.tlb.isEmpty(), "address given out for writing is revoked");
      assertTrue((two.port.page(0, 1, true) & MemoryPort.WATCHED) != 0);
      assertTrue((two.port.page(PAGE, 1, true) & MemoryPort.WATCHED) == 0);

      two.port.written(16, 4);
      system.view(1).putInt(100, 1);
      system.view(1).getInt(100);
      system.view(1).putInt(PAGE, 1);
      two.port.compareAndExchangeLong(200, 1, two.port.readLong(200, 1), 5);
      assertEquals(List.of("10+4", "64+4", "c8+8"), one.changes);
      assertEquals(one.changes, two.changes);

      one.changes.clear();
      system.view(0).getLong(0);
      assertEquals(List.of("0+4096"), one.changes, "another tag's view of it");
      two.port.unwatch(0);
      system.view(1).putInt(100, 1);
      assertEquals(1, one.changes.size());
      two.port.leave();
      one.port.close();
      two.port.close();
    }
  }

  @Test
  void shouldReportStatusWhenPageCannotBeHad() {
    try (MemorySystem system = rig.system(16, 8)) {
      Vcpu vcpu = new Vcpu(system, 1);
      vcpu.port.enter();
      assertEquals(MemoryPort.NOT_DRAM, vcpu.port.page(16 * PAGE, 1, false));
      assertEquals(MemoryPort.NO_KEY, vcpu.port.page(0, 9, false));
      vcpu.port.readLong(16 * PAGE, 1);
      assertEquals(MemoryPort.NOT_DRAM, vcpu.port.lastStatus());
      vcpu.port.readLong(0, 9);
      assertEquals(MemoryPort.NO_KEY, vcpu.port.lastStatus());
      system.view(1).putLong(8, 77);
      assertEquals(77, vcpu.port.readLong(8, 1));
      assertEquals(0, vcpu.port.lastStatus());
      assertEquals(77, vcpu.port.compareAndExchangeLong(8, 1, 77, 78));
      assertEquals(78, vcpu.port.compareAndExchangeLong(8, 1, 77, 79));
      vcpu.port.leave();
      assertEquals(78, vcpu.port.readLong(8, 1), "parked ports may walk too");
      vcpu.port.close();
    }
  }

  @Test
  void shouldEmptyTlbWhenAsidIsDeactivated() {
    try (MemorySystem system = rig.system(16, 8)) {
      Vcpu vcpu = new Vcpu(system, 1);
      vcpu.port.enter();
      vcpu.count(0);
      vcpu.port.leave();
      system.deactivate(1);
      assertTrue(vcpu.tlb.isEmpty());
      vcpu.port.enter();
      assertEquals(MemoryPort.NO_KEY, vcpu.port.page(0, 1, false));
      vcpu.port.close();
    }
  }

  static <T> List<T> runAll(List<Callable<T>> work)
      throws InterruptedException, ExecutionException, TimeoutException {
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      List<Future<T>> futures = new ArrayList<>();
      for (Callable<T> piece : work) {
        futures.add(threads.submit(piece));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> future : futures) {
        results.add(future.get(240, TimeUnit.SECONDS));
      }
      return results;
    } finally {
      threads.shutdownNow();
    }
  }
}
