package org.redoubt.shell.internal.memory;

import java.util.List;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemoryStats;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code mem:stats}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=stats"})
public final class MemStats extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemStats(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "mem:stats",
      description = "Shows what the SoC cache holds and has done, in all and by engine, in pages.")
  private final class Arguments implements Invocation {
    @Mixin private MemoryOption memory = new MemoryOption();

    @Override
    public int run(Io io) throws HypervisorException {
      Table cache =
          new Table(
              "Memory",
              "Capacity",
              "Resident",
              "Dirty",
              "Private",
              "Fills",
              "Evictions",
              "Written",
              "Tag switches",
              "Safepoint waits");
      Table engines = new Table("Memory", "Engine", "", "Pages", "Encrypted", "Decrypted", "GB/s");
      for (MemorySystem system :
          memory.name == null && !memories.all().isEmpty()
              ? memories.all()
              : List.of(memories.find(memory.name))) {
        String name = system.config().name();
        MemoryStats stats = system.stats();
        cache.row(
            name,
            stats.capacityPages(),
            stats.residentPages(),
            stats.dirtyPages(),
            stats.privatePages(),
            stats.fills(),
            stats.evictions(),
            stats.writeBacks(),
            stats.tagSwitches(),
            stats.safepointWaits());
        for (MemoryStats.EngineStats engine : stats.engines()) {
          engines.row(
              name,
              engine.name(),
              engine.current() ? "in use" : "",
              engine.pages(),
              engine.encryptedBytes() >> 12,
              engine.decryptedBytes() >> 12,
              Numbers.rate(engine.encryptedBytes() + engine.decryptedBytes(), engine.cipherNs()));
        }
      }
      io.out().print(cache);
      io.out().println();
      io.out().print(engines);
      return 0;
    }
  }
}
