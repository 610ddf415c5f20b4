package org.redoubt.api.device;

import org.osgi.annotation.versioning.ProviderType;

/**
 * A machine's time: the host's, less the time it was paused, or virtual time from the instruction
 * count.
 */
@ProviderType
public interface VirtualClock {
  /** Nanoseconds since the machine was made. Any thread. */
  long nowNs();

  /** Wall-clock time of the guest, nanoseconds since 1970. Any thread. */
  long wallNs();

  /** The guest's TSC now, without any offset that the guest wrote. Any thread. */
  long tsc();

  /** TSC ticks in a second. */
  long tscHz();

  /**
   * Whether time comes from the instruction count, so that runs can be repeated: a device must then
   * do all it does on the thread that calls it, or by a timer that was armed there.
   */
  default boolean counted() {
    return false;
  }

  /**
   * Makes a timer.
   *
   * @param name for traces
   * @param action called under the device lock when the deadline has passed
   */
  Timer timer(String name, Runnable action);

  /** A one-shot timer. Any thread. */
  @ProviderType
  interface Timer {
    /**
     * Arms it, or moves it.
     *
     * @param deadlineNs in the time of {@link VirtualClock#nowNs()}; a past one fires at once
     */
    void arm(long deadlineNs);

    /** Disarms it. */
    void cancel();
  }
}
