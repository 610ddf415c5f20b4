package org.redoubt.cpu.interpreter.internal;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.cpu.Mmu;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.LocalApic;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.testkit.cpu.CpuEngineContract;
import org.redoubt.testkit.tool.Exam;

/** Examines the engines' exam: ours, broken in one way, fails in the test that is there for it. */
final class BrokenEngineTest {
  private enum Flaw {
    ANY_MODEL,
    NO_CARRY,
    WRONG_RAX,
    NO_HALTED,
    BACKWARDS_STAYS_FORWARDS,
    NO_LONG_MODE,
    WRONG_ERROR_CODES,
    SHUTDOWN_IS_HALT,
    DEAF,
    NEVER_A_STARTUP,
    NARROW_PORTS,
    WIDE_MMIO,
    NO_MSRS,
    STALE_CODE,
    STALE_TLB,
    ALL_SHARED,
    NO_STOP,
    STOPS_TWICE,
    NO_SAFEPOINT,
    STAYS_ENTERED,
    SUSPENDED_IS_HALT,
    FORGETS_XMM,
    FORGETS_NMI_BLOCKING,
    TAKES_ANY_STATE,
    STAYS_ATTACHED,
    NOT_ALONE,
    NO_STOPS,
    STOPS_LATE,
    SEES_NO_LOADS,
    COUNTS_ROUGHLY,
    RETIRES_LATE,
    FORGETS_WHAT_IT_RETIRED
  }

  @ParameterizedTest
  @CsvSource({
    "ANY_MODEL, shouldRefuseAModelItDoesNotHave",
    "NO_CARRY, shouldComputeAsAProcessorDoes",
    "WRONG_RAX, shouldComputeAsAProcessorDoes",
    "NO_HALTED, shouldComputeAsAProcessorDoes",
    "BACKWARDS_STAYS_FORWARDS, shouldMoveStringsAsByteByByteWould",
    "NO_LONG_MODE, shouldGoFromRealModeTo64BitMode",
    "WRONG_ERROR_CODES, shouldDeliverFaultsPrecisely",
    "SHUTDOWN_IS_HALT, shouldShutDownOnATripleFault",
    "DEAF, shouldTakeAnInterruptAfterTheInstructionBehindSti",
    "DEAF, shouldWakeFromHltByAnInterruptAndNotWithoutIf",
    "NEVER_A_STARTUP, shouldWaitForSipi",
    "NARROW_PORTS, shouldReachPorts",
    "WIDE_MMIO, shouldReachMmio",
    "NO_MSRS, shouldReachMsrsLeavesAndTheHypervisor",
    "STALE_CODE, shouldExecuteWhatACodePageHoldsNow",
    "STALE_TLB, shouldTranslateAnewAfterInvlpgAndCr3",
    "ALL_SHARED, shouldKeepPrivateMemoryPrivate",
    "NO_STOP, shouldStopWhenAskedBeforeItRuns",
    "NO_STOP, shouldStopWhenAskedWhileItLoops",
    "STOPS_TWICE, shouldStopWhenAskedBeforeItRuns",
    "NO_SAFEPOINT, shouldComeToSafepointsAndLoseNoStore",
    "STAYS_ENTERED, shouldLeaveTheMemoryPortWhenItReturns",
    "SUSPENDED_IS_HALT, shouldExitWhileMemoryIsSuspendedAndGoOnLater",
    "FORGETS_XMM, shouldGiveBackTheStateItTook",
    "FORGETS_NMI_BLOCKING, shouldGiveBackTheStateItTook",
    "TAKES_ANY_STATE, shouldRefuseStateThatNoProcessorCanBeInAndStayAsItWas",
    "STAYS_ATTACHED, shouldDetachFromMemoryWhenClosed",
    "NOT_ALONE, shouldBeAtomicAcrossEightBytesPagesAndCode",
    "NO_STOPS, shouldStopWhereADebuggerAsksOrSayThatItCannot",
    "STOPS_LATE, shouldStopWhereADebuggerAsksOrSayThatItCannot",
    "SEES_NO_LOADS, shouldStopWhereADebuggerAsksOrSayThatItCannot",
    "COUNTS_ROUGHLY, shouldCountExactlyOrSayThatItCannot",
    "RETIRES_LATE, shouldCountExactlyOrSayThatItCannot",
    "FORGETS_WHAT_IT_RETIRED, shouldSayHowManyInstructionsWereRetired",
  })
  void shouldRefuseABrokenEngine(Flaw flaw, String test) {
    Optional<Throwable> failure = Exam.failure(() -> new Contract(flaw), test);
    assertTrue(
        failure.isPresent() && failure.get() instanceof AssertionError,
        () -> flaw + " passed " + test + ", or broke it: " + failure);
  }

  private static final class Contract extends CpuEngineContract {
    private final Flaw flaw;
    private final LateStore late = new LateStore();

    Contract(Flaw flaw) {
      this.flaw = flaw;
    }

    @Override
    protected CpuEngineFactory factory() {
      return new BrokenFactory(flaw, late);
    }

    @Override
    protected Duration patience() {
      return Duration.ofSeconds(1);
    }
  }

  private record BrokenFactory(Flaw flaw, LateStore late) implements CpuEngineFactory {
    private static final InterpreterFactory OURS = new InterpreterFactory();

    @Override
    public List<String> models() {
      return OURS.models();
    }

    @Override
    public CpuEngine create(CpuConfig c) throws HypervisorException {
      CpuEngine ours =
          OURS.create(
              new CpuConfig(
                  flaw == Flaw.NEVER_A_STARTUP ? 0 : c.index(),
                  flaw == Flaw.ANY_MODEL ? models().getFirst() : c.model(),
                  memory(c.memory(), flaw, late),
                  mmu(c.mmu(), flaw),
                  c.nested(),
                  flaw == Flaw.ALL_SHARED ? 0 : c.asid(),
                  c.cBit(),
                  bus(c.bus(), flaw),
                  apic(c.apic(), flaw)));
      return new BrokenEngine(ours, flaw);
    }
  }

  private static final class BrokenEngine implements CpuEngine {
    private final CpuEngine ours;
    private final Flaw flaw;

    BrokenEngine(CpuEngine ours, Flaw flaw) {
      this.ours = ours;
      this.flaw = flaw;
    }

    @Override
    public Exit run(long budget) {
      // What does not stop by itself does after a while, so that no thread outlives the test long.
      Exit exit = ours.run(Math.min(budget, 2_000_000_000L));
      if (flaw == Flaw.STOPS_TWICE && exit.kind() == Exit.Kind.STOPPED) {
        ours.requestStop();
      }
      boolean hides =
          flaw == Flaw.SHUTDOWN_IS_HALT && exit.kind() == Exit.Kind.SHUTDOWN
              || flaw == Flaw.SUSPENDED_IS_HALT && exit.kind() == Exit.Kind.SUSPENDED;
      if (flaw == Flaw.STOPS_LATE && exit.info1() == DebugStops.BREAKPOINT) {
        ours.debug(new DebugStops(true, Set.of(), List.of()));
        ours.run(1);
      }
      return hides ? Exit.of(Exit.Kind.HALT) : exit;
    }

    @Override
    public boolean debug(DebugStops stops) {
      List<DebugStops.Watch> watches =
          stops.watches().stream()
              .map(w -> new DebugStops.Watch(w.gva(), w.bytes(), false, w.writes()))
              .toList();
      return switch (flaw) {
        case NO_STOPS -> true;
        case SEES_NO_LOADS ->
            ours.debug(new DebugStops(stops.step(), stops.breakpoints(), watches));
        default -> ours.debug(stops);
      };
    }

    @Override
    public boolean countExactly() {
      return flaw == Flaw.COUNTS_ROUGHLY || ours.countExactly();
    }

    @Override
    public long retired() {
      return switch (flaw) {
        case RETIRES_LATE -> ours.retired() / 4 * 4;
        case FORGETS_WHAT_IT_RETIRED -> 0;
        default -> ours.retired();
      };
    }

    @Override
    public void requestStop() {
      if (flaw != Flaw.NO_STOP) {
        ours.requestStop();
      }
    }

    @Override
    public void exportState(CpuState target) {
      ours.exportState(target);
      switch (flaw) {
        case NO_CARRY -> target.rflags &= ~1L;
        case WRONG_RAX -> target.gpr[0] &= 0xffff_ffffL;
        case NO_HALTED -> target.halted = false;
        case NO_LONG_MODE -> target.attributes[CpuState.CS] &= ~0x200;
        case BACKWARDS_STAYS_FORWARDS -> target.gpr[7] += 0x1000;
        case FORGETS_XMM -> java.util.Arrays.fill(target.xsave, 400, 416, (byte) 0);
        case FORGETS_NMI_BLOCKING -> target.nmiBlocked = false;
        default -> {}
      }
    }

    @Override
    public void importState(CpuState source) {
      try {
        ours.importState(source);
      } catch (IllegalArgumentException e) {
        if (flaw != Flaw.TAKES_ANY_STATE) {
          throw e;
        }
      }
    }

    @Override
    public org.redoubt.api.cpu.CpuStats stats() {
      return ours.stats();
    }

    @Override
    public void close() {
      if (flaw != Flaw.STAYS_ATTACHED) {
        ours.close();
      }
    }
  }

  /** What is done instead of a call, and that it is. */
  private interface Instead {
    @Nullable Object call(Method method, Object[] arguments) throws Throwable;
  }

  private static final Object NOT = new Object();
  private static final Object[] NONE = {};

  private static <T> T wrap(Class<T> type, T ours, Instead instead) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          Object answer = instead.call(method, arguments == null ? NONE : arguments);
          if (answer != NOT) {
            return answer;
          }
          try {
            return method.invoke(ours, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        };
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private static MemorySystem memory(MemorySystem memory, Flaw flaw, LateStore late) {
    return wrap(
        MemorySystem.class,
        memory,
        (method, a) ->
            method.getName().equals("attach")
                ? port(memory.attach(client((MemoryClient) a[0], flaw)), flaw, late)
                : NOT);
  }

  private static MemoryClient client(MemoryClient client, Flaw flaw) {
    return wrap(
        MemoryClient.class,
        client,
        (method, a) -> {
          boolean lost =
              flaw == Flaw.STALE_CODE && method.getName().equals("contentsChanged")
                  || flaw == Flaw.NO_SAFEPOINT && method.getName().equals("requestSafepoint");
          return lost ? null : NOT;
        });
  }

  private static MemoryPort port(MemoryPort port, Flaw flaw, LateStore late) {
    return wrap(
        MemoryPort.class,
        port,
        (method, a) ->
            switch (method.getName()) {
              case "leave" -> flaw == Flaw.STAYS_ENTERED ? null : NOT;
              case "alone" ->
                  flaw == Flaw.NOT_ALONE ? (Object) late.run(port, (IntSupplier) a[0]) : NOT;
              default -> NOT;
            });
  }

  /**
   * Stops no other vCPU for an action, and keeps back one store of the first action that changes
   * the contract's counter until another vCPU has counted on: every time, whatever the machine.
   */
  private static final class LateStore {
    private static final long COUNTER = 0x30_0020;
    private static final long LIMIT_NANOS = 60_000_000_000L;

    private final ReentrantLock lock = new ReentrantLock();
    private boolean stored;

    int run(MemoryPort port, IntSupplier action) {
      lock(port);
      int answer;
      long mine;
      try {
        long before = port.readLong(COUNTER, 0);
        answer = action.getAsInt();
        mine = port.readLong(COUNTER, 0);
        if (stored || mine == before) {
          return answer;
        }
        stored = true;
      } finally {
        lock.unlock();
      }
      long end = System.nanoTime() + LIMIT_NANOS;
      while (port.readLong(COUNTER, 0) == mine && System.nanoTime() - end < 0) {
        port.safepoint();
        Thread.yield();
      }
      lock(port);
      try {
        port.compareAndExchangeLong(COUNTER, 0, port.readLong(COUNTER, 0), mine);
      } finally {
        lock.unlock();
      }
      return answer;
    }

    /** Others may wait for a safepoint of whoever waits here. */
    private void lock(MemoryPort port) {
      while (!lock.tryLock()) {
        port.safepoint();
        Thread.yield();
      }
    }
  }

  private static MmuFactory mmu(MmuFactory factory, Flaw flaw) {
    return config ->
        wrap(
            Mmu.class,
            factory.create(config),
            (method, a) -> {
              boolean lost = flaw == Flaw.STALE_TLB && method.getName().equals("invalidate");
              boolean wrong =
                  flaw == Flaw.WRONG_ERROR_CODES && method.getName().equals("errorCode");
              return lost ? null : wrong ? (Object) 8L : NOT;
            });
  }

  private static CpuBus bus(CpuBus bus, Flaw flaw) {
    return wrap(
        CpuBus.class,
        bus,
        (method, a) ->
            switch (method.getName()) {
              case "in" -> flaw == Flaw.NARROW_PORTS ? bus.in((int) a[0], 1) : NOT;
              case "mmioRead" -> flaw == Flaw.WIDE_MMIO ? bus.mmioRead((long) a[0] & -8, 8) : NOT;
              case "readMsr" -> flaw == Flaw.NO_MSRS ? (Object) false : NOT;
              default -> NOT;
            });
  }

  private static LocalApic apic(LocalApic apic, Flaw flaw) {
    return wrap(
        LocalApic.class,
        apic,
        (method, a) ->
            flaw == Flaw.DEAF && method.getName().equals("pending") ? (Object) false : NOT);
  }
}
