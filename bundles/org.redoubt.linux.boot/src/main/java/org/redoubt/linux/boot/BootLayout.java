package org.redoubt.linux.boot;

import java.util.List;
import java.util.Optional;

/**
 * Everything a loader puts into a guest, and how its boot processor starts.
 *
 * @param regions what lies where, by ascending address, disjoint; the order in which they are
 *     measured
 * @param entry the boot processor's registers
 * @param e820 the memory map in boot_params
 * @param secretSlot where a secret may be injected, if one was asked for
 * @param rsdp guest-physical address of the ACPI root pointer
 */
public record BootLayout(
    List<Region> regions,
    EntryState entry,
    List<E820Entry> e820,
    Optional<SecretSlot> secretSlot,
    long rsdp) {
  /**
   * Room for LAUNCH_SECRET: inside one page, measured as zeros.
   *
   * @param gpa guest-physical address, a multiple of 16
   * @param length bytes, a multiple of 16
   */
  public record SecretSlot(long gpa, int length) {}

  public BootLayout {
    regions = List.copyOf(regions);
    e820 = List.copyOf(e820);
    long end = 0;
    for (Region region : regions) {
      if (region.gpa() < end) {
        throw new IllegalArgumentException(
            "bug: region %s overlaps the one before it".formatted(region.name()));
      }
      end = region.end();
    }
  }

  /** The region of that name. */
  public Optional<Region> region(String name) {
    return regions.stream().filter(r -> r.name().equals(name)).findFirst();
  }

  /** Bytes in all regions together, what a launch measures. */
  public long bytes() {
    return regions.stream().mapToLong(Region::size).sum();
  }
}
