package com.example.machine;

import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.cpu.interpreter.internal.InterpreterFactory;
import org.redoubt.testkit.cpu.CpuEngineContract;

class CountingCpuTest extends CpuEngineContract {
  @Override
  protected CpuEngineFactory factory() {
    return new CountingCpu(new InterpreterFactory());
  }
}
