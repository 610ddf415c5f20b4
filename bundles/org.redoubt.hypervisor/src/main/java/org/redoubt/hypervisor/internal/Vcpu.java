package org.redoubt.hypervisor.internal;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.Exit;

/** One vCPU: its engine, and the thread that runs it once the VM has started. */
final class Vcpu {
  private final RedoubtVm vm;
  private final int index;
  private final VcpuBus bus;
  private final CpuEngine engine;
  private @Nullable Thread thread;
  private volatile boolean signalled;
  private volatile boolean waiting;

  /** A debugger wants it to stand still. Written under the VM's lock. */
  private volatile boolean held;

  /** It waits for a startup message. Its thread's; read by others while it is at the gate. */
  private boolean waitsForStartup;

  /** What lets it run the same way again, if it is to. */
  private @Nullable Repetition repetition;

  /** Held while the engine is closed, and while others call it who must not meet that. */
  private final Object closing = new Object();

  /** Counters when it was closed. */
  private @Nullable CpuStats lastStats;

  /** State when it stopped for good. */
  private volatile @Nullable CpuState lastState;

  /**
   * @param engine its engine; from now on closed by this object
   */
  Vcpu(RedoubtVm vm, int index, VcpuBus bus, CpuEngine engine) {
    this.vm = vm;
    this.index = index;
    this.bus = bus;
    this.engine = engine;
    this.waitsForStartup = index != 0;
  }

  /** Makes its run one that can be repeated; before it starts. */
  void repeat(Repetition with) {
    repetition = with;
  }

  int index() {
    return index;
  }

  VcpuBus bus() {
    return bus;
  }

  CpuEngine engine() {
    return engine;
  }

  /** Counters so far, or at its end. */
  CpuStats stats() {
    synchronized (closing) {
      return lastStats == null ? engine.stats() : lastStats;
    }
  }

  boolean held() {
    return held;
  }

  void hold(boolean still) {
    held = still;
  }

  boolean waitsForStartup() {
    return waitsForStartup;
  }

  @Nullable CpuState lastState() {
    return lastState;
  }

  void start() {
    thread =
        Thread.ofPlatform()
            .daemon(true)
            .name("redoubt %s vcpu%d".formatted(vm.config().name(), index))
            .start(this::work);
  }

  /** Something may have changed for this vCPU: look again if it waits. Any thread. */
  void wake() {
    signalled = true;
    if (waiting) {
      LockSupport.unpark(thread);
    }
  }

  /** Makes it come to its VM's gate soon. Any thread. */
  void attention() {
    synchronized (closing) {
      if (lastStats == null) {
        engine.requestStop();
      }
    }
    wake();
  }

  /** Waits until its thread has ended; says whether it has. */
  boolean join(Duration limit) throws InterruptedException {
    Thread running = thread;
    return running == null || running == Thread.currentThread() || running.join(limit);
  }

  private void work() {
    try {
      while (vm.gate(this)) {
        signalled = false;
        long budget = Long.MAX_VALUE;
        if (repetition != null) {
          budget = repetition.beforeRun();
          if (budget == 0) {
            vm.recordingOver();
            continue;
          }
        }
        act(engine.run(budget));
      }
    } catch (Repetition.Left e) {
      vm.leftRecording(e);
    } catch (RuntimeException | Error e) {
      vm.bug(this, e);
    } finally {
      finish();
      vm.left();
    }
  }

  private void act(Exit exit) {
    waitsForStartup = exit.kind() == Exit.Kind.INIT;
    if (exit.kind() == Exit.Kind.STOPPED || exit.kind() == Exit.Kind.BUDGET) {
      return;
    }
    bus.log.add(
        vm.machine().clock().nowNs(),
        AccessLog.EXIT,
        exit.kind().ordinal(),
        exit.info1(),
        exit.info2());
    switch (exit.kind()) {
      case HALT, INIT -> {
        if (repetition == null || !repetition.skip()) {
          await();
        }
      }
      case SHUTDOWN, UNSUPPORTED, NESTED_PAGE_FAULT -> vm.crash(this, exit);
      case SUSPENDED -> vm.lookAtMemory();
      case DEBUG -> vm.debugged(this, exit);
      default -> {}
    }
  }

  /** Nothing to do until a signal, or until the VM wants something. */
  private void await() {
    waiting = true;
    while (!signalled && !held && !vm.wantsAttention()) {
      LockSupport.park(this);
    }
    waiting = false;
  }

  /** Keeps the last state and closes the engine, on the thread that used it last. */
  void finish() {
    CpuState state = new CpuState();
    try {
      if (repetition != null) {
        repetition.end();
      }
      engine.exportState(state);
      lastState = state;
    } finally {
      synchronized (closing) {
        lastStats = engine.stats();
        engine.close();
      }
    }
  }
}
