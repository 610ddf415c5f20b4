package org.redoubt.api.cpu;

import org.osgi.annotation.versioning.ProviderType;

/**
 * What a vCPU's instructions reach beyond registers and memory. Called on the vCPU's thread, with
 * its memory port parked: the implementation takes the VM's device lock and may evict, and would
 * otherwise wait for a vCPU that waits for it. Only {@link #cpuid}, {@link #tsc} and {@link
 * #random}, which take no lock, may be called while the port runs.
 */
@ProviderType
public interface CpuBus {
  /** IN, of 1, 2 or 4 bytes; zero-extended, all ones where no device is. */
  int in(int port, int bytes);

  /** OUT, of 1, 2 or 4 bytes. */
  void out(int port, int bytes, int value);

  /** A load from what is not RAM, of 1, 2, 4 or 8 bytes. */
  long mmioRead(long gpa, int bytes);

  /** A store to what is not RAM, of 1, 2, 4 or 8 bytes. */
  void mmioWrite(long gpa, int bytes, long value);

  /**
   * RDMSR of an MSR that the engine does not keep itself.
   *
   * @param value receives the value at index 0
   * @return false for #GP
   */
  boolean readMsr(int msr, long[] value);

  /**
   * WRMSR of an MSR that the engine does not keep itself.
   *
   * @return false for #GP
   */
  boolean writeMsr(int msr, long value);

  /**
   * Changes or adds to what the CPU model says for a leaf (hypervisor leaves, SEV's leaf, APIC
   * ids).
   *
   * @param registers EAX, EBX, ECX, EDX as the model has them, to be changed in place
   */
  void cpuid(int leaf, int subleaf, int[] registers);

  /**
   * VMMCALL or VMCALL: a hypercall of the guest.
   *
   * @param number RAX
   * @param arguments RBX, RCX, RDX, RSI
   * @return the new RAX
   */
  long hypercall(long number, long[] arguments);

  /**
   * Asked before INS and OUTS, with or without REP: whether the machine can carry them out.
   *
   * @param port the port that the guest names
   * @return false for #UD
   */
  default boolean stringIo(int port) {
    return true;
  }

  /**
   * 64 random bits for RDRAND and RDSEED, good enough for keys unless the machine was made to be
   * repeated. Any thread.
   */
  default long random() {
    return new java.security.SecureRandom().nextLong();
  }

  /** The time-stamp counter, without the guest's offset. */
  long tsc();
}
