package org.redoubt.shell.internal.memory;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option that names a memory system, shared by most commands. */
final class MemoryOption {
  @Option(
      names = "--memory",
      paramLabel = "NAME",
      description = "The memory system; may be left out if there is only one.")
  @Nullable String name;
}
