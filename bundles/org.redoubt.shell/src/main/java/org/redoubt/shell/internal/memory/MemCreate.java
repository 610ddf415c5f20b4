package org.redoubt.shell.internal.memory;

import java.nio.file.Path;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Sizes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code mem:create}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=create"})
public final class MemCreate extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemCreate(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "mem:create", description = "Makes a memory system with random keys.")
  private final class Arguments implements Invocation {
    @Parameters(paramLabel = "NAME", description = "How to call it.")
    private String name = "";

    @Option(
        names = "--size",
        paramLabel = "BYTES",
        converter = Numbers.Converter.class,
        description = "DRAM from address 0, in whole pages of 4096 bytes. Default: 64M.")
    private long size = 64L << 20;

    @Option(
        names = "--soc-cache",
        paramLabel = "BYTES",
        converter = Numbers.Converter.class,
        description = "Capacity of the SoC cache, at least 8 pages. Default: 256M.")
    private long cache = MemoryConfig.DEFAULT_CACHE_BYTES;

    @Option(names = "--dram", paramLabel = "FILE", description = "Backs DRAM by this file.")
    private @Nullable Path dram;

    @Option(
        names = "--engine",
        paramLabel = "ENGINE",
        description = "The engine by name. Default: the highest-ranked, followed as ranks change.")
    private @Nullable String engine;

    @Option(
        names = "--host-encryption",
        description = "Keeps shared and host pages under the host's key.")
    private boolean hostEncryption;

    @Override
    public int run(Io io) throws HypervisorException {
      MemoryConfig config = MemoryConfig.of(name, size).withSocCacheBytes(cache);
      if (dram != null) {
        config = config.withDramFile(io.session().currentDir().resolve(dram));
      }
      if (engine != null) {
        config = config.withEngine(engine);
      }
      MemorySystem system = memories.create(config.withHostEncryption(hostEncryption));
      io.out()
          .println(
              "%s: %s of DRAM under %s"
                  .formatted(name, Sizes.text(config.addressMap().bytes()), system.engine()));
      return 0;
    }
  }
}
