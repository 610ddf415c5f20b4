package com.example.machine;

import java.util.List;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.cpu.DebugStops;
import org.redoubt.api.cpu.Exit;

/** A CPU engine that counts how often it is run, around the one called {@code interpreter}. */
@Component(property = CpuEngineFactory.CPU_ENGINE_NAME + "=counting")
public final class CountingCpu implements CpuEngineFactory {
  private final CpuEngineFactory inner;

  @Activate
  public CountingCpu(
      @Reference(target = "(" + CpuEngineFactory.CPU_ENGINE_NAME + "=interpreter)")
          CpuEngineFactory inner) {
    this.inner = inner;
  }

  @Override
  public List<String> models() {
    return inner.models();
  }

  @Override
  public String about(String model) {
    return inner.about(model);
  }

  @Override
  public CpuEngine create(CpuConfig config) throws HypervisorException {
    return new Counting(inner.create(config));
  }

  private record Counting(CpuEngine inner) implements CpuEngine {
    @Override
    public Exit run(long budget) {
      Counters.RUNS.incrementAndGet();
      return inner.run(budget);
    }

    @Override
    public void requestStop() {
      inner.requestStop();
    }

    @Override
    public void exportState(CpuState target) {
      inner.exportState(target);
    }

    @Override
    public void importState(CpuState source) {
      inner.importState(source);
    }

    @Override
    public boolean debug(DebugStops stops) {
      return inner.debug(stops);
    }

    @Override
    public boolean countExactly() {
      return inner.countExactly();
    }

    @Override
    public long retired() {
      return inner.retired();
    }

    @Override
    public CpuStats stats() {
      return inner.stats();
    }

    @Override
    public void close() {
      inner.close();
    }
  }
}
