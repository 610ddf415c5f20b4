package org.redoubt.hypervisor.internal;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;

/** Finds the loader for a kernel, and believes it only what is checked. */
final class LoaderChoice {
  private static final int PAGE = 4096;
  private static final System.Logger LOG = System.getLogger(LoaderChoice.class.getPackageName());

  private final PartList<GuestLoader> loaders;

  /**
   * @param loaders those that are there
   */
  LoaderChoice(PartList<GuestLoader> loaders) {
    this.loaders = loaders;
  }

  /**
   * The plan of the named loader, or else of the first by rank that knows the kernel.
   *
   * @param kernel for messages
   * @param head the first 64 KiB of it
   * @throws HypervisorException if there is no such loader, it refuses the images, or it fails
   */
  LaunchPlan plan(Path kernel, Optional<String> name, byte[] head, LaunchRequest request)
      throws HypervisorException {
    PartList.Entry<GuestLoader> loader = name.isPresent() ? loaders.find(name) : find(kernel, head);
    try {
      return checked(loader.name(), loader.service().plan(request));
    } catch (RuntimeException e) {
      throw new HypervisorException(
          "The guest loader '%s' failed, which is its bug: %s".formatted(loader.name(), e), e);
    }
  }

  private PartList.Entry<GuestLoader> find(Path kernel, byte[] head) throws HypervisorException {
    for (PartList.Entry<GuestLoader> loader : loaders.all()) {
      if (accepts(loader, head)) {
        return loader;
      }
    }
    throw new HypervisorException(
        "No guest loader knows the kernel %s; there are loaders for: %s"
            .formatted(
                kernel,
                String.join(", ", loaders.all().stream().map(PartList.Entry::name).toList())));
  }

  /** One that fails does not know it, and the next is asked. */
  private static boolean accepts(PartList.Entry<GuestLoader> loader, byte[] head) {
    try {
      return loader.service().accepts(head.clone());
    } catch (RuntimeException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The guest loader '%s' failed to look at a kernel: %s".formatted(loader.name(), e));
      return false;
    }
  }

  /** What a plan must be, whoever wrote the loader. */
  private static LaunchPlan checked(String loader, LaunchPlan plan) throws HypervisorException {
    List<LaunchPlan.Region> sorted =
        plan.regions().stream().sorted(Comparator.comparingLong(LaunchPlan.Region::gpa)).toList();
    long end = 0;
    for (LaunchPlan.Region region : sorted) {
      long bytes = region.bytes().byteSize();
      if (region.gpa() < end || (region.gpa() | bytes) % PAGE != 0 || bytes == 0) {
        throw new HypervisorException(
            "The guest loader '%s' puts '%s' at %xh, %d bytes: regions are whole pages and do not overlap"
                .formatted(loader, region.name(), region.gpa(), bytes));
      }
      end = region.gpa() + bytes;
    }
    if (plan.secret().isPresent() && sorted.stream().noneMatch(r -> has(r, plan.secret().get()))) {
      throw new HypervisorException(
          "The guest loader '%s' has room for a secret at %xh, %d bytes, outside of its regions"
              .formatted(loader, plan.secret().get().gpa(), plan.secret().get().bytes()));
    }
    return plan;
  }

  private static boolean has(LaunchPlan.Region region, LaunchPlan.SecretArea secret) {
    return secret.bytes() >= 0
        && secret.gpa() >= region.gpa()
        && secret.gpa() - region.gpa() <= region.bytes().byteSize() - secret.bytes();
  }
}
