package org.redoubt.guest.images;

/**
 * Hears how a long job goes on. Called on the thread of the job, or on one that watches it; must
 * not block.
 */
@FunctionalInterface
public interface Progress {
  /** Hears nothing. */
  Progress NONE = (what, done, total) -> {};

  /**
   * So much is done.
   *
   * @param what the step, such as {@code Fetching linux-image-cloud-amd64}
   * @param done bytes so far
   * @param total bytes in all, or 0 while that is unknown
   */
  void at(String what, long done, long total);
}
