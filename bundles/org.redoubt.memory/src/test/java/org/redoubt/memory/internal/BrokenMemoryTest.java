package org.redoubt.memory.internal;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.testkit.memory.MemorySystemContract;
import org.redoubt.testkit.tool.Exam;

/** Examines the memory systems' exam: ours, broken in one way, fails where it should. */
final class BrokenMemoryTest {
  private enum Flaw {
    CACHE_OF_ANOTHER_SIZE,
    NEW_VIEW_EACH_TIME,
    WRITES_BEFORE_IT_REFUSES,
    NOT_ATOMIC,
    HOST_SEES_PLAIN_TEXT,
    ONE_KEY_FOR_ALL,
    REUSES_LIVE_ASIDS,
    FORGETS_WBINVD,
    KEYS_WITHOUT_OWNER,
    FLUSHES_NOTHING,
    DROPS_WHAT_IT_FLUSHES,
    STALE_TLB,
    WATCHES_NOTHING,
    NOT_DRAM_IS_NO_KEY,
    LOSES_STORES,
    NEVER_ALONE,
    ANSWERS_FOR_ITSELF,
    NO_HOST_KEY,
    TAKES_ANY_ENGINE,
    LEAVES_SYSTEMS_BEHIND
  }

  @ParameterizedTest
  @CsvSource({
    "CACHE_OF_ANOTHER_SIZE, shouldReadBackEveryPageAtAnyCacheSize",
    "NEW_VIEW_EACH_TIME, shouldGiveOneViewPerTag",
    "WRITES_BEFORE_IT_REFUSES, shouldRefuseRangesOutsideDramBeforeAnythingChanges",
    "NOT_ATOMIC, shouldLoseNoAtomicUpdateInTheSmallestCache",
    "HOST_SEES_PLAIN_TEXT, shouldShowTheHostOnlyTheEnginesCiphertext",
    "HOST_SEES_PLAIN_TEXT, shouldNeverHoldThePlainTextOfAPrivatePageInDram",
    "ONE_KEY_FOR_ALL, shouldShowTheHostOnlyTheEnginesCiphertext",
    "REUSES_LIVE_ASIDS, shouldRefuseAsidsInTheOrderOfTheFirmware",
    "FORGETS_WBINVD, shouldRefuseAsidsInTheOrderOfTheFirmware",
    "KEYS_WITHOUT_OWNER, shouldInstallNoKeyWithoutItsOwnersConsent",
    "FLUSHES_NOTHING, shouldWriteBackAndDropWhatIsFlushed",
    "DROPS_WHAT_IT_FLUSHES, shouldWriteBackAndDropWhatIsFlushed",
    "DROPS_WHAT_IT_FLUSHES, shouldWriteBackAndKeepWhatAGuestFlushes",
    "STALE_TLB, shouldTellAVcpuWhyItCannotHaveAPage",
    "NOT_DRAM_IS_NO_KEY, shouldTellAVcpuWhyItCannotHaveAPage",
    "WATCHES_NOTHING, shouldTellEveryVcpuWhenAWatchedPageIsWritten",
    "LOSES_STORES, shouldLoseNoStoreOfARunningVcpu",
    "NEVER_ALONE, shouldRunNoOtherVcpuWhileOneIsAlone",
    "ANSWERS_FOR_ITSELF, shouldRunNoOtherVcpuWhileOneIsAlone",
    "NO_HOST_KEY, shouldEncryptSharedPagesUnderTheHostsKeyWhenAsked",
    "TAKES_ANY_ENGINE, shouldRefuseAChangeItCannotBegin",
    "LEAVES_SYSTEMS_BEHIND, shouldRefuseWhatItCannotMake",
  })
  void shouldRefuseABrokenMemorySystem(Flaw flaw, String test) {
    Optional<Throwable> failure = Exam.failure(() -> new Contract(flaw), test);
    assertTrue(
        failure.isPresent() && failure.get() instanceof AssertionError,
        () -> flaw + " passed " + test + ", or broke it: " + failure);
  }

  private static final class Contract extends MemorySystemContract {
    private final Flaw flaw;

    Contract(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    protected MemorySystemFactory factory(Map<String, MemoryEncryptionEngineFactory> engines) {
      MemorySystemFactory ours = new MemoryContractTest().factory(engines);
      List<MemorySystem> made = new ArrayList<>();
      return new MemorySystemFactory() {
        @Override
        public MemorySystem create(MemoryConfig config) throws HypervisorException {
          MemoryConfig used = config;
          if (flaw == Flaw.CACHE_OF_ANOTHER_SIZE) {
            used = config.withSocCacheBytes(config.socCacheBytes() + 4096);
          } else if (flaw == Flaw.NO_HOST_KEY) {
            used = config.withHostEncryption(false);
          }
          MemorySystem system = broken(ours.create(used), flaw);
          made.add(system);
          return system;
        }

        @Override
        public List<MemorySystem> systems() {
          List<Boolean> live = ours.systems().stream().map(s -> true).toList();
          return flaw == Flaw.LEAVES_SYSTEMS_BEHIND || !live.isEmpty() ? made : List.of();
        }
      };
    }
  }

  /** What is done instead of a call; {@link #NOT} where nothing is. */
  private interface Instead {
    @Nullable Object call(Method method, Object[] arguments) throws Throwable;
  }

  private static final Object NOT = new Object();
  private static final Object[] NONE = {};

  private static <T> T wrap(Class<T> type, T ours, Instead instead) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          if (method.getName().equals("equals")) {
            return proxy == arguments[0];
          }
          try {
            Object answer = instead.call(method, arguments == null ? NONE : arguments);
            return answer != NOT ? answer : method.invoke(ours, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        };
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private static MemorySystem broken(MemorySystem ours, Flaw flaw) {
    Map<Integer, MemoryView> views = new HashMap<>();
    LateStore late = new LateStore();
    return wrap(
        MemorySystem.class,
        ours,
        (method, a) ->
            switch (method.getName()) {
              case "view" -> {
                int tag = (int) a[0];
                MemoryView view = ours.view(tag);
                synchronized (views) {
                  yield flaw == Flaw.NEW_VIEW_EACH_TIME
                      ? view(ours, view, flaw, late)
                      : views.computeIfAbsent(tag, t -> view(ours, view, flaw, late));
                }
              }
              case "attach" -> port(ours, (MemoryClient) a[0], flaw, late);
              case "setKeyInstaller" -> {
                @SuppressWarnings("unchecked")
                Optional<KeyInstaller> given = (Optional<KeyInstaller>) a[0];
                ours.setKeyInstaller(given.map(installer -> keys(installer, flaw)));
                yield null;
              }
              case "activate" -> activate(ours, (int) a[0], flaw);
              case "flush" -> {
                if (flaw == Flaw.DROPS_WHAT_IT_FLUSHES) {
                  ours.wbinvd();
                } else if (flaw != Flaw.FLUSHES_NOTHING) {
                  ours.flush();
                }
                yield null;
              }
              case "wbinvd" -> {
                if (flaw == Flaw.DROPS_WHAT_IT_FLUSHES) {
                  ours.wbinvd();
                  yield null;
                }
                yield NOT;
              }
              case "probe" -> {
                if (flaw == Flaw.HOST_SEES_PLAIN_TEXT) {
                  ours.view(1).read((long) a[0], (MemorySegment) a[1]);
                  yield null;
                }
                yield NOT;
              }
              case "changeEngine" ->
                  flaw == Flaw.TAKES_ANY_ENGINE && a[0].equals("gamma")
                      ? ours.changeEngine(ours.engine())
                      : NOT;
              default -> NOT;
            });
  }

  private static KeyInstaller keys(KeyInstaller installer, Flaw flaw) {
    return (asid, engine, key) -> {
      Optional<String> refusal =
          installer.install(flaw == Flaw.ONE_KEY_FOR_ALL ? 1 : asid, engine, key);
      return flaw == Flaw.KEYS_WITHOUT_OWNER ? Optional.empty() : refusal;
    };
  }

  private static KeyStatus activate(MemorySystem ours, int asid, Flaw flaw) {
    KeyStatus status = ours.activate(asid);
    boolean hides =
        flaw == Flaw.REUSES_LIVE_ASIDS && status == KeyStatus.ASID_LIVE
            || flaw == Flaw.FORGETS_WBINVD && status == KeyStatus.WBINVD_REQUIRED;
    return hides ? KeyStatus.INSTALLED : status;
  }

  private static MemoryView view(MemorySystem ours, MemoryView view, Flaw flaw, LateStore late) {
    return wrap(
        MemoryView.class,
        view,
        (method, a) ->
            switch (method.getName()) {
              case "write" -> {
                if (flaw == Flaw.WRITES_BEFORE_IT_REFUSES && (long) a[0] < 1 << 20) {
                  view.putByte(Math.clamp((long) a[0], 0, 4095), (byte) 0);
                }
                yield NOT;
              }
              case "read" -> {
                int tag = ours.pageInfo((long) a[0]).tag();
                if (flaw == Flaw.HOST_SEES_PLAIN_TEXT && view.tag() == 0 && tag != 0) {
                  ours.view(tag).read((long) a[0], (MemorySegment) a[1]);
                  yield null;
                }
                yield NOT;
              }
              case "getAndAddLong" -> {
                if (flaw == Flaw.NOT_ATOMIC) {
                  yield late.add(view, (long) a[0], (long) a[1]);
                }
                yield NOT;
              }
              default -> NOT;
            });
  }

  private static MemoryPort port(
      MemorySystem ours, MemoryClient client, Flaw flaw, LateStore late) {
    MemoryClient told =
        wrap(
            MemoryClient.class,
            client,
            (method, a) -> {
              boolean lost =
                  flaw == Flaw.STALE_TLB && method.getName().startsWith("revoke")
                      || flaw == Flaw.WATCHES_NOTHING && method.getName().equals("contentsChanged");
              return lost ? null : NOT;
            });
    MemoryPort port = ours.attach(told);
    long[] calls = new long[1];
    return wrap(
        MemoryPort.class,
        port,
        (method, a) -> {
          if (method.getName().equals("alone")) {
            return switch (flaw) {
              case NEVER_ALONE -> late.run(port, (IntSupplier) a[0]);
              case ANSWERS_FOR_ITSELF -> port.alone((IntSupplier) a[0]) < 0 ? -1 : -2;
              default -> NOT;
            };
          }
          if (!method.getName().equals("page")) {
            return NOT;
          }
          long page = port.page((long) a[0], (int) a[1], (boolean) a[2]);
          if (flaw == Flaw.NOT_DRAM_IS_NO_KEY && page == MemoryPort.NOT_DRAM) {
            return MemoryPort.NO_KEY;
          }
          if (flaw == Flaw.LOSES_STORES && page > 0 && calls[0]++ % 16 == 0) {
            ours.view(1).putLong(((long) a[0] & -4096) + 16, 0);
            return port.page((long) a[0], (int) a[1], (boolean) a[2]);
          }
          return page;
        });
  }

  /**
   * Keeps the first store of a system back until another thread has changed the number that it goes
   * to: an update is lost every time, whatever the machine.
   */
  private static final class LateStore {
    /** The number on the first page that the contract's vCPUs count on, and its tag. */
    private static final long COUNTER = 16;

    private static final int TAG = 1;
    private static final long LIMIT_NANOS = 60_000_000_000L;

    private final AtomicBoolean stored = new AtomicBoolean();
    private final ReentrantLock lock = new ReentrantLock();

    /** Adds in two steps. */
    long add(MemoryView view, long spa, long delta) {
      if (stored.getAndSet(true)) {
        return view.getAndAddLong(spa, delta);
      }
      long was = view.getLong(spa);
      long end = System.nanoTime() + LIMIT_NANOS;
      while (view.getLong(spa) == was && System.nanoTime() - end < 0) {
        Thread.yield();
      }
      view.putLong(spa, was + delta);
      return was;
    }

    /** Runs an action while other vCPUs do what they like, but for actions of theirs. */
    int run(MemoryPort port, IntSupplier action) {
      int answer = locked(port, action);
      if (answer < 0 || stored.getAndSet(true)) {
        return answer;
      }
      long seen = port.readLong(COUNTER, TAG);
      long end = System.nanoTime() + LIMIT_NANOS;
      while (port.readLong(COUNTER, TAG) == seen && System.nanoTime() - end < 0) {
        port.safepoint();
        Thread.yield();
      }
      locked(port, () -> putBack(port, seen));
      return answer;
    }

    private static int putBack(MemoryPort port, long value) {
      long now = port.readLong(COUNTER, TAG);
      while (port.compareAndExchangeLong(COUNTER, TAG, now, value) != now) {
        now = port.readLong(COUNTER, TAG);
      }
      return 0;
    }

    /** Others may wait for a safepoint of whoever waits here. */
    private int locked(MemoryPort port, IntSupplier action) {
      while (!lock.tryLock()) {
        port.safepoint();
        Thread.yield();
      }
      try {
        return action.getAsInt();
      } finally {
        lock.unlock();
      }
    }
  }
}
