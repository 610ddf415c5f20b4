package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.Exit;
import org.redoubt.api.device.VcpuSignal;

/** A CPU that does what a test tells it, and keeps the engine's contract. */
final class ScriptedCpu implements CpuEngine, VcpuSignal {
  /** What a vCPU does in one run: ends with its exit. */
  interface Script extends Function<ScriptedCpu, Exit> {}

  static final class Factory implements CpuEngineFactory {
    final List<ScriptedCpu> made = new CopyOnWriteArrayList<>();
    private final Script script;

    Factory(Script script) {
      this.script = script;
    }

    @Override
    public List<String> models() {
      return List.of("EPYC");
    }

    @Override
    public CpuEngine create(CpuConfig config) {
      ScriptedCpu cpu = new ScriptedCpu(config, script);
      made.add(cpu);
      return cpu;
    }
  }

  final CpuConfig config;
  private final Script script;
  volatile boolean stopRequested;
  volatile boolean running;
  volatile int interrupts;
  volatile boolean inited;
  volatile int startup = -1;
  volatile boolean closed;
  volatile long steps;
  private CpuState state = new CpuState();

  ScriptedCpu(CpuConfig config, Script script) {
    this.config = config;
    this.script = script;
    config.apic().connect(this);
  }

  /** Counts until told to stop. */
  Exit spin() {
    while (!stopRequested) {
      steps++;
      Thread.yield();
    }
    return Exit.of(Exit.Kind.STOPPED);
  }

  @Override
  public Exit run(long budget) {
    running = true;
    try {
      return stopRequested ? Exit.of(Exit.Kind.STOPPED) : script.apply(this);
    } finally {
      stopRequested = false;
      running = false;
    }
  }

  @Override
  public void requestStop() {
    if (closed) {
      throw new AssertionError("called after close");
    }
    stopRequested = true;
  }

  @Override
  public void exportState(CpuState target) {
    target.rip = state.rip;
    target.gpr[0] = steps;
  }

  @Override
  public void importState(CpuState source) {
    state = source;
  }

  @Override
  public CpuStats stats() {
    if (closed) {
      throw new AssertionError("called after close");
    }
    return new CpuStats(steps, 0, 0, 0, 0, 0, Map.of());
  }

  @Override
  public void close() {
    if (closed) {
      throw new AssertionError("closed twice");
    }
    closed = true;
  }

  @Override
  public synchronized void interrupt() {
    interrupts++;
  }

  @Override
  public void init() {
    inited = true;
  }

  @Override
  public void startup(int vector) {
    startup = vector;
  }
}
