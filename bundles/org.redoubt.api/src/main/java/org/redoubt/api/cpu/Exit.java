package org.redoubt.api.cpu;

/**
 * Why {@link CpuEngine#run} returned. An exit leaves the vCPU at an instruction boundary, all state
 * in place.
 *
 * @param kind the cause
 * @param info1 as EXITINFO1 where the cause has one
 * @param info2 as EXITINFO2 where the cause has one (the gpa of a nested page fault)
 * @param detail a sentence for people, or empty
 */
public record Exit(Kind kind, long info1, long info2, String detail) {
  /** Causes. */
  public enum Kind {
    /** {@link CpuEngine#requestStop} was called. */
    STOPPED,
    /** HLT (VMEXIT 78h) with interrupts enabled or not: nothing to do until a signal. */
    HALT,
    /** Triple fault (VMEXIT 7Fh). */
    SHUTDOWN,
    /** Nested page fault that is not MMIO (VMEXIT 400h). */
    NESTED_PAGE_FAULT,
    /** The memory under the guest is suspended. */
    SUSPENDED,
    /** INIT was received; the vCPU waits for SIPI. */
    INIT,
    /** A breakpoint, watchpoint or step that a debugger asked for. */
    DEBUG,
    /** The instruction budget is used up. */
    BUDGET,
    /** Something that this engine does not support; detail says what, with the bytes. */
    UNSUPPORTED
  }

  /** An exit with nothing more to say. */
  public static Exit of(Kind kind) {
    return new Exit(kind, 0, 0, "");
  }
}
