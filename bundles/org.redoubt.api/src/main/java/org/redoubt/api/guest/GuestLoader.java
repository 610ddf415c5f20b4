package org.redoubt.api.guest;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/**
 * Turns images into a launch plan: an OSGi service with the property {@link #LOADER_NAME}. Pure;
 * any thread.
 */
@ConsumerType
public interface GuestLoader {
  /** Service property, a string: the stable name, such as {@code linux}. */
  String LOADER_NAME = "redoubt.loader.name";

  /**
   * Whether it knows this kind of kernel image.
   *
   * @param head the first 64 KiB of the file, or all of it
   */
  boolean accepts(byte[] head);

  /**
   * Lays a guest out. The same request gives the same plan, byte for byte.
   *
   * @throws HypervisorException if an image is truncated, of another kind, or does not fit; says
   *     which and why
   */
  LaunchPlan plan(LaunchRequest request) throws HypervisorException;
}
