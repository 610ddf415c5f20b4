package org.redoubt.shell.internal.owner;

import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.redoubt.owner.OwnerTasks;
import picocli.CommandLine.Option;

/** Where a session's keys and the measurement are. */
final class KeyOptions {
  @Option(
      names = "--tik",
      required = true,
      paramLabel = "FILE",
      description = "The session's NAME_tik.bin.")
  private @Nullable Path tik;

  @Option(
      names = "--tek",
      required = true,
      paramLabel = "FILE",
      description = "The session's NAME_tek.bin.")
  private @Nullable Path tek;

  @Option(
      names = "--measurement",
      required = true,
      paramLabel = "FILE",
      description = "What LAUNCH_MEASURE gave out: 48 bytes or their base64.")
  private @Nullable Path measurement;

  OwnerTasks.KeyFiles keys() {
    return new OwnerTasks.KeyFiles(Objects.requireNonNull(tik), Objects.requireNonNull(tek));
  }

  Path measurement() {
    return Objects.requireNonNull(measurement);
  }
}
