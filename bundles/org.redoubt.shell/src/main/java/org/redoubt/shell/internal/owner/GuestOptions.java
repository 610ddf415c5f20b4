package org.redoubt.shell.internal.owner;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.owner.LaunchPrediction;
import org.redoubt.owner.OwnerException;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.shell.internal.Sizes;
import picocli.CommandLine.Option;

/** What is to be launched, by the names that {@code ./redoubt run} uses. */
final class GuestOptions {
  @Option(names = "--kernel", paramLabel = "FILE", description = "Linux: the bzImage.")
  private @Nullable Path kernel;

  @Option(names = "--initrd", paramLabel = "FILE", description = "Linux: the initial RAM disk.")
  private @Nullable Path initrd;

  @Option(
      names = "--append",
      paramLabel = "TEXT",
      description = "Linux: the kernel's command line. Default: console=ttyS0.")
  private String append = "console=ttyS0";

  @Option(
      names = {"--memory", "-m"},
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Guest RAM. Default: 512M.")
  private long memoryBytes = 512L << 20;

  @Option(names = "--smp", paramLabel = "N", description = "Number of vCPUs. Default: 1.")
  private int smp = 1;

  @Option(names = "--c-bit", paramLabel = "N", description = "Position of the C-bit. Default: 47.")
  private int cBit = OwnerTasks.LinuxGuest.C_BIT;

  @Option(
      names = "--secret-bytes",
      paramLabel = "N",
      description = "Room for a secret. Default: 1024.")
  private int secretBytes = OwnerTasks.LinuxGuest.SECRET_BYTES;

  @Option(
      names = "--file",
      paramLabel = "FILE",
      description = "Instead of a kernel: one file that is launched as it is.")
  private @Nullable Path file;

  LaunchPrediction predict(OwnerTasks tasks)
      throws HypervisorException, OwnerException, IOException {
    if (file != null) {
      return tasks.measureFile(file);
    }
    if (kernel == null) {
      throw new HypervisorException("What is launched? It takes --kernel FILE or --file FILE");
    }
    return tasks.measure(
        new OwnerTasks.LinuxGuest(
            kernel, Optional.ofNullable(initrd), append, memoryBytes, smp, cBit, secretBytes));
  }
}
