package org.redoubt.x86.exec;

/** What instructions need from the engine that runs them. Called on the vCPU's thread. */
public interface SystemHooks {
  /** The time-stamp counter as the guest sees it, without its offset. */
  long tsc();

  /** 64 random bits, good enough for keys. */
  long random();

  /** CR8 of the local APIC. */
  int cr8();

  void setCr8(int value);

  /**
   * RDMSR of an MSR that {@link Cpu} has no field for.
   *
   * @return false for #GP
   */
  boolean readMsr(int msr, long[] value);

  /**
   * WRMSR of an MSR that {@link Cpu} has no field for.
   *
   * @return false for #GP
   */
  boolean writeMsr(int msr, long value);

  /** The TLB may have been emptied, or the mode changed: links between blocks are void. */
  void translationChanged();

  /** WBINVD, WBNOINVD, INVD. */
  void flushCaches();

  /** CLFLUSH and its kin: a fault if the address cannot be read. */
  void flushLine(long gva);

  /**
   * Runs a short action while no other vCPU runs: the bus lock. The action uses what is in the TLB
   * and nothing else.
   *
   * @return what the action returns
   */
  int alone(java.util.function.IntSupplier action);

  /** A #UD was raised for an operation that is known but not supported. */
  void unsupported(org.redoubt.x86.decode.Insn in);
}
