package org.redoubt.api.vm;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.DebugStops;

/**
 * A debugger's hold on a VM. All vCPUs stop together, and the VM's time with them; they run on
 * together, or some of them. Made stopped, see {@link Vm#debug}. Thread-safe; all but {@link
 * #interrupt}, {@link #await}, {@link #stopped} and {@link #close} need it stopped, and throw
 * HypervisorException while it runs or after its end.
 */
@ProviderType
public interface Debugger extends AutoCloseable {
  /** Why a VM stopped. */
  enum Cause {
    /** {@link #interrupt} was called. */
    INTERRUPTED,
    /** A vCPU has made its step. */
    STEP,
    /** A vCPU is at a breakpoint. */
    BREAKPOINT,
    /** A vCPU has made an access that was watched. */
    WATCH,
    /** A vCPU cannot go on, as after a triple fault; when it is told to, the VM ends. */
    CRASH,
    /** The VM has ended; nothing can be read any more. */
    ENDED
  }

  /**
   * A stop.
   *
   * @param cause why
   * @param vcpu whose doing it was
   * @param gva linear address of the breakpoint or watch; else 0
   */
  record Stop(Cause cause, int vcpu, long gva) {}

  /** The VM. */
  Vm vm();

  /** Registers of a vCPU: a copy. */
  CpuState registers(int vcpu) throws HypervisorException;

  /**
   * Sets the registers of a vCPU.
   *
   * @throws HypervisorException also if no processor can be in that state; nothing has changed then
   */
  void setRegisters(int vcpu, CpuState state) throws HypervisorException;

  /**
   * Reads RAM by a vCPU's linear addresses, private pages as {@link Vm#readGuest} does.
   *
   * @return how many bytes were read, fewer where the next page is not mapped to RAM
   * @throws HypervisorException also if the guest's policy refuses
   */
  int read(int vcpu, long gva, MemorySegment target) throws HypervisorException;

  /**
   * Writes RAM by a vCPU's linear addresses, whatever the page tables permit; private pages by
   * DBG_ENCRYPT, so that the guest's policy is asked.
   *
   * @throws HypervisorException also if a byte is not RAM, or the policy refuses
   */
  void write(int vcpu, long gva, MemorySegment source) throws HypervisorException;

  /**
   * Says where vCPUs are to stop from the next {@link #run} on, in place of what was said before.
   *
   * @param breakpoints linear addresses of instructions
   * @param watches accesses to data, at linear addresses
   */
  void stops(Set<Long> breakpoints, List<DebugStops.Watch> watches) throws HypervisorException;

  /**
   * Lets vCPUs run, the others stand still; starts a VM that was not started. A vCPU that stands at
   * a breakpoint stops again at once, unless it steps.
   *
   * @param running those that run on
   * @param stepping those that execute one instruction
   */
  void run(Set<Integer> running, Set<Integer> stepping) throws HypervisorException;

  /** Stops all vCPUs. No effect if they are stopped. */
  void interrupt();

  /** Whether all vCPUs stand still on this debugger's behalf, or the VM has ended. */
  boolean stopped();

  /**
   * Waits until all vCPUs have stopped.
   *
   * @return the stop that this debugger has not been told of yet, or empty after the limit
   */
  Optional<Stop> await(Duration limit) throws InterruptedException;

  /** Takes all breakpoints away and lets the VM run on. */
  @Override
  void close();
}
