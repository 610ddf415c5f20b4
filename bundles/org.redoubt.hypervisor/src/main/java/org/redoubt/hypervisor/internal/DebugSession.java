package org.redoubt.hypervisor.internal;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Vm;

/**
 * A debugger's hold on a VM: each vCPU has a mark that keeps it at its VM's gate. What is said here
 * in fields is guarded by the VM's lock.
 */
final class DebugSession implements Debugger {
  private static final int PAGE = 4096;

  private final RedoubtVm vm;
  private final ReentrantLock lock;
  private final Condition changed;
  private final List<Vcpu> vcpus;
  private final GuestView view;
  private final GuestMemory guest;
  private final GuestReader memory;
  private final boolean lab;

  private Set<Long> breakpoints = Set.of();
  private List<DebugStops.Watch> watches = List.of();

  /** The stop that nobody was told of yet. */
  private @Nullable Stop stop;

  /** Accesses that other vCPUs made while the VM was stopping. */
  private final ArrayDeque<Stop> late = new ArrayDeque<>();

  /** A vCPU that cannot go on has been shown; the next time it ends the VM. */
  private boolean crashShown;

  private boolean endTold;
  private boolean closed;

  /**
   * @param lock the VM's
   * @param changed of that lock: signalled at whatever changes
   * @param lab whether the guest's policy is ignored
   */
  DebugSession(
      RedoubtVm vm,
      ReentrantLock lock,
      Condition changed,
      List<Vcpu> vcpus,
      Host.Lease lease,
      GuestView view,
      boolean lab) {
    this.vm = vm;
    this.lock = lock;
    this.changed = changed;
    this.vcpus = vcpus;
    this.view = view;
    this.guest = lease.guest();
    this.memory = new GuestReader(lease);
    this.lab = lab;
  }

  @Override
  public Vm vm() {
    return vm;
  }

  // Stopping

  /** The first stop, when a debugger comes. */
  void hold() throws HypervisorException {
    holdAll(null);
    rest();
    for (Vcpu vcpu : vcpus) {
      boolean able = vcpu.engine().debug(new DebugStops(true, Set.of(), List.of()));
      vcpu.engine().debug(DebugStops.NONE);
      if (!able) {
        vcpus.forEach(one -> one.hold(false));
        vm.holdsChanged();
        throw new HypervisorException(
            "The CPU engine of VM '%s' cannot be debugged".formatted(vm.config().name()));
      }
    }
  }

  private void holdAll(@Nullable Vcpu stopped) {
    vcpus.forEach(vcpu -> vcpu.hold(true));
    for (Vcpu vcpu : vcpus) {
      if (vcpu != stopped) {
        vcpu.attention();
      }
    }
    vm.holdsChanged();
  }

  private void rest() {
    if (vm.isStarted()) {
      vm.awaitRest();
    }
  }

  /** On the thread of a vCPU whose engine has stopped. */
  void stopped(Vcpu vcpu, Exit exit) {
    Cause cause =
        exit.info1() == DebugStops.BREAKPOINT
            ? Cause.BREAKPOINT
            : exit.info1() == DebugStops.WATCH ? Cause.WATCH : Cause.STEP;
    stopFor(vcpu, new Stop(cause, vcpu.index(), exit.info2()));
  }

  /** On the thread of a vCPU that cannot go on. Says whether it is to wait for the debugger. */
  boolean crashed(Vcpu vcpu) {
    lock.lock();
    try {
      if (closed || crashShown || vm.isStopping()) {
        return false;
      }
      crashShown = true;
      stopFor(vcpu, new Stop(Cause.CRASH, vcpu.index(), 0));
      return true;
    } finally {
      lock.unlock();
    }
  }

  private void stopFor(Vcpu vcpu, Stop how) {
    lock.lock();
    try {
      if (closed) {
        return;
      }
      if (!vm.heldByDebugger()) {
        stop = how;
        holdAll(vcpu);
      } else if (how.cause() == Cause.WATCH || how.cause() == Cause.CRASH) {
        late.add(how); // breakpoints will be met again
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void interrupt() {
    lock.lock();
    try {
      if (!closed && !vm.isStopping() && !vm.heldByDebugger()) {
        stop = new Stop(Cause.INTERRUPTED, 0, 0);
        holdAll(null);
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean stopped() {
    lock.lock();
    try {
      return vm.hasEnded() || vm.heldByDebugger() && vm.isAtRest();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public Optional<Stop> await(Duration limit) throws InterruptedException {
    long left = limit.toNanos();
    lock.lock();
    try {
      while (true) {
        if (vm.hasEnded()) {
          boolean told = endTold;
          endTold = true;
          return told ? Optional.empty() : Optional.of(new Stop(Cause.ENDED, 0, 0));
        }
        Stop now = stop;
        if (now != null && vm.isAtRest()) {
          stop = null;
          return Optional.of(now);
        }
        if (left <= 0 || closed) {
          return Optional.empty();
        }
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  // Running

  private void needStopped() throws HypervisorException {
    if (closed) {
      throw new HypervisorException("This debugger has left");
    }
    if (vm.isStopping()) {
      throw new HypervisorException("VM '%s' has ended".formatted(vm.config().name()));
    }
    if (!vm.heldByDebugger()) {
      throw new HypervisorException(
          "VM '%s' is running; it takes a stop first".formatted(vm.config().name()));
    }
    rest(); // held, but on its way to the gate, as just after a start
  }

  private Vcpu vcpu(int index) throws HypervisorException {
    if (index < 0 || index >= vcpus.size()) {
      throw new HypervisorException(
          "VM '%s' has vCPUs 0 to %d, not %d"
              .formatted(vm.config().name(), vcpus.size() - 1, index));
    }
    return vcpus.get(index);
  }

  @Override
  public void stops(Set<Long> newBreakpoints, List<DebugStops.Watch> newWatches)
      throws HypervisorException {
    lock.lock();
    try {
      needStopped();
      breakpoints = Set.copyOf(newBreakpoints);
      watches = List.copyOf(newWatches);
      late.removeIf(one ->
          one.cause() == Cause.WATCH
              && watches.stream().noneMatch(watch -> watch.gva() == one.gva()));
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void run(Set<Integer> running, Set<Integer> stepping) throws HypervisorException {
    lock.lock();
    try {
      needStopped();
      for (int index : running) {
        vcpu(index);
      }
      for (int index : stepping) {
        vcpu(index);
      }
      stop = late.poll();
      if (stop != null) {
        changed.signalAll();
        return;
      }
      for (Vcpu vcpu : vcpus) {
        boolean steps = stepping.contains(vcpu.index());
        vcpu.engine().debug(new DebugStops(steps, breakpoints, watches));
      }
      if (!vm.isStarted()) {
        vm.start(); // its vCPUs come to the gate, and find out there who may pass
      }
      vcpus.forEach(
          vcpu -> vcpu.hold(!running.contains(vcpu.index()) && !stepping.contains(vcpu.index())));
      vm.holdsChanged();
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
      if (!vm.isStopping()) {
        holdAll(null);
        rest();
        vcpus.forEach(vcpu -> vcpu.engine().debug(DebugStops.NONE));
      }
      vcpus.forEach(vcpu -> vcpu.hold(false));
      vm.debuggerLeft();
      vm.holdsChanged();
    } finally {
      lock.unlock();
    }
  }

  // State

  @Override
  public CpuState registers(int vcpu) throws HypervisorException {
    lock.lock();
    try {
      needStopped();
      CpuState state = new CpuState();
      vcpu(vcpu).engine().exportState(state);
      return state;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void setRegisters(int vcpu, CpuState state) throws HypervisorException {
    lock.lock();
    try {
      needStopped();
      Vcpu target = vcpu(vcpu);
      if (target.waitsForStartup()) {
        throw new HypervisorException("vCPU %d waits for its startup message".formatted(vcpu));
      }
      target.engine().importState(state);
      crashShown = false;
    } catch (IllegalArgumentException e) {
      throw new HypervisorException("No processor can be in that state: " + e.getMessage(), e);
    } finally {
      lock.unlock();
    }
  }

  // Without the lock: the memory system may call the VM. Whoever holds this session lets it run.

  @Override
  public int read(int vcpu, long gva, MemorySegment target) throws HypervisorException {
    CpuState state = registers(vcpu);
    long done = 0;
    while (done < target.byteSize()) {
      long run = Math.min(PAGE - (gva + done & PAGE - 1), target.byteSize() - done);
      long spa = spa(state, gva + done, run);
      if (spa < 0) {
        break;
      }
      if (memory.read(spa, target.asSlice(done, run), lab)) {
        vm.ignoredPolicy();
      }
      done += run;
    }
    return (int) done;
  }

  @Override
  public void write(int vcpu, long gva, MemorySegment source) throws HypervisorException {
    CpuState state = registers(vcpu);
    for (long done = 0; done < source.byteSize(); done += PAGE - (gva + done & PAGE - 1)) {
      spaOrFail(state, gva + done);
    }
    long done = 0;
    while (done < source.byteSize()) {
      long run = Math.min(PAGE - (gva + done & PAGE - 1), source.byteSize() - done);
      byte[] bytes = source.asSlice(done, run).toArray(ValueLayout.JAVA_BYTE);
      if (memory.write(spaOrFail(state, gva + done), bytes, lab)) {
        vm.ignoredPolicy();
      }
      done += run;
    }
  }

  private long spaOrFail(CpuState state, long gva) throws HypervisorException {
    long spa = spa(state, gva, 1);
    if (spa < 0) {
      throw new HypervisorException("Address 0x%x is not mapped to RAM".formatted(gva));
    }
    return spa;
  }

  /** System-physical address of some bytes within a page, or -1. */
  private long spa(CpuState state, long gva, long bytes) {
    long gpa = view.gpa(state, gva);
    return gpa < 0 ? -1 : guest.spa(gpa, bytes);
  }
}
