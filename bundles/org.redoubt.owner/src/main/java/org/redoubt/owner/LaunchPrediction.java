package org.redoubt.owner;

import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import org.redoubt.crypto.Primitives;
import org.redoubt.linux.boot.BootLayout;
import org.redoubt.linux.boot.LinuxBoot;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.LinuxImage;
import org.redoubt.linux.boot.Machine;

/**
 * What a guest's owner expects to be launched, region by region in the order in which it is
 * measured, and the launch digest that comes of it: SHA-256 of all regions' bytes. Immutable.
 *
 * @param regions in the order of measurement
 */
public record LaunchPrediction(List<Region> regions) {
  /**
   * One region.
   *
   * @param name such as {@code kernel}
   * @param gpa guest-physical address
   * @param bytes contents, read only
   */
  public record Region(String name, long gpa, MemorySegment bytes) {}

  /**
   * A region and the digest of everything up to its end.
   *
   * @param name the region's name
   * @param gpa its address
   * @param bytes its length
   * @param digest SHA-256 of all regions up to and with this one
   */
  public record Step(String name, long gpa, long bytes, byte[] digest) {}

  /** Copies the list. */
  public LaunchPrediction {
    regions = List.copyOf(regions);
  }

  /**
   * Of a Linux guest: the same computation that the loader makes, from the owner's own files.
   *
   * @param kernel bzImage
   * @param initrd initial RAM disk, may be empty
   * @param machine memory, processors and C-bit of the guest
   * @param secretBytes room for a secret, 0 for none
   * @throws OwnerException if an image cannot be used
   */
  public static LaunchPrediction ofLinux(
      MemorySegment kernel,
      MemorySegment initrd,
      String commandLine,
      Machine machine,
      int secretBytes)
      throws OwnerException {
    try {
      BootLayout layout =
          LinuxBoot.layout(LinuxImage.parse(kernel), initrd, commandLine, machine, secretBytes);
      return new LaunchPrediction(
          layout.regions().stream().map(r -> new Region(r.name(), r.gpa(), r.bytes())).toList());
    } catch (LinuxBootException e) {
      throw new OwnerException(String.valueOf(e.getMessage()), e);
    }
  }

  /** The running digest after each region. */
  public List<Step> steps() {
    MessageDigest running = Primitives.runningSha256();
    List<Step> out = new ArrayList<>();
    for (Region r : regions) {
      running.update(r.bytes().asByteBuffer());
      out.add(new Step(r.name(), r.gpa(), r.bytes().byteSize(), Primitives.copy(running).digest()));
    }
    return List.copyOf(out);
  }

  /** The launch digest. */
  public byte[] digest() {
    MessageDigest d = Primitives.runningSha256();
    regions.forEach(r -> d.update(r.bytes().asByteBuffer()));
    return d.digest();
  }

  /** This without one region. */
  LaunchPrediction without(int index) {
    List<Region> rest = new ArrayList<>(regions);
    rest.remove(index);
    return new LaunchPrediction(rest);
  }

  /** This with a region and its successor swapped. */
  LaunchPrediction swapped(int index) {
    List<Region> order = new ArrayList<>(regions);
    order.add(index, order.remove(index + 1));
    return new LaunchPrediction(order);
  }
}
