package org.redoubt.cpu.interpreter.internal;

import org.redoubt.api.cpu.CpuBus;
import org.redoubt.api.memory.MemoryPort;

/**
 * Parks the memory port around what may wait for the device lock: whoever holds that lock may be
 * waiting for this vCPU to reach a safepoint. CPUID and RDTSC take no lock.
 */
final class ParkingBus implements CpuBus {
  private final CpuBus bus;
  private final MemoryPort port;
  private final Runnable beforeDevice;

  /**
   * @param beforeDevice called before an access to a device's memory; may throw
   */
  ParkingBus(CpuBus bus, MemoryPort port, Runnable beforeDevice) {
    this.bus = bus;
    this.port = port;
    this.beforeDevice = beforeDevice;
  }

  @Override
  public int in(int ioPort, int bytes) {
    port.leave();
    try {
      return bus.in(ioPort, bytes);
    } finally {
      port.enter();
    }
  }

  @Override
  public void out(int ioPort, int bytes, int value) {
    port.leave();
    try {
      bus.out(ioPort, bytes, value);
    } finally {
      port.enter();
    }
  }

  @Override
  public long mmioRead(long gpa, int bytes) {
    beforeDevice.run();
    port.leave();
    try {
      return bus.mmioRead(gpa, bytes);
    } finally {
      port.enter();
    }
  }

  @Override
  public void mmioWrite(long gpa, int bytes, long value) {
    beforeDevice.run();
    port.leave();
    try {
      bus.mmioWrite(gpa, bytes, value);
    } finally {
      port.enter();
    }
  }

  @Override
  public boolean readMsr(int msr, long[] value) {
    port.leave();
    try {
      return bus.readMsr(msr, value);
    } finally {
      port.enter();
    }
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    port.leave();
    try {
      return bus.writeMsr(msr, value);
    } finally {
      port.enter();
    }
  }

  @Override
  public void cpuid(int leaf, int subleaf, int[] registers) {
    bus.cpuid(leaf, subleaf, registers);
  }

  @Override
  public long hypercall(long number, long[] arguments) {
    port.leave();
    try {
      return bus.hypercall(number, arguments);
    } finally {
      port.enter();
    }
  }

  @Override
  public boolean stringIo(int ioPort) {
    return bus.stringIo(ioPort);
  }

  @Override
  public long random() {
    return bus.random();
  }

  @Override
  public long tsc() {
    return bus.tsc();
  }
}
