package org.redoubt.gdb.internal;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.vm.Debugger;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;

/** A VM of two vCPUs that does nothing but note what it is told. RAM is from 1000h to 3000h. */
final class FakeDebugger implements Debugger {
  static final long FIRST = 0x1000;
  static final long END = 0x3000;

  final byte[] memory = new byte[(int) (END - FIRST)];
  final CpuState[] states = {new CpuState(), new CpuState()};
  final BlockingQueue<Stop> stops = new LinkedBlockingQueue<>();
  Set<Long> breakpoints = Set.of();
  List<DebugStops.Watch> watches = List.of();
  Set<Integer> running = Set.of();
  Set<Integer> stepping = Set.of();

  @Override
  public Vm vm() {
    VmConfig config =
        new VmConfig(
            "fake",
            Path.of("kernel"),
            Optional.empty(),
            "",
            1 << 20,
            states.length,
            VmConfig.Protection.NONE,
            Optional.empty(),
            Optional.empty(),
            "EPYC",
            Optional.empty(),
            1 << 20,
            false,
            false,
            Map.of());
    return (Vm)
        Proxy.newProxyInstance(
            Vm.class.getClassLoader(),
            new Class<?>[] {Vm.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "config" -> config;
                  case "end" -> Optional.empty();
                  case "state" -> Vm.State.PAUSED;
                  default -> throw new AssertionError(method);
                });
  }

  @Override
  public CpuState registers(int vcpu) {
    return copy(states[vcpu]);
  }

  private static CpuState copy(CpuState from) {
    CpuState to = new CpuState();
    System.arraycopy(from.gpr, 0, to.gpr, 0, 16);
    System.arraycopy(from.selector, 0, to.selector, 0, 8);
    System.arraycopy(from.base, 0, to.base, 0, 8);
    to.rip = from.rip;
    to.rflags = from.rflags;
    to.cr0 = from.cr0;
    to.cr3 = from.cr3;
    to.msr.putAll(from.msr);
    to.xsave = from.xsave.clone();
    to.halted = from.halted;
    return to;
  }

  @Override
  public void setRegisters(int vcpu, CpuState state) throws HypervisorException {
    if (state.rflags >>> 22 != 0) {
      throw new HypervisorException("RFLAGS");
    }
    states[vcpu] = copy(state);
  }

  @Override
  public int read(int vcpu, long gva, MemorySegment target) {
    if (gva < FIRST || gva >= END) {
      return 0;
    }
    int count = (int) Math.min(target.byteSize(), END - gva);
    target.copyFrom(MemorySegment.ofArray(memory).asSlice(gva - FIRST, count));
    return count;
  }

  @Override
  public void write(int vcpu, long gva, MemorySegment source) throws HypervisorException {
    if (gva < FIRST || gva > END - source.byteSize()) {
      throw new HypervisorException("no RAM");
    }
    MemorySegment.ofArray(memory).asSlice(gva - FIRST, source.byteSize()).copyFrom(source);
  }

  @Override
  public void stops(Set<Long> newBreakpoints, List<DebugStops.Watch> newWatches) {
    breakpoints = newBreakpoints;
    watches = newWatches;
  }

  @Override
  public void run(Set<Integer> whoRuns, Set<Integer> whoSteps) {
    running = whoRuns;
    stepping = whoSteps;
  }

  @Override
  public void interrupt() {
    stops.add(new Stop(Cause.INTERRUPTED, 0, 0));
  }

  @Override
  public boolean stopped() {
    return true;
  }

  @Override
  public Optional<Stop> await(Duration limit) throws InterruptedException {
    return Optional.ofNullable(stops.poll(limit.toMillis(), TimeUnit.MILLISECONDS));
  }

  @Override
  public void close() {}
}
