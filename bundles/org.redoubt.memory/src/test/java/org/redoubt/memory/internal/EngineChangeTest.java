package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.memory.internal.FakeEngine.Trouble;

@Timeout(300)
class EngineChangeTest {
  private static final int PAGE = Rig.PAGE;
  private static final int PAGES = 200;
  private static final Duration LONG = Duration.ofSeconds(120);

  private final Rig rig = new Rig();

  /** Every page under tag 1 to 4 in turn, page 0 shared, page 1 never written. */
  private static void fillAll(MemorySystem system) {
    for (int page = 2; page < PAGES; page++) {
      Rig.write(system, tag(page), (long) page * PAGE, Rig.pattern(page, PAGE));
    }
    Rig.write(system, 0, 0, Rig.pattern(0, PAGE));
  }

  private static int tag(int page) {
    return 1 + page % 4;
  }

  private static void assertAllRight(MemorySystem system) {
    for (int page = 2; page < PAGES; page++) {
      assertArrayEquals(
          Rig.pattern(page, PAGE),
          Rig.read(system, tag(page), (long) page * PAGE, PAGE),
          "page " + page);
    }
    assertArrayEquals(Rig.pattern(0, PAGE), Rig.read(system, 0, 0, PAGE));
  }

  private void assertAllBy(MemorySystem system, String name, FakeEngine engine) {
    system.wbinvd();
    for (int page = 2; page < PAGES; page++) {
      byte[] key = Keys4Tests.key(tag(page), name, 0, 32);
      MemorySegment back = MemorySegment.ofArray(new byte[PAGE]);
      try (MemoryEncryptionEngine alone = engine.create(MemorySegment.ofArray(key))) {
        long spa = (long) page * PAGE;
        alone.decrypt(spa, MemorySegment.ofArray(Rig.dram(system, spa, PAGE)), back);
      }
      assertArrayEquals(Rig.pattern(page, PAGE), back.toArray(ValueLayout.JAVA_BYTE));
    }
  }

  private static EngineChange change(MemorySystem system, String name) throws Exception {
    EngineChange change = system.changeEngine(name);
    assertTrue(change.await(LONG), "ends");
    return change;
  }

  private static void until(BooleanSupplier condition, String what) throws InterruptedException {
    for (int i = 0; i < 12_000; i++) {
      if (condition.getAsBoolean()) {
        return;
      }
      Thread.sleep(10);
    }
    throw new AssertionError("waited in vain: " + what);
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 64, 1024})
  void shouldMoveEveryPageWhenEngineIsChanged(int cachePages) throws Exception {
    try (MemorySystem system = rig.system(PAGES, cachePages)) {
      fillAll(system);
      EngineChange change = change(system, "beta");
      assertEquals(EngineChange.State.DONE, change.state(), change.failure().toString());
      assertEquals("alpha", change.from());
      assertEquals("beta", change.to());
      assertEquals(change.pagesTotal(), change.pagesDone());
      assertEquals("beta", system.engine());
      assertEquals(Optional.empty(), system.change());
      assertAllRight(system);
      assertAllBy(system, "beta", rig.beta);
      assertEquals(0, rig.alpha.open.get(), "old engines are closed");
      assertEquals(4, rig.beta.open.get());
      assertEquals(
          PAGES - 2,
          system.stats().engines().stream()
              .filter(engine -> engine.current())
              .findFirst()
              .orElseThrow()
              .pages());
    }
    assertEquals(0, rig.beta.open.get());
    assertEquals(0, rig.alpha.afterClose.get() + rig.beta.afterClose.get());
  }

  @Test
  void shouldMoveHostPagesToo() throws Exception {
    try (MemorySystem system = rig.system(Rig.config(PAGES, 8).withHostEncryption(true))) {
      fillAll(system);
      system.flush();
      byte[] before = Rig.dram(system, 0, PAGE);
      change(system, "beta");
      assertAllRight(system);
      assertFalse(java.util.Arrays.equals(before, Rig.dram(system, 0, PAGE)));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 4096})
  void shouldLoseNothingWhenChangedUnderWriters(int cachePages) throws Exception {
    try (MemorySystem system = rig.system(PAGES, cachePages)) {
      fillAll(system);
      AtomicBoolean stop = new AtomicBoolean();
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        int tag = 1 + t;
        work.add(() -> {
          MemoryView view = system.view(tag);
          long i = 0;
          while (!stop.get()) {
            // Each writer its own pages, read back in between.
            int page = 4 + (int) (i * 7 % 48) * 4 + (tag - 1);
            long spa = (long) page * PAGE + 8 * (i % 512);
            long was = view.getLong(spa);
            view.putLong(spa, ~was);
            if (view.getLong(spa) != ~was) {
              throw new AssertionError("lost at %x".formatted(spa));
            }
            view.putLong(spa, was);
            i++;
          }
          return i;
        });
      }
      work.add(() -> {
        for (int i = 0; i < 5; i++) {
          EngineChange change = change(system, i % 2 == 0 ? "beta" : "alpha");
          assertEquals(EngineChange.State.DONE, change.state());
        }
        stop.set(true);
        return 0L;
      });
      PortTest.runAll(work);
      assertAllRight(system);
      assertEquals("beta", system.engine());
      assertEquals(0, rig.alpha.open.get());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "THROW, 8, false",
    "THROW, 64, true",
    "THROW, 1024, true",
    "THROW, 1024, false",
    "GARBAGE_ENCRYPT, 64, false",
    "GARBAGE_ENCRYPT, 1024, true",
    "GARBAGE_DECRYPT, 64, true",
    "GARBAGE_DECRYPT, 1024, false",
    "HANG, 64, true",
    "HANG, 1024, true",
    "SPIN, 64, true",
    "SPIN, 1024, true"
  })
  void shouldRollBackWhenNewEngineFailsHalfWay(Trouble trouble, int cachePages, boolean clean)
      throws Exception {
    Rig quick = new Rig(Rig.SHORT);
    try (MemorySystem system = quick.system(PAGES, cachePages)) {
      fillAll(system);
      system.flush();
      if (!clean) {
        fillAll(system);
      }
      quick.beta.breakAfter(100, trouble);
      EngineChange change = change(system, "beta");
      assertEquals(EngineChange.State.ROLLED_BACK, change.state(), change.failure().toString());
      assertTrue(change.failure().orElseThrow().contains("beta"), change.failure().toString());
      assertEquals("alpha", system.engine());
      assertAllRight(system);
      assertAllBy(system, "alpha", quick.alpha);
      if (trouble != Trouble.HANG && trouble != Trouble.SPIN) {
        assertEquals(0, quick.beta.open.get(), "its slots are closed");
      }
      quick.beta.mend();
    }
  }

  /** Pages go in and out of the cache, read only and written, before and after they have moved. */
  @ParameterizedTest
  @CsvSource({
    "THROW, 8", "THROW, 64", "THROW, 256",
    "GARBAGE_ENCRYPT, 8", "GARBAGE_ENCRYPT, 64", "GARBAGE_ENCRYPT, 256",
    "GARBAGE_DECRYPT, 8", "GARBAGE_DECRYPT, 64", "GARBAGE_DECRYPT, 256"
  })
  void shouldRollBackUnderReadersAndWritersWheneverNewEngineFails(Trouble trouble, int cachePages)
      throws Exception {
    int pages = 400;
    int counted = 300;
    try (MemorySystem system = rig.system(pages, cachePages)) {
      for (int page = 0; page < pages; page++) {
        Rig.write(system, 1, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      AtomicBoolean stop = new AtomicBoolean();
      long[] counts = new long[counted];
      List<Callable<Long>> work = new ArrayList<>();
      for (int t = 0; t < 3; t++) {
        int first = t;
        work.add(() -> {
          SplittableRandom random = new SplittableRandom(first);
          while (!stop.get()) {
            int page = random.nextInt(pages);
            if (page < counted && page % 3 == first && random.nextBoolean()) {
              system.view(1).getAndAddLong((long) page * PAGE, 1);
              counts[page]++;
            } else {
              assertEquals(
                  Rig.pattern(page, PAGE)[4000],
                  system.view(1).getByte((long) page * PAGE + 4000),
                  "page " + page);
            }
          }
          return 0L;
        });
      }
      work.add(() -> {
        try {
          for (int round = 0; round < 6; round++) {
            system.flush(); // so that each of them has to move, which takes two calls at least
            rig.beta.breakAfter(40 + 110L * round, trouble);
            EngineChange change = change(system, "beta");
            rig.beta.mend();
            assertEquals(
                EngineChange.State.ROLLED_BACK,
                change.state(),
                "round " + round + ": " + change.failure());
          }
          return 0L;
        } finally {
          stop.set(true);
        }
      });
      PortTest.runAll(work);
      for (int page = 0; page < pages; page++) {
        byte[] expected = Rig.pattern(page, PAGE);
        if (page < counted) {
          MemorySegment first = MemorySegment.ofArray(expected);
          long before = first.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
          first.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, before + counts[page]);
        }
        assertArrayEquals(expected, Rig.read(system, 1, (long) page * PAGE, PAGE), "page " + page);
      }
    }
  }

  /** Who asked is told, and says it; the log is for what nobody asked for. */
  @Test
  void shouldLogFailedChangeOnlyWhenNobodyAskedForIt() throws Exception {
    List<String> logged = new CopyOnWriteArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord entry) {
            logged.add(new SimpleFormatter().formatMessage(entry));
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger logger = Logger.getLogger("org.redoubt.memory");
    Level before = logger.getLevel();
    logger.setUseParentHandlers(false);
    logger.addHandler(handler);
    logger.setLevel(Level.WARNING);
    try (MemorySystem system = rig.system(PAGES, 64)) {
      fillAll(system);
      rig.beta.breakAfter(100, Trouble.THROW);
      EngineChange asked = change(system, "beta");
      assertEquals(EngineChange.State.ROLLED_BACK, asked.state());
      assertTrue(asked.failure().orElseThrow().contains("Engine beta failed"));
      assertEquals(List.of(), logged);
      FakeEngine gamma = new FakeEngine(3);
      gamma.breakAfter(100, Trouble.THROW);
      rig.beta.mend();
      system.changeEngine("alpha");
      rig.factory.configure(
          new Settings(
              Optional.of("gamma"), Optional.empty(), LONG, LONG, true)); // which waits for it
      rig.factory.engineCame("gamma", gamma, 100, 3);
      until(() -> logged.stream().anyMatch(line -> line.contains("gamma failed")), "logged");
      assertEquals(
          1, logged.stream().filter(line -> line.contains("gamma failed")).count(), "once");
    } finally {
      logger.removeHandler(handler);
      logger.setUseParentHandlers(true);
      logger.setLevel(before);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void shouldRollBackWhenCancelled(boolean keep) throws Exception {
    Settings before = rig.factory.settings().get();
    rig.factory.configure(
        new Settings(
            Optional.empty(), Optional.empty(), before.engineLimit(), before.carryLimit(), keep));
    try (MemorySystem system = rig.system(20_000, 64)) {
      for (int page = 0; page < 20_000; page++) {
        system.view(1).putLong((long) page * PAGE, page);
      }
      rig.beta.nanosOfCall = 1_000_000; // or it might be done first
      EngineChange change = system.changeEngine("beta");
      change.cancel();
      rig.beta.nanosOfCall = 0;
      assertTrue(change.await(LONG));
      assertEquals(EngineChange.State.ROLLED_BACK, change.state());
      assertEquals(Optional.of("Cancelled"), change.failure());
      assertEquals("alpha", system.engine());
      assertEquals(0, change.pagesDone());
      for (int page = 0; page < 20_000; page++) {
        assertEquals(page, system.view(1).getLong((long) page * PAGE));
      }
      assertEquals(0, rig.beta.open.get());
      change.cancel();
    }
  }

  @Test
  void shouldRefuseAndChangeNothingWhenItCannotBegin() throws Exception {
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      assertRefused(system, "gamma", "gamma", "alpha, beta");
      system.setKeyInstaller(Optional.empty());
      assertRefused(system, "beta", "No key installer");
      system.setKeyInstaller(Optional.of(rig.keys));
      rig.keys.refusal = Optional.of("The policy of guest 7 forbids it");
      assertRefused(system, "beta", "guest 7");
      rig.keys.refusal = Optional.empty();
      rig.beta.breakNow(Trouble.GARBAGE_ENCRYPT);
      assertRefused(system, "beta", "does not decrypt");
      rig.factory.engineCame("huge", new FakeEngine(9, 4096), 0, 9);
      assertRefused(system, "huge", "key size");
      assertEquals("alpha", system.engine());
      assertEquals(4, rig.alpha.open.get());
      assertEquals(0, rig.beta.open.get());
      assertAllRight(system);
    }
  }

  /** Making room may leave the rest of a batch cached then; emptying the cache may not. */
  @Test
  void shouldWriteEverythingBackWhenEngineIsSlow() throws Exception {
    int pages = 3000;
    try (MemorySystem system = rig.system(pages, 2048)) {
      for (int page = 0; page < 2000; page++) {
        system.view(1).putLong((long) page * PAGE, page);
      }
      rig.alpha.nanosOfCall = 20_000;
      for (int page = 2000; page < pages; page++) {
        system.view(1).putLong((long) page * PAGE, page);
      }
      system.wbinvd();
      assertEquals(0, system.stats().residentPages());
      assertEquals(0, system.stats().dirtyPages());
      rig.alpha.nanosOfCall = 0;
      for (int page = 0; page < pages; page++) {
        assertEquals(page, system.view(1).getLong((long) page * PAGE));
      }
    }
  }

  /**
   * Its first calls are for the JIT, when many pages are to be carried; no page depends on them.
   */
  @ParameterizedTest
  @CsvSource({"THROW, threw IllegalStateException: injected", "HANG, takes more than 2000 ms"})
  void shouldRefuseEngineThatFailsWhileItIsWarmedUp(Trouble trouble, String why) throws Exception {
    int pages = 4400;
    Rig quick = new Rig(Rig.SHORT);
    try (MemorySystem system = quick.system(pages, 64)) {
      for (int page = 0; page < pages; page++) {
        system.view(1).putLong((long) page * PAGE, page);
      }
      system.flush();
      quick.beta.breakAfter(2, trouble); // the trial of the first key
      assertRefused(system, "beta", "beta cannot take over from alpha", why);
      assertEquals("alpha", system.engine());
      assertEquals(0, quick.beta.afterClose.get(), "nothing is called after close");
      quick.beta.mend();
      assertEquals(EngineChange.State.DONE, change(system, "beta").state());
      for (int page = 0; page < pages; page++) {
        assertEquals(page, system.view(1).getLong((long) page * PAGE));
      }
    }
  }

  private static void assertRefused(MemorySystem system, String engine, String... parts) {
    String message =
        String.valueOf(
            assertThrows(HypervisorException.class, () -> system.changeEngine(engine))
                .getMessage());
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
    assertFalse(message.contains("\n"), message);
  }

  @Test
  void shouldSuspendAndRollBackLaterWhenNothingWasKeptAndNewEngineFails() throws Exception {
    Settings before = rig.factory.settings().get();
    rig.factory.configure(
        new Settings(
            Optional.empty(), Optional.empty(), before.engineLimit(), before.carryLimit(), false));
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.beta.breakAfter(100, Trouble.THROW);
      EngineChange change = change(system, "beta");
      assertEquals(EngineChange.State.SUSPENDED, change.state());
      assertEquals("alpha", system.engine());
      assertThrows(MemorySuspendedException.class, () -> assertAllRight(system));
      rig.factory.engineCame("gamma", new FakeEngine(3), 0, 3);
      assertRefused(system, "gamma", "brought back to engine alpha");
      rig.beta.mend();
      bringBack(system, "alpha");
      assertAllRight(system);
      assertAllBy(system, "alpha", rig.alpha);
    }
  }

  /** By command, unless the system has begun by itself, now that it can. */
  private static void bringBack(MemorySystem system, String engine) throws InterruptedException {
    until(
        () -> {
          try {
            return change(system, engine).state() == EngineChange.State.DONE;
          } catch (HypervisorException e) {
            return false;
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        },
        "back to " + engine);
  }

  @Test
  void shouldBeDoneAtOnceWhenEngineIsInUse() throws Exception {
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      EngineChange change = system.changeEngine("alpha");
      assertEquals(EngineChange.State.DONE, change.state());
      assertTrue(change.await(Duration.ZERO));
    }
  }

  @Test
  void shouldGiveKeysInBothEnginesWhenActivatedDuringChange() throws Exception {
    try (MemorySystem system = rig.system(5000, 64)) {
      system.view(1).fill(0, 5000L * PAGE, (byte) 3);
      rig.beta.nanosOfCall = 1_000_000; // or it might be done first
      EngineChange change = system.changeEngine("beta");
      assertEquals(KeyStatus.INSTALLED, system.activate(7));
      change.cancel();
      rig.beta.nanosOfCall = 0;
      assertTrue(change.await(LONG));
      assertEquals(EngineChange.State.ROLLED_BACK, change.state());
      system.view(7).putLong(0, 5);
      system.wbinvd();
      assertEquals(5, system.view(7).getLong(0));
      assertEquals(5, rig.alpha.open.get());
      assertEquals(0, rig.beta.open.get());
    }
  }

  // Engines come and go

  @Test
  void shouldFollowRankUnlessEngineIsNamed() throws Exception {
    try (MemorySystem follows = rig.system(PAGES, 8);
        MemorySystem named =
            rig.system(
                new org.redoubt.api.memory.MemoryConfig(
                    "named",
                    org.redoubt.api.memory.AddressMap.flat(PAGES * (long) PAGE),
                    Optional.empty(),
                    8 * PAGE,
                    Optional.of("alpha"),
                    false,
                    10))) {
      fillAll(follows);
      fillAll(named);
      FakeEngine gamma = new FakeEngine(3);
      rig.factory.engineCame("gamma", gamma, 100, 3);
      until(() -> follows.engine().equals("gamma") && follows.change().isEmpty(), "gamma");
      assertEquals("alpha", named.engine());
      rig.factory.engineCame("gamma", gamma, 1, 3);
      until(() -> follows.engine().equals("alpha") && follows.change().isEmpty(), "alpha");
      follows.changeEngine("beta").await(LONG);
      rig.factory.engineCame("gamma", gamma, 200, 3);
      Thread.sleep(100);
      assertEquals("beta", follows.engine(), "a command holds");
      assertAllRight(follows);
      assertAllRight(named);
    }
  }

  @Test
  void shouldFollowSettingsAtOnce() throws Exception {
    try (MemorySystem system = rig.system(PAGES, 64)) {
      fillAll(system);
      Settings before = rig.factory.settings().get();
      rig.factory.configure(
          new Settings(
              Optional.of("beta"),
              Optional.of(8L * PAGE),
              before.engineLimit(),
              before.carryLimit(),
              true));
      until(() -> system.engine().equals("beta") && system.change().isEmpty(), "beta");
      assertEquals(8, system.stats().capacityPages());
      assertTrue(system.stats().residentPages() <= 8);
      assertAllRight(system);
      rig.factory.configure(before);
      until(() -> system.engine().equals("alpha"), "alpha");
      assertEquals(64, system.stats().capacityPages());
      assertAllRight(system);
    }
  }

  @Test
  void shouldCarryPagesOverBeforeServiceIsGone() throws Exception {
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.factory.engineGoes(1, true);
      assertEquals("beta", system.engine());
      assertEquals(0, rig.alpha.open.get());
      rig.alpha.breakNow(Trouble.THROW);
      assertAllRight(system);
      rig.alpha.mend();
      rig.factory.engineCame("alpha", rig.alpha, 10, 4);
      until(() -> system.engine().equals("alpha") && system.change().isEmpty(), "alpha again");
      assertAllRight(system);
    }
  }

  @Test
  void shouldNotCarryOverToEngineWithoutKey() {
    rig.factory.engineGoes(2, true);
    rig.factory.engineCame("none", new FakeEngine(0, 0), -10, 5);
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.factory.engineGoes(1, true);
      assertEquals("alpha", system.engine());
      String reason = system.suspension(1).orElseThrow();
      assertTrue(reason.contains("alpha has gone"), reason);
    }
  }

  @Test
  void shouldSuspendAndResumeWhenNothingFits() throws Exception {
    List<String> events = new CopyOnWriteArrayList<>();
    rig.factory.engineGoes(2, true);
    try (MemorySystem system = rig.system(PAGES, 8)) {
      system.addListener(
          new MemoryListener() {
            @Override
            public void suspended(int tag, String reason) {
              events.add("suspended " + tag);
            }

            @Override
            public void resumed(int tag) {
              events.add("resumed " + tag);
            }
          });
      fillAll(system);
      byte[] cipher = Rig.dram(system, 10 * PAGE, PAGE);
      rig.factory.engineGoes(1, true);
      long calls = rig.alpha.calls.get(); // the evictor may have been at work until then
      for (int tag = 1; tag <= 4; tag++) {
        assertTrue(system.suspension(tag).isPresent());
      }
      String message =
          String.valueOf(
              assertThrows(MemorySuspendedException.class, () -> system.view(1).getLong(8L * PAGE))
                  .getMessage());
      assertTrue(message.contains("alpha"), message);
      for (int page = 2; page < PAGES; page++) {
        long spa = (long) page * PAGE;
        int tag = tag(page);
        assertThrows(MemorySuspendedException.class, () -> system.view(tag).putLong(spa, 0));
      }
      // Others go on, even with a cache of 8 pages that may be full of the suspended ones.
      assertEquals(KeyStatus.NO_KEY, system.activate(9));
      Rig.write(system, 0, 0, Rig.pattern(0, PAGE));
      assertArrayEquals(Rig.pattern(0, PAGE), Rig.read(system, 0, 0, PAGE));
      assertEquals(calls, rig.alpha.calls.get(), "not called any more");
      assertArrayEquals(cipher, Rig.dram(system, 10 * PAGE, PAGE));

      FakeEngine other = new FakeEngine(77);
      rig.factory.engineCame("alpha", other, 10, 6);
      until(() -> system.suspension(1).orElse("").contains("another cipher"), "not taken in");
      rig.factory.engineGoes(6, true);
      rig.factory.engineCame("alpha", rig.alpha, 10, 7);
      until(() -> system.suspension(1).isEmpty(), "resumed");
      assertAllRight(system);
      until(() -> events.size() == 8, "told: " + events);
      assertEquals(
          List.of("suspended 1", "suspended 2", "suspended 3", "suspended 4"),
          events.subList(0, 4));
      assertTrue(events.contains("resumed 3"));
    }
  }

  @Test
  void shouldCarryNothingOverWhenEverythingStops() {
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.factory.engineGoes(1, false);
      assertEquals("alpha", system.engine());
      assertAllRight(system);
    }
  }

  @Test
  void shouldUseTwinWhenOneOfTwoProvidersGoes() {
    FakeEngine twin = new FakeEngine(1);
    rig.factory.engineCame("alpha", twin, 7, 8);
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.factory.engineGoes(1, true);
      rig.alpha.breakNow(Trouble.THROW);
      assertEquals("alpha", system.engine());
      assertAllRight(system);
      assertSame(0, rig.alpha.open.get());
      assertEquals(4, twin.open.get());
    }
  }

  // Engines fail later

  @ParameterizedTest
  @EnumSource(
      value = Trouble.class,
      names = {"THROW", "GARBAGE_ENCRYPT", "GARBAGE_DECRYPT", "HANG", "SPIN"})
  void shouldSuspendItsGuestsAndNobodyElseWhenEngineFailsLater(Trouble trouble) throws Exception {
    Rig quick = new Rig(Rig.SHORT);
    try (MemorySystem system = quick.system(PAGES, 8);
        MemorySystem other =
            quick.system(
                new org.redoubt.api.memory.MemoryConfig(
                    "other",
                    org.redoubt.api.memory.AddressMap.flat(PAGES * (long) PAGE),
                    Optional.empty(),
                    8 * PAGE,
                    Optional.of("beta"),
                    false,
                    10))) {
      fillAll(system);
      fillAll(other);
      fillCacheWithDirtyPages(system, 8);
      quick.alpha.breakNow(trouble);
      Thread toucher =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                try {
                  if (trouble == Trouble.GARBAGE_DECRYPT) {
                    system.flush(); // a fill would be believed
                  }
                  for (int page = 2; page < PAGES; page++) {
                    system.view(tag(page)).putLong((long) page * PAGE + 8, 0x55L);
                  }
                } catch (MemorySuspendedException e) {
                  // as it should be
                }
              });
      until(() -> system.suspension(2).isPresent(), "suspended");
      assertTrue(system.suspension(2).orElseThrow().contains("alpha"));
      for (int tag = 1; tag <= 4; tag++) {
        int suspended = tag;
        assertThrows(
            MemorySuspendedException.class, () -> system.view(suspended).getLong(20L * PAGE));
      }
      assertAllRight(other);
      for (int page = 0; page < 2; page++) {
        Rig.write(system, 0, 0, Rig.pattern(0, PAGE));
      }
      assertArrayEquals(Rig.pattern(0, PAGE), Rig.read(system, 0, 0, PAGE));

      quick.alpha.mend();
      assertEquals(EngineChange.State.DONE, change(system, "alpha").state());
      assertEquals(Optional.empty(), system.suspension(2));
      toucher.join(LONG.toMillis());
      for (int page = 2; page < PAGES; page++) {
        byte[] bytes = Rig.read(system, tag(page), (long) page * PAGE, PAGE);
        java.util.Arrays.fill(bytes, 8, 16, (byte) 0);
        byte[] expected = Rig.pattern(page, PAGE);
        java.util.Arrays.fill(expected, 8, 16, (byte) 0);
        assertArrayEquals(expected, bytes, "page " + page);
      }
    }
  }

  /**
   * No room without a write-back, then, which finds out that an engine lies. The evictor may still
   * be at work for those who filled the cache, so the state must last.
   */
  private static void fillCacheWithDirtyPages(MemorySystem system, int pages)
      throws InterruptedException {
    int[] lasted = {0};
    until(
        () -> {
          if (system.stats().dirtyPages() == pages) {
            return ++lasted[0] == 4;
          }
          lasted[0] = 0;
          for (int page = PAGES - pages; page < PAGES; page++) {
            system.view(tag(page)).putByte((long) page * PAGE, Rig.pattern(page, PAGE)[0]);
          }
          return false;
        },
        "a cache full of dirty pages");
  }

  @Test
  void shouldNotResumeByItselfWhenFailedEngineStaysAround() throws Exception {
    try (MemorySystem system = rig.system(PAGES, 8)) {
      fillAll(system);
      rig.alpha.breakNow(Trouble.THROW);
      assertThrows(MemorySuspendedException.class, () -> assertAllRight(system));
      rig.alpha.mend();
      rig.factory.engineCame("gamma", new FakeEngine(3), 0, 3);
      Thread.sleep(200);
      assertTrue(system.suspension(1).isPresent());
      rig.factory.engineGoes(1, true);
      rig.factory.engineCame("alpha", rig.alpha, 10, 11);
      until(() -> system.suspension(1).isEmpty(), "its bundle has started again");
      assertAllRight(system);
    }
  }
}
