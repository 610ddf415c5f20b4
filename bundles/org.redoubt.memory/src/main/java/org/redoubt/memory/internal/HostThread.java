package org.redoubt.memory.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/** What the host's scheduler is told about a thread, which Java has no word for. */
final class HostThread {
  private static final Optional<MethodHandle> NICE =
      HostMemory.find("nice", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

  private HostThread() {}

  /**
   * Makes the current platform thread, and no other, give way to those that are less nice. There is
   * no way back. Does nothing where the host is not Linux.
   *
   * @param more how much nicer than it is now, 1 to 19
   */
  static void beNicer(int more) {
    if (NICE.isEmpty()) {
      return;
    }
    try {
      int ignored = (int) NICE.get().invokeExact(more); // nice(2): of the thread, not the process
    } catch (Throwable e) {
      throw new AssertionError("bug: nice cannot be called", e);
    }
  }
}
