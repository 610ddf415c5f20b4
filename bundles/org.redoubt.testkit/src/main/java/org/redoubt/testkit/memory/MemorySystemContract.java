package org.redoubt.testkit.memory;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;

/**
 * The exam of a {@link MemorySystem}: extend it, supply the factory. It brings two engines, {@code
 * alpha} and {@code beta}, and looks at DRAM through the host's view of private pages.
 *
 * <p>What a vendor must implement: views under every tag over a cache of any capacity from 8 pages
 * up; key slots in the firmware's order of refusals, with keys from the {@link KeyInstaller} only;
 * flushes; the protocol of {@link MemoryPort}, by which no store of a running vCPU is lost and one
 * runs alone when it asks for that; changes of engine that carry every page or roll back; and
 * private pages that are never plain in DRAM.
 */
@Timeout(300)
public abstract class MemorySystemContract {
  private static final int PAGE = 4096;
  private static final int DRAM_PAGES = 64;
  private static final long DRAM_BYTES = (long) DRAM_PAGES * PAGE;
  private static final int MIN_CACHE = MemoryConfig.MIN_CACHE_PAGES;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final SampleEngine alpha = new SampleEngine("alpha");
  private final SampleEngine beta = new SampleEngine("beta");
  private final AtomicReference<Optional<String>> refusal = new AtomicReference<>(Optional.empty());
  private final List<MemorySystem> open = new ArrayList<>();

  @SuppressWarnings("NullAway.Init") // set before each test
  private MemorySystemFactory factory;

  /**
   * Makes a factory of memory systems.
   *
   * @param engines all engines that there are, by name; the first one is the default
   */
  protected abstract MemorySystemFactory factory(
      Map<String, MemoryEncryptionEngineFactory> engines);

  @BeforeEach
  final void makeFactory() {
    Map<String, MemoryEncryptionEngineFactory> engines = new LinkedHashMap<>();
    engines.put("alpha", alpha);
    engines.put("beta", beta);
    factory = factory(engines);
  }

  @AfterEach
  final void closeSystems() {
    open.forEach(MemorySystem::close);
  }

  // Views

  @Test
  final void shouldReadBackEveryPageAtAnyCacheSize() throws HypervisorException {
    for (int cache : new int[] {MIN_CACHE, MIN_CACHE + 1, DRAM_PAGES}) {
      MemorySystem system = system(cache);
      fill(system);
      assertFilled(system, "with a cache of " + cache + " pages");
      assertEquals(cache, system.stats().capacityPages());
      assertTrue(
          system.stats().residentPages() <= cache, "more pages are resident than the cache holds");
      system.close();
      open.remove(system);
    }
  }

  @Test
  final void shouldReadAndWriteLittleEndianIntegersAcrossPages() throws HypervisorException {
    MemoryView view = system(MIN_CACHE).view(1);
    for (long spa : new long[] {0, 1, PAGE - 1, PAGE - 3, 2L * PAGE - 7, DRAM_BYTES - 8}) {
      view.putLong(spa, 0x1122334455667788L);
      assertEquals(0x1122334455667788L, view.getLong(spa));
      assertEquals(0x55667788, view.getInt(spa));
      assertEquals((short) 0x7788, view.getShort(spa));
      assertEquals((byte) 0x88, view.getByte(spa));
      view.putInt(spa + 1, 0x0A0B0C0D);
      view.putShort(spa + 6, (short) 0x0102);
      view.putByte(spa, (byte) 0x7F);
      assertEquals(0x0102_330A_0B0C_0D7FL, view.getLong(spa), "at " + spa);
    }
    view.fill(PAGE - 10, 20, (byte) 0x5A);
    assertArrayEquals(filled(20, 0x5A), read(view, PAGE - 10, 20));
  }

  @Test
  final void shouldGiveOneViewPerTag() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    assertSame(system.view(1), system.view(1));
    assertEquals(1, system.view(1).tag());
    assertThrows(IllegalArgumentException.class, () -> system.view(system.config().asids() + 1));
  }

  @Test
  final void shouldRefuseRangesOutsideDramBeforeAnythingChanges() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    MemoryView view = system.view(1);
    fill(system);
    byte[] noise = random(2 * PAGE, 1);
    for (long spa : new long[] {-1, -PAGE, DRAM_BYTES - PAGE, DRAM_BYTES, 1L << 51}) {
      assertThrows(
          IndexOutOfBoundsException.class,
          () -> view.write(spa, MemorySegment.ofArray(noise)),
          () -> "2 pages at " + spa);
    }
    assertThrows(IndexOutOfBoundsException.class, () -> view.putLong(DRAM_BYTES - 7, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> view.getByte(DRAM_BYTES));
    assertThrows(IndexOutOfBoundsException.class, () -> view.fill(0, DRAM_BYTES + 1, (byte) 0));
    assertThrows(IndexOutOfBoundsException.class, () -> system.clflush(DRAM_BYTES, 64));
    assertFilled(system, "after refused writes");
  }

  @Test
  final void shouldLoseNoAtomicUpdateInTheSmallestCache() throws Exception {
    MemorySystem system = system(MIN_CACHE);
    system.view(1).fill(0, DRAM_BYTES, (byte) 0); // fresh DRAM decrypts to anything
    int threads = 4;
    int rounds = 2000;
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    List<Thread> running = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      Random random = new Random(i);
      Runnable count =
          () -> {
            MemoryView view = system.view(1);
            for (int round = 0; round < rounds; round++) {
              view.getAndAddLong(random.nextInt(3 * MIN_CACHE) * (long) PAGE, 1);
              long spa = 8;
              long seen = view.getLong(spa);
              long found = view.compareAndExchangeLong(spa, seen, seen + 1);
              while (found != seen) {
                seen = found;
                found = view.compareAndExchangeLong(spa, seen, seen + 1);
              }
            }
          };
      Thread thread = Thread.ofPlatform().unstarted(count);
      thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
      running.add(thread);
      thread.start();
    }
    for (Thread thread : running) {
      thread.join();
    }
    assertEquals(List.of(), failures);
    long sum = 0;
    for (int page = 0; page < 3 * MIN_CACHE; page++) {
      sum += system.view(1).getLong((long) page * PAGE);
    }
    assertEquals((long) threads * rounds, sum, "updates of getAndAddLong");
    assertEquals((long) threads * rounds, system.view(1).getLong(8), "updates by exchange");
  }

  // vCPUs

  /** A vCPU that does nothing but count: a TLB by page, and a stop flag. */
  private static final class Counter implements MemoryClient {
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    @SuppressWarnings("restricted") // as every CPU engine: it stores through host addresses
    private static final MemorySegment HOST = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private final Map<Long, Long> tlb = new HashMap<>();
    private final List<String> changes = new ArrayList<>();
    private final MemoryPort port;
    private volatile boolean stop;

    @SuppressWarnings("this-escape") // nobody calls before the port is entered
    Counter(MemorySystem system) {
      port = system.attach(this);
    }

    /** LOCK ADD of 1 under ASID 1, as a vCPU does it between two safepoints. */
    void count(long spa) {
      if (stop) {
        stop = false;
        port.safepoint();
      }
      while (true) {
        Long host = tlb.get(spa / PAGE);
        if (host != null) {
          LONG.getAndAdd(HOST, host + spa % PAGE, 1L);
          return;
        }
        long page = port.page(spa, 1, true);
        assertTrue(page > 0, "status " + page);
        tlb.put(spa / PAGE, page & -PAGE);
      }
    }

    /** Adds 1 in two steps, with time in between. */
    void countAlone(long spa) {
      int gone = -1;
      while (true) {
        int answer =
            port.alone(() -> {
              Long host = tlb.get(spa / PAGE);
              if (host == null) {
                return gone;
              }
              long before = (long) LONG.getVolatile(HOST, host + spa % PAGE);
              for (int i = 0; i < 200; i++) {
                Thread.onSpinWait();
              }
              LONG.setVolatile(HOST, host + spa % PAGE, before + 1);
              return (int) before;
            });
        if (answer != gone) {
          assertTrue(answer >= 0, "another answer than the action's");
          return;
        }
        long page = port.page(spa, 1, true);
        assertTrue(page > 0, "status " + page);
        tlb.put(spa / PAGE, page & -PAGE);
      }
    }

    @Override
    public void requestSafepoint() {
      stop = true;
    }

    @Override
    public void revoke(long[] hostPages, int count) {
      for (int i = 0; i < count; i++) {
        long page = hostPages[i];
        tlb.values().removeIf(host -> host == page);
      }
    }

    @Override
    public void revokeAll() {
      tlb.clear();
    }

    @Override
    public void contentsChanged(long spa, long bytes) {
      changes.add(spa + "+" + bytes);
    }
  }

  @Test
  final void shouldLoseNoStoreOfARunningVcpu() throws Exception {
    for (int cache : new int[] {MIN_CACHE, 2 * MIN_CACHE, DRAM_PAGES}) {
      MemorySystem system = system(cache);
      system.view(1).fill(0, DRAM_BYTES, (byte) 0);
      int rounds = 5000;
      List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
      List<Thread> running = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int seed = i;
        Runnable work =
            () -> {
              Random random = new Random(seed);
              Counter vcpu = new Counter(system);
              vcpu.port.enter();
              for (int round = 0; round < rounds; round++) {
                vcpu.count(random.nextInt(3 * MIN_CACHE) * (long) PAGE + 16);
                if (round % 500 == 0) {
                  vcpu.port.leave();
                  system.view(1).getAndAddLong(random.nextInt(MIN_CACHE) * (long) PAGE + 16, 1);
                  vcpu.port.enter();
                }
              }
              vcpu.port.close();
            };
        Thread thread = Thread.ofPlatform().unstarted(work);
        thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
        running.add(thread);
        thread.start();
      }
      for (Thread thread : running) {
        thread.join();
      }
      assertEquals(List.of(), failures);
      long sum = 0;
      for (int page = 0; page < 3 * MIN_CACHE; page++) {
        sum += system.view(1).getLong((long) page * PAGE + 16);
      }
      assertEquals(4 * (rounds + rounds / 500), sum, "stores, with a cache of " + cache + " pages");
      system.close();
      open.remove(system);
    }
  }

  /**
   * A vCPU that is alone changes a number in steps that nobody may come between, on pages that
   * others count on.
   */
  @Test
  final void shouldRunNoOtherVcpuWhileOneIsAlone() throws Exception {
    MemorySystem system = system(MIN_CACHE);
    system.view(1).fill(0, DRAM_BYTES, (byte) 0);
    int rounds = 1500;
    List<Throwable> failures = java.util.Collections.synchronizedList(new ArrayList<>());
    List<Thread> running = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      int seed = i;
      Runnable work =
          () -> {
            Random random = new Random(seed);
            Counter vcpu = new Counter(system);
            vcpu.port.enter();
            try {
              for (int round = 0; round < rounds; round++) {
                vcpu.count(random.nextInt(3) * (long) PAGE + 16);
                vcpu.countAlone(random.nextInt(3) * (long) PAGE + 16);
              }
            } finally {
              vcpu.port.leave(); // or the others would wait for it for ever
              vcpu.port.close();
            }
          };
      Thread thread = Thread.ofPlatform().unstarted(work);
      thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
      running.add(thread);
      thread.start();
    }
    for (Thread thread : running) {
      thread.join();
    }
    assertEquals(List.of(), failures);
    long sum = 0;
    for (int page = 0; page < 3; page++) {
      sum += system.view(1).getLong((long) page * PAGE + 16);
    }
    assertEquals(3 * 2 * rounds, sum, "what was counted, alone and not");
  }

  @Test
  final void shouldTellEveryVcpuWhenAWatchedPageIsWritten() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    Counter one = new Counter(system);
    Counter two = new Counter(system);
    one.port.enter();
    one.count(8);
    one.port.leave();
    two.port.enter();
    two.port.watch(4);
    assertTrue(one.tlb.isEmpty(), "an address that was given out for writing outlives watch()");
    assertTrue((two.port.page(0, 1, true) & MemoryPort.WATCHED) != 0, "page 0 is watched");
    assertEquals(0, two.port.page(PAGE, 1, true) & MemoryPort.WATCHED, "page 1 is not");
    two.port.written(16, 4);
    system.view(1).putInt(100, 1);
    system.view(1).putInt(PAGE, 1);
    two.port.leave();
    for (Counter vcpu : List.of(one, two)) {
      assertTrue(vcpu.changes.contains("16+4"), () -> "not told of written(): " + vcpu.changes);
      assertTrue(vcpu.changes.size() >= 2, () -> "not told of a view's write: " + vcpu.changes);
    }
    two.port.unwatch(0);
    int told = one.changes.size();
    system.view(1).putInt(200, 1);
    assertEquals(told, one.changes.size(), "told after unwatch()");
    one.port.close();
    two.port.close();
  }

  @Test
  final void shouldTellAVcpuWhyItCannotHaveAPage() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    Counter vcpu = new Counter(system);
    vcpu.port.enter();
    assertEquals(MemoryPort.NOT_DRAM, vcpu.port.page(DRAM_BYTES, 1, false));
    assertEquals(MemoryPort.NO_KEY, vcpu.port.page(0, 9, false));
    system.view(1).putLong(8, 77);
    assertEquals(77, vcpu.port.readLong(8, 1));
    assertEquals(0, vcpu.port.lastStatus());
    assertEquals(77, vcpu.port.compareAndExchangeLong(8, 1, 77, 78));
    assertEquals(78, vcpu.port.compareAndExchangeLong(8, 1, 77, 79), "it held 78");
    vcpu.count(0);
    vcpu.port.leave();
    system.deactivate(1);
    assertTrue(vcpu.tlb.isEmpty(), "the TLB outlives the ASID");
    vcpu.port.enter();
    assertEquals(MemoryPort.NO_KEY, vcpu.port.page(0, 1, false));
    vcpu.port.close();
  }

  // What the host sees

  @Test
  final void shouldNeverHoldThePlainTextOfAPrivatePageInDram() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    byte[] plain = random(PAGE, 8);
    write(system.view(1), 0, plain);
    write(system.view(PageTag.SHARED), PAGE, plain);
    byte[] before = probe(system, 0);
    assertFalse(Arrays.equals(plain, before), "dirty in the cache, plain in DRAM");
    system.flush();
    assertArrayEquals(plain, decrypt(alpha, "alpha", 1, 0, probe(system, 0)), "written back");
    assertArrayEquals(plain, probe(system, PAGE), "a shared page is as it is");
  }

  @Test
  final void shouldEncryptSharedPagesUnderTheHostsKeyWhenAsked() throws HypervisorException {
    MemorySystem system =
        factory.create(
            MemoryConfig.of("host", DRAM_BYTES)
                .withSocCacheBytes((long) MIN_CACHE * PAGE)
                .withHostEncryption(true));
    open.add(system);
    byte[] plain = random(PAGE, 9);
    write(system.view(PageTag.SHARED), PAGE, plain);
    system.wbinvd();
    assertFalse(Arrays.equals(plain, probe(system, PAGE)), "a shared page is plain in DRAM");
    assertArrayEquals(plain, read(system.view(PageTag.SHARED), PAGE, PAGE));
  }

  private static byte[] probe(MemorySystem system, long spa) {
    byte[] result = new byte[PAGE];
    system.probe(spa, MemorySegment.ofArray(result));
    return result;
  }

  @Test
  final void shouldShowTheHostOnlyTheEnginesCiphertext() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    byte[] plain = random(PAGE, 2);
    write(system.view(3), 5L * PAGE, plain);
    byte[] seen = read(system.view(PageTag.SHARED), 5L * PAGE, PAGE);
    assertFalse(Arrays.equals(plain, seen), "the host reads a private page's plaintext");
    assertArrayEquals(plain, decrypt(alpha, "alpha", 3, 5L * PAGE, seen), "other ciphertext");
    byte[] other = read(system.view(2), 5L * PAGE, PAGE);
    assertFalse(Arrays.equals(plain, other), "another guest reads a private page's plaintext");
    assertArrayEquals(plain, read(system.view(3), 5L * PAGE, PAGE), "the guest's page changed");
  }

  @Test
  final void shouldGarbleExactlyTheBlockThatTheHostWrites() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    byte[] plain = random(PAGE, 3);
    write(system.view(1), 0, plain);
    MemoryView host = system.view(PageTag.SHARED);
    host.putByte(100, (byte) (host.getByte(100) ^ 1));
    byte[] now = read(system.view(1), 0, PAGE);
    assertFalse(Arrays.equals(plain, 96, 112, now, 96, 112), "the host's write had no effect");
    assertTrue(
        Arrays.equals(plain, 0, 96, now, 0, 96) && Arrays.equals(plain, 112, PAGE, now, 112, PAGE),
        "another block than the written one changed");
  }

  @Test
  final void shouldLeaveSharedPagesAsTheyAre() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    byte[] bytes = random(PAGE, 4);
    write(system.view(PageTag.SHARED), PAGE, bytes);
    system.wbinvd();
    assertArrayEquals(bytes, read(system.view(PageTag.SHARED), PAGE, PAGE));
  }

  // Keys and flushing

  @Test
  final void shouldRefuseAsidsInTheOrderOfTheFirmware() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    assertEquals(KeyStatus.INVALID_ASID, system.activate(0));
    assertEquals(KeyStatus.INVALID_ASID, system.activate(system.config().asids() + 1));
    assertEquals(KeyStatus.ASID_LIVE, system.activate(1));
    assertTrue(system.isActive(1));
    assertThrows(IllegalStateException.class, () -> system.view(9).getByte(0));
    write(system.view(1), 0, random(PAGE, 5));
    system.deactivate(1);
    assertFalse(system.isActive(1));
    assertThrows(IllegalStateException.class, () -> system.view(1).getByte(0));
    assertEquals(KeyStatus.WBINVD_REQUIRED, system.activate(1));
    system.wbinvd();
    assertEquals(KeyStatus.DFFLUSH_REQUIRED, system.activate(1));
    system.dfFlush();
    assertEquals(KeyStatus.INSTALLED, system.activate(1));
  }

  @Test
  final void shouldInstallNoKeyWithoutItsOwnersConsent() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    refusal.set(Optional.of("The owner said no"));
    assertEquals(KeyStatus.NO_KEY, system.activate(20));
    assertTrue(system.refusal(20).orElse("").contains("The owner said no"));
    assertFalse(system.isActive(20));
    system.setKeyInstaller(Optional.empty());
    assertEquals(KeyStatus.NO_KEY, system.activate(21));
    assertTrue(system.refusal(21).isPresent());
  }

  @Test
  final void shouldWriteBackAndDropWhatIsFlushed() throws HypervisorException {
    MemorySystem system = system(DRAM_PAGES);
    fill(system);
    assertTrue(system.stats().dirtyPages() > 0);
    system.flush();
    assertEquals(0, system.stats().dirtyPages(), "dirty pages after flush()");
    assertTrue(system.stats().residentPages() > 0, "flush() keeps pages resident");
    system.clflush(0, 64);
    assertFalse(system.pageInfo(0).resident(), "clflush() drops the page");
    system.wbinvd();
    assertEquals(0, system.stats().residentPages(), "resident pages after wbinvd()");
    assertFilled(system, "after flushing");
  }

  @Test
  final void shouldWriteBackAndKeepWhatAGuestFlushes() throws HypervisorException {
    MemorySystem system = system(DRAM_PAGES);
    fill(system);
    system.flush();
    long resident = system.stats().residentPages();
    system.view(1).putLong(5L * PAGE, 1);
    system.view(2).putLong(6L * PAGE, 2);
    system.view(PageTag.SHARED).putLong(7L * PAGE, 3);
    system.deactivate(3);
    system.wbinvd(1);
    assertFalse(system.pageInfo(5L * PAGE).dirty(), "the guest's page");
    assertFalse(system.pageInfo(7L * PAGE).dirty(), "a shared page");
    assertTrue(system.pageInfo(6L * PAGE).dirty(), "another guest's page");
    assertEquals(resident, system.stats().residentPages(), "resident pages");
    assertTrue(system.wbinvdRequired(), "it is no WBINVD of the host");
    assertEquals(1, system.view(1).getLong(5L * PAGE));
  }

  @Test
  final void shouldTouchNoOtherPagesWhenSomeAreGivenUp() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    fill(system);
    long bytes = 16L * PAGE;
    long given = system.discard(8L * PAGE, bytes);
    assertTrue(given >= 0 && given <= bytes, () -> given + " of " + bytes + " bytes given up");
    for (int page = 8; page < 24; page++) { // what they hold now is not said
      write(system.view(asidOf(page)), (long) page * PAGE, pageOf(page));
    }
    assertFilled(system, "after pages were given up and written again");
  }

  // Change of engine

  @Test
  final void shouldCarryEveryPageToAnotherEngineAndBack() throws Exception {
    MemorySystem system = system(MIN_CACHE);
    fill(system);
    assertEquals("alpha", system.engine());
    for (String name : List.of("beta", "alpha", "beta")) {
      EngineChange change = system.changeEngine(name);
      assertTrue(change.await(PATIENCE), "the change to " + name + " takes a minute");
      assertEquals(EngineChange.State.DONE, change.state(), () -> "" + change.failure());
      assertEquals(change.pagesTotal(), change.pagesDone());
      assertEquals(name, system.engine());
      assertFilled(system, "after the change to " + name);
    }
    byte[] seen = read(system.view(PageTag.SHARED), 0, PAGE);
    assertArrayEquals(
        pageOf(0), decrypt(beta, "beta", asidOf(0), 0, seen), "ciphertext after the change");
  }

  @Test
  final void shouldRollBackWhenTheNewEngineLies() throws Exception {
    MemorySystem system = system(MIN_CACHE);
    fill(system);
    beta.lieAfter(DRAM_PAGES / 2);
    EngineChange change = system.changeEngine("beta");
    assertTrue(change.await(PATIENCE), "a lying engine holds the change up for a minute");
    assertEquals(EngineChange.State.ROLLED_BACK, change.state());
    assertTrue(
        change.failure().orElse("").contains("beta"), () -> "not named: " + change.failure());
    assertEquals("alpha", system.engine());
    assertFilled(system, "after rolling back");
  }

  @Test
  final void shouldRefuseAChangeItCannotBegin() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    fill(system);
    HypervisorException unknown =
        assertThrows(HypervisorException.class, () -> system.changeEngine("gamma"));
    assertTrue(String.valueOf(unknown.getMessage()).contains("gamma"), unknown::toString);
    refusal.set(Optional.of("The owner said no"));
    assertThrows(HypervisorException.class, () -> system.changeEngine("beta"));
    assertEquals("alpha", system.engine());
    assertFilled(system, "after refused changes");
  }

  // Making and closing

  @Test
  final void shouldRefuseWhatItCannotMake() throws HypervisorException {
    MemorySystem system = system(MIN_CACHE);
    assertEquals(List.of(system), factory.systems());
    assertThrows(
        HypervisorException.class, () -> factory.create(system.config()), "the name is taken");
    assertThrows(
        HypervisorException.class,
        () -> factory.create(MemoryConfig.of("other", DRAM_BYTES).withEngine("gamma")));
    assertEquals(List.of(system), factory.systems(), "a refused system was left behind");
    system.close();
    open.remove(system);
    assertEquals(List.of(), factory.systems());
    assertThrows(IllegalStateException.class, () -> system.view(1).getByte(0));
  }

  // Tools

  /** A system with keys, and with ASIDs 1 to 3 live. */
  private MemorySystem system(int cachePages) throws HypervisorException {
    MemorySystem system =
        factory.create(
            MemoryConfig.of("contract", DRAM_BYTES).withSocCacheBytes((long) cachePages * PAGE));
    open.add(system);
    KeyInstaller installer =
        (asid, engine, key) -> {
          if (refusal.get().isEmpty()) {
            key.copyFrom(MemorySegment.ofArray(keyOf(asid, engine)));
          }
          return refusal.get();
        };
    system.setKeyInstaller(Optional.of(installer));
    for (int asid = 1; asid <= 3; asid++) {
      assertEquals(KeyStatus.INSTALLED, system.activate(asid));
    }
    return system;
  }

  private static byte[] keyOf(int asid, String engine) {
    return random(16, 1000L * asid + engine.hashCode());
  }

  /** Writes a page of its own to every page of DRAM, under three ASIDs in turn. */
  private static void fill(MemorySystem system) {
    for (int page = 0; page < DRAM_PAGES; page++) {
      write(system.view(asidOf(page)), (long) page * PAGE, pageOf(page));
    }
  }

  private static void assertFilled(MemorySystem system, String when) {
    for (int page = 0; page < DRAM_PAGES; page++) {
      int now = page;
      assertArrayEquals(
          pageOf(page),
          read(system.view(asidOf(page)), (long) page * PAGE, PAGE),
          () -> "page " + now + " " + when);
    }
  }

  private static int asidOf(int page) {
    return 1 + page % 3;
  }

  private static byte[] pageOf(int page) {
    return random(PAGE, 7_000 + page);
  }

  private static byte[] decrypt(
      SampleEngine factory, String name, int asid, long spa, byte[] cipher) {
    MemorySegment plain = MemorySegment.ofArray(new byte[cipher.length]);
    try (MemoryEncryptionEngine engine = factory.create(MemorySegment.ofArray(keyOf(asid, name)))) {
      engine.decrypt(spa, MemorySegment.ofArray(cipher), plain);
    }
    return plain.toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] read(MemoryView view, long spa, int bytes) {
    byte[] result = new byte[bytes];
    view.read(spa, MemorySegment.ofArray(result));
    return result;
  }

  private static void write(MemoryView view, long spa, byte[] bytes) {
    view.write(spa, MemorySegment.ofArray(bytes));
  }

  private static byte[] random(int bytes, long seed) {
    byte[] result = new byte[bytes];
    new Random(seed).nextBytes(result);
    return result;
  }

  private static byte[] filled(int bytes, int value) {
    byte[] result = new byte[bytes];
    Arrays.fill(result, (byte) value);
    return result;
  }
}
