package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * One vCPU's local APIC as its CPU engine sees it. Called on the vCPU's thread without the device
 * lock; {@link #pending()} is asked at block boundaries while interrupts are enabled, after {@link
 * VcpuSignal#interrupt()} has been raised.
 */
@ConsumerType
public interface LocalApic {
  /** Whether an interrupt waits whose priority is above the processor's. */
  boolean pending();

  /**
   * Acknowledges the highest one: it becomes in-service.
   *
   * @return its vector, or -1 if there is none after all
   */
  int acknowledge();

  /** Takes a waiting NMI, if there is one. */
  boolean takeNmi();

  /** CR8: bits 7:4 of the task priority. */
  int cr8();

  /** Writes CR8. */
  void setCr8(int value);

  /** MSR reads of APIC_BASE (1Bh), TSC_DEADLINE (6E0h) and x2APIC (800h to 8FFh). */
  long readMsr(int msr);

  /**
   * MSR writes, as {@link #readMsr}.
   *
   * @return false if the write must raise #GP
   */
  boolean writeMsr(int msr, long value);

  /**
   * Where this APIC's registers are now: the guest-physical address of one page, in front of
   * whatever else is there for this vCPU only; -1 while they are not memory-mapped (x2APIC mode, or
   * off).
   */
  long base();

  /**
   * A load from the page at {@link #base()}.
   *
   * @param offset from its start
   * @param bytes width: 1, 2, 4 or 8
   */
  long mmioRead(int offset, int bytes);

  /**
   * A store to the page at {@link #base()}.
   *
   * @param offset from its start
   * @param bytes width: 1, 2, 4 or 8
   */
  void mmioWrite(int offset, int bytes, long value);

  /**
   * Connects the vCPU.
   *
   * @param signal what the APIC raises when something is pending, on INIT and on SIPI
   */
  void connect(VcpuSignal signal);
}
