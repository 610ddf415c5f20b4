package org.redoubt.guest.linux;

import java.util.Objects;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.linux.boot.LinuxBootException;
import org.redoubt.linux.boot.Machine;
import org.redoubt.linux.boot.Region;

/** Between the plan's terms and those of {@code linux.boot}. */
final class Requests {
  private Requests() {}

  /** The machine that a request describes. */
  static Machine machine(LaunchRequest request) throws HypervisorException {
    if (request.vcpus() < 1 || request.vcpus() > Machine.MAX_VCPUS) {
      throw new HypervisorException(
          "A Linux guest has 1 to %d vCPUs, not %d.".formatted(Machine.MAX_VCPUS, request.vcpus()));
    }
    if (request.memoryBytes() <= 0 || request.memoryBytes() % Region.PAGE_BYTES != 0) {
      throw new HypervisorException(
          "Guest memory is a multiple of 4 KiB, not %d bytes.".formatted(request.memoryBytes()));
    }
    int cBit = request.cBit() == 0 ? Machine.NOT_ENCRYPTED : request.cBit();
    return Machine.of(request.memoryBytes(), request.vcpus()).withEncryptionBit(cBit);
  }

  static LaunchPlan.Region region(Region region) {
    return new LaunchPlan.Region(region.name(), region.gpa(), region.bytes());
  }

  /** What the operator gets to read. */
  static HypervisorException refusal(LinuxBootException e) {
    return new HypervisorException(
        Objects.requireNonNullElse(e.getMessage(), "The kernel cannot be loaded."), e);
  }
}
