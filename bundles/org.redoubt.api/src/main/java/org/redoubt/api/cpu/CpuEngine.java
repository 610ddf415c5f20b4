package org.redoubt.api.cpu;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * One vCPU. {@link #run} is called by the vCPU's own thread; state is exported and imported only
 * while it does not run.
 */
@ConsumerType
public interface CpuEngine extends AutoCloseable {
  /**
   * Runs guest instructions until something ends it. Enters the memory port, and leaves it before
   * returning. A vCPU in HLT returns {@link Exit.Kind#HALT} again at once, and one that waits for
   * SIPI {@link Exit.Kind#INIT}, until its {@link org.redoubt.api.device.VcpuSignal} was raised.
   *
   * @param budget how many instructions at most, {@link Long#MAX_VALUE} for no limit; may be
   *     overshot by one block
   */
  Exit run(long budget);

  /**
   * Makes {@link #run} return {@link Exit.Kind#STOPPED} soon, at an instruction boundary. Any
   * thread; sticks until the next return.
   */
  void requestStop();

  /** Copies all guest-visible state out. */
  void exportState(CpuState target);

  /**
   * Takes all guest-visible state; a vCPU that waited for SIPI waits no longer.
   *
   * @throws IllegalArgumentException if it cannot be (reserved bits); the engine is then as before
   */
  void importState(CpuState source);

  /**
   * Says where the next runs are to return {@link Exit.Kind#DEBUG}, in place of what was said
   * before; any thread, while it does not run. A run that begins at a breakpoint returns at once;
   * one that steps executes that instruction. While there are no stops, nothing gets slower by
   * them.
   *
   * @return false if the engine cannot do that; nothing has changed then
   */
  default boolean debug(DebugStops stops) {
    return stops.isEmpty();
  }

  /**
   * Makes it count exactly, before its first run: budgets are kept to the instruction, {@link
   * #retired} is right whenever the bus or the local APIC is called, and what the guest sees
   * depends on its state and on that number alone, not on when somebody asked for a stop. For this
   * a piece of a repeated string instruction may count as one; where the pieces end depends on the
   * guest's state only.
   *
   * @return false if the engine cannot do that; nothing has changed then
   */
  default boolean countExactly() {
    return false;
  }

  /** Instructions retired since creation, as its own thread sees them. */
  default long retired() {
    return stats().instructions();
  }

  /** Counters since creation. Any thread; may lag by a moment. */
  CpuStats stats();

  /** Detaches from the memory system. */
  @Override
  void close();
}
