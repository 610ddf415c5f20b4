package org.redoubt.hypervisor.internal;

import org.redoubt.api.device.LocalApic;
import org.redoubt.api.device.VcpuSignal;

/**
 * A local APIC whose signals reach two: the CPU engine that connects to it, and the thread that
 * waits while the vCPU is halted.
 */
final class ApicTap implements LocalApic {
  private final LocalApic apic;
  private final Runnable wake;
  private volatile VcpuSignal signal;

  ApicTap(LocalApic apic, Runnable wake) {
    this.apic = apic;
    this.wake = wake;
    this.signal = new Both(new Nobody());
  }

  /** What the APIC signals, the engine first. */
  VcpuSignal signal() {
    return signal;
  }

  @Override
  public void connect(VcpuSignal engine) {
    signal = new Both(engine);
    apic.connect(signal);
  }

  @Override
  public boolean pending() {
    return apic.pending();
  }

  @Override
  public int acknowledge() {
    return apic.acknowledge();
  }

  @Override
  public boolean takeNmi() {
    return apic.takeNmi();
  }

  @Override
  public int cr8() {
    return apic.cr8();
  }

  @Override
  public void setCr8(int value) {
    apic.setCr8(value);
  }

  @Override
  public long readMsr(int msr) {
    return apic.readMsr(msr);
  }

  @Override
  public boolean writeMsr(int msr, long value) {
    return apic.writeMsr(msr, value);
  }

  @Override
  public long base() {
    return apic.base();
  }

  @Override
  public long mmioRead(int offset, int bytes) {
    return apic.mmioRead(offset, bytes);
  }

  @Override
  public void mmioWrite(int offset, int bytes, long value) {
    apic.mmioWrite(offset, bytes, value);
  }

  private final class Both implements VcpuSignal {
    private final VcpuSignal engine;

    Both(VcpuSignal engine) {
      this.engine = engine;
    }

    @Override
    public void interrupt() {
      engine.interrupt();
      wake.run();
    }

    @Override
    public void init() {
      engine.init();
      wake.run();
    }

    @Override
    public void startup(int vector) {
      engine.startup(vector);
      wake.run();
    }
  }

  /** Before an engine connects. */
  private static final class Nobody implements VcpuSignal {
    @Override
    public void interrupt() {}

    @Override
    public void init() {}

    @Override
    public void startup(int vector) {}
  }
}
