package org.redoubt.hypervisor.internal;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.device.MachineControl;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.Console;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Launch;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.api.vm.VmEnd;

/**
 * One VM's life. Its vCPU threads pass {@link #gate} between two runs of their engines: there they
 * wait while the VM is paused or its memory suspended, and there they learn that it ends. Whatever
 * the guest does, a vCPU comes to the gate soon after {@link Vcpu#attention}.
 */
final class RedoubtVm implements Vm, MachineControl {
  /** A vCPU that does not come to the gate for this long is our fault. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final int REPORT_LINES = 24;
  private static final int CODE_BYTES = 16;

  private final VmConfig config;
  private final Host.Lease lease;
  private final Listener listener = new Listener();
  private final List<Vcpu> vcpus = new ArrayList<>();
  private @Nullable Machine machine;
  private @Nullable GuestView view;
  private Runnable onClose = () -> {};

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean started;
  private boolean pausedByUser;

  /** How many look at the registers just now. */
  private int holds;

  private boolean suspended;
  private int atGate;
  private int alive;
  private final AtomicInteger leaving = new AtomicInteger();
  private boolean closed;
  private volatile boolean stopping;

  /** Whether vCPUs should come to the gate. */
  private volatile boolean attention;

  private @Nullable VmEnd end;
  private volatile boolean labUsed;

  /** Who holds the vCPUs one by one. */
  private @Nullable DebugSession debugger;

  RedoubtVm(VmConfig config, Host.Lease lease) {
    this.config = config;
    this.lease = lease;
    lease.memory().addListener(listener);
  }

  // Composition, before anybody else sees it

  void compose(Machine madeMachine, GuestView madeView, Runnable whenClosed) {
    machine = madeMachine;
    view = madeView;
    onClose = whenClosed;
  }

  void add(Vcpu vcpu) {
    vcpus.add(vcpu);
  }

  Machine machine() {
    return Objects.requireNonNull(machine);
  }

  // Life

  @Override
  public VmConfig config() {
    return config;
  }

  @Override
  public State state() {
    lock.lock();
    try {
      if (closed || (stopping && alive == 0)) {
        return State.STOPPED;
      }
      if (!started) {
        return State.CREATED;
      }
      if (pausedByUser || heldByDebugger()) {
        return State.PAUSED;
      }
      return suspended ? State.SUSPENDED : State.RUNNING;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void start() throws HypervisorException {
    lock.lock();
    try {
      if (started || stopping) {
        throw new HypervisorException(
            "VM '%s' was started already; it is %s".formatted(config.name(), state()));
      }
      Optional<SevLaunch> launch = lease.launched();
      if (launch.isPresent()) {
        launch.get().finish();
      }
      started = true;
      alive = vcpus.size();
      adjustClock();
    } finally {
      lock.unlock();
    }
    vcpus.forEach(Vcpu::start);
  }

  @Override
  public void pause() throws HypervisorException {
    lock.lock();
    try {
      refuseUnlessLiving("paused");
      pausedByUser = true;
      callToGate();
      awaitGate();
      adjustClock();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void resume() throws HypervisorException {
    lock.lock();
    try {
      refuseUnlessLiving("resumed");
      pausedByUser = false;
      openGate();
    } finally {
      lock.unlock();
    }
  }

  private void refuseUnlessLiving(String verb) throws HypervisorException {
    if (!started || stopping) {
      throw new HypervisorException(
          "VM '%s' is %s and cannot be %s".formatted(config.name(), state(), verb));
    }
  }

  @Override
  public void stop() {
    finish(new VmEnd(VmEnd.Cause.STOPPED, 0, "The VM was stopped."));
    try {
      for (Vcpu vcpu : vcpus) {
        if (!vcpu.join(PATIENCE)) {
          throw new IllegalStateException("bug: vCPU %d does not stop".formatted(vcpu.index()));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends it, once: the first cause counts. Any thread, the vCPUs' included; returns at once. */
  private void finish(VmEnd how) {
    lock.lock();
    try {
      if (end == null) {
        end = how;
      }
      stopping = true;
      attention = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    vcpus.forEach(Vcpu::attention);
  }

  @Override
  public Optional<VmEnd> await(Duration limit) throws InterruptedException {
    long left = limit.toNanos();
    lock.lock();
    try {
      while (end == null || alive > 0) {
        if (left <= 0) {
          return Optional.empty();
        }
        left = changed.awaitNanos(left);
      }
      return Optional.of(end);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<VmEnd> end() {
    lock.lock();
    try {
      return alive == 0 ? Optional.ofNullable(end) : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
    } finally {
      lock.unlock();
    }
    stop();
    if (!started) {
      vcpus.forEach(Vcpu::finish);
    }
    if (machine != null) {
      machine.close();
    }
    lease.memory().removeListener(listener);
    onClose.run();
    if (machine != null) {
      machine.repetition().ifPresent(Repetition::close);
    }
    lease.close();
  }

  // The gate

  /** Called by a vCPU's thread between two runs. Says whether to run again. */
  boolean gate(Vcpu vcpu) {
    if (!attention && !vcpu.held()) {
      return true;
    }
    lock.lock();
    try {
      atGate++;
      changed.signalAll();
      while (!stopping && (pausedByUser || suspended || holds > 0 || vcpu.held())) {
        changed.awaitUninterruptibly();
      }
      atGate--;
      return !stopping;
    } finally {
      lock.unlock();
    }
  }

  boolean wantsAttention() {
    return attention;
  }

  /** A vCPU's thread ends; the last one ends time and console before anybody hears of it. */
  void left() {
    if (leaving.incrementAndGet() == vcpus.size()) {
      machine().clock().close();
      machine().console().end();
      machine().repetition().ifPresent(this::hashState);
    }
    lock.lock();
    try {
      alive--;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** The replay has come to where somebody stopped the recorded VM. */
  void recordingOver() {
    finish(new VmEnd(VmEnd.Cause.STOPPED, 0, "The recording ends here."));
  }

  void leftRecording(Repetition.Left how) {
    finish(new VmEnd(VmEnd.Cause.CRASHED, 3, how.getMessage() + "."));
  }

  /** What has become of a VM that can be repeated. Its vCPU is gone, nobody has heard of that. */
  private void hashState(Repetition repetition) {
    StateHash hash = new StateHash();
    CpuState last = vcpus.getFirst().lastState();
    hash.registers(last == null ? new CpuState() : last);
    boolean privateToo = lease.asid() == 0 || mayLook();
    hash.memory(lease.memory(), lease.guest(), privateToo);
    machine().deviceLock.lock();
    try {
      hash.devices(machine().devices());
    } finally {
      machine().deviceLock.unlock();
    }
    VmEnd how = end;
    boolean fromOutside = how != null && how.cause() == VmEnd.Cause.STOPPED;
    String remark = privateToo ? "" : "; private memory left out, its policy forbids debugging";
    if (!repetition.ended(hash.value(), fromOutside, remark)
        && how != null
        && how.cause() != VmEnd.Cause.CRASHED) {
      lock.lock();
      try {
        end = new VmEnd(VmEnd.Cause.CRASHED, 3, "The replay did not end in the recorded state.");
      } finally {
        lock.unlock();
      }
    }
  }

  /** Whether the policy of an encrypted guest lets us look at its private memory. */
  private boolean mayLook() {
    try {
      boolean forbidden = lease.policy().noDebug();
      labUsed |= forbidden && config.lab();
      return !forbidden || config.lab();
    } catch (HypervisorException e) {
      return false;
    }
  }

  @Override
  public Optional<String> stateHash() {
    return machine().repetition().flatMap(Repetition::hash);
  }

  private void callToGate() {
    attention = true;
    vcpus.forEach(Vcpu::attention);
  }

  private void awaitGate() {
    long left = PATIENCE.toNanos();
    boolean interrupted = false;
    while (atGate < alive) {
      if (left <= 0) {
        throw new IllegalStateException(
            "bug: a vCPU of '%s' does not come to a stop".formatted(config.name()));
      }
      try {
        left = changed.awaitNanos(left);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void openGate() {
    attention = stopping || pausedByUser || suspended || holds > 0;
    adjustClock();
    changed.signalAll();
  }

  private void adjustClock() {
    if (started && !stopping && !pausedByUser && !suspended && !heldByDebugger()) {
      machine().clock().resume();
    } else {
      machine().clock().pause();
    }
  }

  // Memory that cannot be reached for now

  /** A vCPU met suspended memory, or that has changed: the VM waits at the gate while it lasts. */
  void lookAtMemory() {
    lock.lock();
    try {
      // Asked after it was met, and again whenever the memory system says that it changed.
      boolean out =
          lease.memory().suspension(PageTag.SHARED).isPresent()
              || (lease.asid() != 0 && lease.memory().suspension(lease.asid()).isPresent());
      suspended = out;
      if (out) {
        callToGate();
        adjustClock();
      } else {
        openGate();
      }
    } finally {
      lock.unlock();
    }
  }

  private final class Listener implements MemoryListener {
    @Override
    public void suspended(int tag, String reason) {
      lookAtMemory();
    }

    @Override
    public void resumed(int tag) {
      lookAtMemory();
    }
  }

  // Ends that the guest brings about

  @Override
  public void powerOff() {
    finish(new VmEnd(VmEnd.Cause.POWER_OFF, 0, "The guest turned itself off."));
  }

  @Override
  public void reset(String cause) {
    finish(new VmEnd(VmEnd.Cause.RESET, 4, "The guest reset the machine (%s).".formatted(cause)));
  }

  @Override
  public void exit(int code) {
    finish(
        new VmEnd(VmEnd.Cause.DEBUG_EXIT, code, "The guest exited with code %d.".formatted(code)));
  }

  void crash(Vcpu vcpu, Exit exit) {
    DebugSession session = debugSession();
    if (session != null && session.crashed(vcpu)) {
      return;
    }
    CpuState state = new CpuState();
    vcpu.engine().exportState(state);
    String cause =
        switch (exit.kind()) {
          case SHUTDOWN -> "triple fault. " + exit.detail();
          case NESTED_PAGE_FAULT ->
              "nested page fault at gpa %xh, EXITINFO1 %xh. %s"
                  .formatted(exit.info2(), exit.info1(), exit.detail());
          default -> "%s. %s".formatted(exit.kind(), exit.detail());
        };
    finish(new VmEnd(VmEnd.Cause.CRASHED, 3, report(vcpu, cause.strip(), state)));
  }

  /** Our own error: this VM ends, nothing else does. */
  void bug(Vcpu vcpu, Throwable thrown) {
    StringWriter stack = new StringWriter();
    thrown.printStackTrace(new PrintWriter(stack));
    CpuState state = new CpuState();
    String report;
    try {
      vcpu.engine().exportState(state);
      report = report(vcpu, "a bug in Redoubt: " + thrown, state);
    } catch (RuntimeException e) {
      report = "A bug in Redoubt: " + thrown + System.lineSeparator();
    }
    finish(new VmEnd(VmEnd.Cause.CRASHED, 3, report + stack));
  }

  private String report(Vcpu vcpu, String cause, CpuState state) {
    // A private guest's code is its own business, unless its owner gave that up or the lab is on.
    boolean mayRead = lease.asid() == 0 || config.lab();
    Optional<byte[]> code =
        mayRead && view != null
            ? view.read(state, state.base[CpuState.CS] + state.rip, CODE_BYTES)
            : Optional.empty();
    return CrashReport.of(cause, vcpu.index(), state, code, vcpu.bus().log.lines(REPORT_LINES));
  }

  // Looking at it

  @Override
  public Console console() {
    return machine().console();
  }

  private Vcpu vcpu(int index) throws HypervisorException {
    if (index < 0 || index >= vcpus.size()) {
      throw new HypervisorException(
          "VM '%s' has vCPUs 0 to %d, not %d".formatted(config.name(), vcpus.size() - 1, index));
    }
    return vcpus.get(index);
  }

  @Override
  public CpuState registers(int index) throws HypervisorException {
    Vcpu vcpu = vcpu(index);
    lock.lock();
    try {
      if (stopping) {
        while (alive > 0) {
          changed.awaitUninterruptibly();
        }
        CpuState last = vcpu.lastState();
        if (last != null) {
          return last;
        }
        throw new HypervisorException("VM '%s' has no state any more".formatted(config.name()));
      }
      holds++;
      CpuState state = new CpuState();
      try {
        if (started) {
          callToGate();
          awaitGate();
        }
        if (stopping) {
          return Optional.ofNullable(vcpu.lastState()).orElse(state);
        }
        vcpu.engine().exportState(state);
        return state;
      } finally {
        holds--;
        openGate();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public List<CpuStats> stats() {
    return vcpus.stream().map(Vcpu::stats).toList();
  }

  @Override
  public List<String> trace(int index) {
    return index < 0 || index >= vcpus.size()
        ? List.of()
        : vcpus.get(index).bus().log.lines(Integer.MAX_VALUE);
  }

  @Override
  public MemorySystem memory() {
    return lease.memory();
  }

  @Override
  public Optional<Long> spa(long gpa) {
    long spa = lease.guest().spa(gpa, 1);
    return spa < 0 ? Optional.empty() : Optional.of(spa);
  }

  @Override
  public int asid() {
    return lease.asid();
  }

  @Override
  public Optional<Launch> launch() {
    return lease.launched().map(launch -> launch);
  }

  @Override
  public void readGuest(long gpa, MemorySegment target, boolean lab) throws HypervisorException {
    long spa = lease.guest().spa(gpa, target.byteSize());
    if (spa < 0) {
      throw new HypervisorException(
          "Address 0x%x with %d bytes is not RAM of VM '%s'"
              .formatted(gpa, target.byteSize(), config.name()));
    }
    labUsed |= new GuestReader(lease).read(spa, target, lab || config.lab());
  }

  // For a debugger

  @Override
  public Debugger debug(boolean lab) throws HypervisorException {
    boolean ignoresPolicy = lab || config.lab();
    if (lease.asid() != 0) {
      askForDebugging(ignoresPolicy);
    }
    DebugSession session =
        new DebugSession(
            this, lock, changed, vcpus, lease, Objects.requireNonNull(view), ignoresPolicy);
    lock.lock();
    try {
      if (stopping) {
        throw new HypervisorException("VM '%s' has ended".formatted(config.name()));
      }
      if (debugger != null) {
        throw new HypervisorException(
            "VM '%s' has a debugger already; it takes one at a time".formatted(config.name()));
      }
      debugger = session;
      try {
        session.hold();
      } catch (HypervisorException e) {
        debugger = null;
        throw e;
      }
      return session;
    } finally {
      lock.unlock();
    }
  }

  /** The guest's policy, and whatever policies the firmware asks when it debugs a guest. */
  private void askForDebugging(boolean ignoresPolicy) throws HypervisorException {
    if (ignoresPolicy) {
      labUsed |= lease.policy().noDebug();
      return;
    }
    if (lease.policy().noDebug()) {
      throw new HypervisorException(
          "The policy %s of VM '%s' forbids debugging (NODBG); --lab ignores it"
              .formatted(lease.policy(), config.name()));
    }
    for (Launch.Step step : lease.launched().map(Launch::log).orElse(List.of())) {
      lease.debugDecrypt(lease.guest().spa(step.gpa(), 1), GuestReader.BLOCK);
      return;
    }
  }

  private @Nullable DebugSession debugSession() {
    lock.lock();
    try {
      return debugger;
    } finally {
      lock.unlock();
    }
  }

  /** A vCPU's engine has stopped for the debugger. */
  void debugged(Vcpu vcpu, Exit exit) {
    DebugSession session = debugSession();
    if (session != null) {
      session.stopped(vcpu, exit);
    }
  }

  // Under the lock

  boolean heldByDebugger() {
    return debugger != null && vcpus.stream().allMatch(Vcpu::held);
  }

  boolean isStarted() {
    return started;
  }

  boolean isStopping() {
    return stopping;
  }

  boolean hasEnded() {
    return end != null && alive == 0;
  }

  /** Whether no vCPU runs. */
  boolean isAtRest() {
    return atGate >= alive;
  }

  void awaitRest() {
    awaitGate();
  }

  /** Who is held, and by whom, has changed. */
  void holdsChanged() {
    openGate();
  }

  void debuggerLeft() {
    debugger = null;
  }

  void ignoredPolicy() {
    labUsed = true;
  }

  @Override
  public boolean labUsed() {
    return labUsed || config.lab();
  }

  @Override
  public Map<String, Long> givenBack() {
    return machine().dmaGate().givenBack();
  }

  @Override
  public Map<String, Long> privateTransfers() {
    return machine().dmaGate().privateTransfers();
  }
}
