package org.redoubt.api.device;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * What a machine tells a guest that knows it runs under a hypervisor: CPUID leaves from 4000_0000h,
 * MSRs, hypercalls. Offered by at most one device. Called on the vCPU's thread, under the device
 * lock except for {@link #cpuid}; pages that the guest names are reached by {@link Dma}, hence
 * shared ones.
 */
@ConsumerType
public interface ParavirtualFace {
  /**
   * Changes or adds to a CPUID leaf; leaves those it does not know alone. Any thread.
   *
   * @param leaf EAX of the instruction
   * @param subleaf ECX of the instruction
   * @param registers EAX, EBX, ECX, EDX, changed in place
   */
  void cpuid(int leaf, int subleaf, int[] registers);

  /** Whether an MSR is one of the face's. Any thread. */
  boolean ownsMsr(int msr);

  /**
   * RDMSR of one that it owns.
   *
   * @param vcpu number of the vCPU
   * @param value receives the value at index 0
   * @return false for #GP
   */
  boolean readMsr(int vcpu, int msr, long[] value);

  /**
   * WRMSR of one that it owns.
   *
   * @param vcpu number of the vCPU
   * @return false for #GP
   */
  boolean writeMsr(int vcpu, int msr, long value);

  /**
   * A hypercall.
   *
   * @param vcpu number of the vCPU
   * @param number RAX
   * @param arguments RBX, RCX, RDX, RSI
   * @return the new RAX
   */
  long hypercall(int vcpu, long number, long[] arguments);
}
