package org.redoubt.cpu.interpreter.internal;

import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.testkit.cpu.CpuEngineContract;

final class InterpreterContractTest extends CpuEngineContract {
  @Override
  protected CpuEngineFactory factory() {
    return new InterpreterFactory();
  }
}
