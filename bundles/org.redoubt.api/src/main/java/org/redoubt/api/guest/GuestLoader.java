package org.redoubt.api.guest;

import org.osgi.annotation.versioning.ConsumerType;
import org.redoubt.api.HypervisorException;

/**
 * Turns images into a launch plan: an OSGi service with the property {@link #LOADER_NAME}. Pure;
 * any thread, several at once.
 *
 * <p>The hypervisor takes the loader that a VM's settings name (option {@code loader}), or else the
 * first by {@code service.ranking} that {@linkplain #accepts accepts} the kernel: ours are {@code
 * linux} at 0, {@code multiboot} at -100 and {@code pvh}, which takes every ELF file, at -200. Its
 * exam is {@code GuestLoaderContract} in the testkit.
 */
@ConsumerType
public interface GuestLoader {
  /** Service property, a string: the stable name, such as {@code linux}. */
  String LOADER_NAME = "redoubt.loader.name";

  /**
   * Whether it knows this kind of kernel image: by its magic, be the rest damaged or not. One that
   * throws does not know it.
   *
   * @param head the first 64 KiB of the file, or all of it
   */
  boolean accepts(byte[] head);

  /**
   * Lays a guest out. The same request gives the same plan, byte for byte; the request's segments
   * are not changed. Regions are whole pages of RAM and do not overlap; what the guest reads before
   * it writes is in some region, as all other memory is noise in an encrypted guest. A size in an
   * image is bounded by the file or by RAM before memory is taken for it.
   *
   * @throws HypervisorException if an image is truncated, of another kind, or does not fit; says
   *     which and why
   */
  LaunchPlan plan(LaunchRequest request) throws HypervisorException;
}
