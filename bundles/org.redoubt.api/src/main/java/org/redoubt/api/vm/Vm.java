package org.redoubt.api.vm;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuState;
import org.redoubt.api.cpu.CpuStats;
import org.redoubt.api.memory.MemorySystem;

/** One virtual machine. Thread-safe; methods return when the state they name has been reached. */
@ProviderType
public interface Vm extends AutoCloseable {
  /** Where a VM is in its life. */
  enum State {
    CREATED,
    RUNNING,
    PAUSED,
    /** Its memory is suspended: no engine fits. */
    SUSPENDED,
    STOPPED
  }

  VmConfig config();

  State state();

  /** Starts the vCPUs; finishes the launch of an encrypted guest first. */
  void start() throws HypervisorException;

  /** Stops the vCPUs at an instruction boundary each. */
  void pause() throws HypervisorException;

  void resume() throws HypervisorException;

  /** Ends it, whatever it is doing. */
  void stop();

  /**
   * Waits for the end.
   *
   * @return how it ended, or empty after the limit
   */
  Optional<VmEnd> await(Duration limit) throws InterruptedException;

  /** The serial console. */
  Console console();

  /** Registers of a vCPU. The VM is paused for the moment of the copy if it runs. */
  CpuState registers(int vcpu) throws HypervisorException;

  /** Counters, one for each vCPU. */
  List<CpuStats> stats();

  /**
   * What a vCPU did last with devices and MSRs, and its last exits: oldest first, bounded, a line
   * each.
   */
  List<String> trace(int vcpu);

  /** How it ended; empty until it has. */
  Optional<VmEnd> end();

  /** The memory system it lives in. */
  MemorySystem memory();

  /**
   * The system-physical address of a guest-physical one.
   *
   * @return empty if it is not RAM
   */
  Optional<Long> spa(long gpa);

  /** The guest's ASID; 0 without protection. */
  int asid();

  /** How it was launched; empty without protection. */
  Optional<Launch> launch();

  /**
   * Reads RAM as the guest sees it. For pages that are private the guest's policy is asked, and
   * refuses if it forbids debugging.
   *
   * @param gpa first guest-physical address
   * @param target receives {@code byteSize()} bytes
   * @param lab ignores the policy; recorded, see {@link #labUsed()}. A VM made with {@link
   *     VmConfig#lab()} ignores it always
   * @throws HypervisorException if a byte is not RAM, or the policy refuses; nothing was copied
   */
  void readGuest(long gpa, MemorySegment target, boolean lab) throws HypervisorException;

  /**
   * Stops the VM for a debugger, one at a time; one that was not started stays that way.
   *
   * @param lab ignores the guest's policy, as for {@link #readGuest}
   * @throws HypervisorException if the guest's policy forbids debugging, another debugger is there,
   *     the CPU engine cannot be debugged, or the VM has ended
   */
  Debugger debug(boolean lab) throws HypervisorException;

  /**
   * What a VM whose time is counted had become when it ended: SHA-256, in hexadecimal, over
   * registers, RAM as the guest has it, and devices. Equal inputs give equal hashes.
   *
   * @return a line for people, the hash first; empty for other VMs, and before the end
   */
  default Optional<String> stateHash() {
    return Optional.empty();
  }

  /** Whether the guest's policy was ever ignored, or is by the VM's settings. */
  boolean labUsed();

  /**
   * Devices' transfers that met a private page and so moved ciphertext, by the device's name; since
   * the VM was made.
   */
  Map<String, Long> privateTransfers();

  /**
   * Bytes of RAM that the guest said it does not need and whose memory the host has back, by the
   * name of the device it said so to; since the VM was made. What it uses again is counted again
   * when it is given back again.
   */
  default Map<String, Long> givenBack() {
    return Map.of();
  }

  @Override
  void close();
}
