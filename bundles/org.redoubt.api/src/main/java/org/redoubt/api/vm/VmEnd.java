package org.redoubt.api.vm;

/**
 * How a VM ended.
 *
 * @param cause what ended it
 * @param exitCode the process exit code that goes with it: 0 power-off, the guest's own for
 *     debug-exit, 3 for a crash
 * @param report for people: registers, last exits and instruction bytes after a crash; else one
 *     line
 */
public record VmEnd(Cause cause, int exitCode, String report) {
  /** Causes. */
  public enum Cause {
    POWER_OFF,
    RESET,
    STOPPED,
    DEBUG_EXIT,
    CRASHED
  }
}
