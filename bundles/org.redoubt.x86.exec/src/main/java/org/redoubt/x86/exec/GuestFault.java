package org.redoubt.x86.exec;

import org.jspecify.annotations.Nullable;
import org.redoubt.api.cpu.Exit;

/**
 * Unwinds an instruction that cannot complete. Each vCPU has one, preallocated and without a stack
 * trace; only the engine's loop catches it. What it says is in its fields.
 */
public final class GuestFault extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The decoded block is stale: decode and execute again from the same instruction. */
  public static final int RETRY = -1;

  /** Leave the engine with {@link #exit()}; the instruction is executed again later. */
  public static final int EXIT = -2;

  private int vector;
  private long errorCode;
  private long faultAddress;
  private boolean nonCanonical;
  private boolean inNewTask;
  private boolean trap;
  private transient @Nullable Exit exit;

  GuestFault() {
    super(null, null, false, false);
  }

  GuestFault exception(int newVector, long newErrorCode) {
    vector = newVector;
    errorCode = newErrorCode;
    nonCanonical = false;
    inNewTask = false;
    trap = false;
    return this;
  }

  GuestFault pageFault(long gva, long newErrorCode) {
    faultAddress = gva;
    return exception(org.redoubt.spec.x86.Vector.PF, newErrorCode);
  }

  GuestFault nonCanonical() {
    exception(org.redoubt.spec.x86.Vector.GP, 0);
    nonCanonical = true;
    return this;
  }

  /**
   * The instruction or event is over, a hardware task switch: RIP is the new task's.
   *
   * @param isTrap whether this is the new task's debug trap and not a fault
   */
  GuestFault inNewTask(boolean isTrap) {
    inNewTask = true;
    trap = isTrap;
    return this;
  }

  GuestFault leave(Exit newExit) {
    inNewTask = false;
    vector = EXIT;
    exit = newExit;
    return this;
  }

  GuestFault retry() {
    inNewTask = false;
    vector = RETRY;
    return this;
  }

  /** The exception's vector, or {@link #RETRY}, or {@link #EXIT}. */
  public int vector() {
    return vector;
  }

  public long errorCode() {
    return errorCode;
  }

  /** CR2 to be, for #PF. */
  public long faultAddress() {
    return faultAddress;
  }

  /** True for the #GP of a non-canonical address, which is #SS if the stack segment was used. */
  public boolean isNonCanonical() {
    return nonCanonical;
  }

  /**
   * True when a task switch has been made and RIP is the new task's: the instruction that raised
   * this is over.
   */
  public boolean isInNewTask() {
    return inNewTask;
  }

  /** True for a trap: RF is not pushed. */
  public boolean isTrap() {
    return trap;
  }

  /** Set with {@link #EXIT}. */
  public Exit exit() {
    Exit result = exit;
    if (result == null) {
      throw new IllegalStateException("bug: no exit");
    }
    return result;
  }
}
