package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySuspendedException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.memory.internal.FakeEngine.Trouble;

/**
 * An engine that spins for ever and heeds no interrupt. Tags 1 to 4 are its guests; tag 0 stands
 * for the host, its devices and guests without encryption: none of their threads may stay in it.
 */
@Timeout(300)
class SpinningEngineTest {
  private static final int PAGE = Rig.PAGE;
  private static final int GUEST_PAGES = 32;
  private static final int FIRST_SHARED = 40;
  private static final int PAGES = 100;
  private static final int FRAMES = 8;

  private final Rig rig = new Rig(Rig.SHORT);

  /** Lets threads out that still spin. */
  @AfterEach
  void mend() {
    rig.alpha.mend();
    rig.beta.mend();
  }

  /** The cache is full of what only the engine can write back, and the engine spins. */
  private MemorySystem fullOfDirtyPages() {
    MemorySystem system = rig.system(PAGES, FRAMES);
    for (int page = 0; page < GUEST_PAGES; page++) {
      Rig.write(system, 1, (long) page * PAGE, Rig.pattern(page, PAGE));
    }
    assertEquals(FRAMES, system.stats().dirtyPages());
    rig.alpha.breakNow(Trouble.SPIN);
    return system;
  }

  /** Runs something as a thread that must not stay in the engine. */
  private static <T> T asOther(Callable<T> code) throws Exception {
    FutureTask<T> task = new FutureTask<>(code);
    Thread.ofPlatform().daemon().name("another guest").start(task);
    return task.get(120, TimeUnit.SECONDS);
  }

  private static List<String> threadsInEngine() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry ->
            List.of(entry.getValue()).stream()
                .anyMatch(frame -> frame.getClassName().contains("FakeEngine")))
        .map(entry -> entry.getKey().getName())
        .toList();
  }

  /** The engine still spins, somewhere else; and once it works again, nothing is lost. */
  private void assertNamedAndNothingLost(MemorySystem system) throws Exception {
    assertTrue(system.suspension(1).orElseThrow().contains("Engine alpha failed"));
    assertFalse(threadsInEngine().isEmpty());
    for (String thread : threadsInEngine()) {
      assertTrue(thread.startsWith("redoubt evictor"), thread);
    }
    rig.alpha.mend();
    EngineChange again = system.changeEngine("alpha");
    assertTrue(again.await(Duration.ofSeconds(120)));
    assertEquals(EngineChange.State.DONE, again.state());
    for (int page = 0; page < GUEST_PAGES; page++) {
      assertArrayEquals(
          Rig.pattern(page, PAGE), Rig.read(system, 1, (long) page * PAGE, PAGE), "page " + page);
    }
  }

  @Test
  void shouldLetViewOfOthersRunOnWhenItNeedsRoom() throws Exception {
    try (MemorySystem system = fullOfDirtyPages()) {
      asOther(() -> {
        for (int page = FIRST_SHARED; page < PAGES; page++) {
          Rig.write(system, 0, (long) page * PAGE, Rig.pattern(page, PAGE));
        }
        return 0;
      });
      for (int page = FIRST_SHARED; page < PAGES; page++) {
        assertArrayEquals(Rig.pattern(page, PAGE), Rig.read(system, 0, (long) page * PAGE, PAGE));
      }
      assertNamedAndNothingLost(system);
    }
  }

  @Test
  void shouldLetVcpuOfOthersRunOnWhenItNeedsRoom() throws Exception {
    try (MemorySystem system = fullOfDirtyPages()) {
      long written =
          asOther(() -> {
            MemoryPort port = system.attach(new Idle());
            port.enter();
            long pages = 0;
            for (int page = FIRST_SHARED; page < PAGES; page++) {
              pages += port.page((long) page * PAGE, 0, true) > 0 ? 1 : 0;
              port.safepoint();
            }
            port.close();
            return pages;
          });
      assertEquals(PAGES - FIRST_SHARED, written);
      assertNamedAndNothingLost(system);
    }
  }

  @Test
  void shouldTellWhoReadsTheCiphertextThatItIsSuspended() throws Exception {
    try (MemorySystem system = fullOfDirtyPages()) {
      long cached = (GUEST_PAGES - 1L) * PAGE;
      assertThrows(
          MemorySuspendedException.class,
          () -> {
            try {
              asOther(() -> system.view(0).getLong(cached));
            } catch (java.util.concurrent.ExecutionException e) {
              throw e.getCause();
            }
          });
      assertNamedAndNothingLost(system);
    }
  }

  @Test
  void shouldReturnFromFlushAndResize() throws Exception {
    try (MemorySystem system = fullOfDirtyPages()) {
      asOther(() -> {
        system.wbinvd();
        system.flush();
        ((SocMemory) system).resize(16L * PAGE);
        ((SocMemory) system).resize((long) FRAMES * PAGE);
        return 0;
      });
      assertNamedAndNothingLost(system);
    }
  }

  @Test
  void shouldCloseWhileItSpins() throws Exception {
    MemorySystem system = fullOfDirtyPages();
    asOther(() -> {
      system.close();
      return 0;
    });
    assertEquals(List.of(), rig.factory.systems());
  }

  @Test
  void shouldTurnBackWhenNewEngineSpinsAndOthersEvict() throws Exception {
    try (MemorySystem system = rig.system(PAGES, FRAMES)) {
      for (int page = 0; page < GUEST_PAGES; page++) {
        Rig.write(system, 1, (long) page * PAGE, Rig.pattern(page, PAGE));
      }
      rig.beta.breakAfter(12, Trouble.SPIN);
      EngineChange change = system.changeEngine("beta");
      asOther(() -> {
        for (int round = 0; round < 20; round++) {
          for (int page = FIRST_SHARED; page < PAGES; page++) {
            system.view(0).putLong((long) page * PAGE, round);
          }
        }
        return 0;
      });
      assertTrue(change.await(Duration.ofSeconds(120)));
      assertEquals(EngineChange.State.ROLLED_BACK, change.state(), change.failure().toString());
      for (int page = 0; page < GUEST_PAGES; page++) {
        assertArrayEquals(
            Rig.pattern(page, PAGE), Rig.read(system, 1, (long) page * PAGE, PAGE), "page " + page);
      }
    }
  }

  /** A vCPU that keeps no addresses. */
  private static final class Idle implements MemoryClient {
    @Override
    public void requestSafepoint() {}

    @Override
    public void revoke(long[] hostPages, int count) {}

    @Override
    public void revokeAll() {}

    @Override
    public void contentsChanged(long spa, long bytes) {}
  }
}
