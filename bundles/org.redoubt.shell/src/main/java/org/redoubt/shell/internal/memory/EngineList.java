package org.redoubt.shell.internal.memory;

import java.util.List;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.memory.MemoryStats.EngineStats;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;

/** {@code engine:list}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=engine", "osgi.command.function=list"})
public final class EngineList extends ShellCommand {
  private final EngineCatalog catalog;
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public EngineList(@Reference EngineCatalog catalog, @Reference Memories memories) {
    this.catalog = catalog;
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "engine:list",
      description = "Lists the engines, best first: provider, rank, key, pages carried, speed.")
  private final class Arguments implements Invocation {
    @Override
    public int run(Io io) {
      List<EngineStats> used =
          memories.all().stream().flatMap(system -> system.stats().engines().stream()).toList();
      Table table = new Table("Engine", "Bundle", "Rank", "Key bits", "Pages", "GB/s", "");
      for (EngineCatalog.Entry engine : catalog.all()) {
        List<EngineStats> own =
            used.stream().filter(stats -> stats.name().equals(engine.name())).toList();
        long bytes =
            own.stream().mapToLong(stats -> stats.encryptedBytes() + stats.decryptedBytes()).sum();
        long ns = own.stream().mapToLong(EngineStats::cipherNs).sum();
        table.row(
            engine.name(),
            engine.bundle(),
            engine.rank(),
            engine.factory().keyBytes() * Byte.SIZE,
            own.stream().mapToLong(EngineStats::pages).sum(),
            Numbers.rate(bytes, ns),
            own.stream().anyMatch(EngineStats::current) ? "in use" : "");
      }
      io.out().print(table);
      return 0;
    }
  }
}
