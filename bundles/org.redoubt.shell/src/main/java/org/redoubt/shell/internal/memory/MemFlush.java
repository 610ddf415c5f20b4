package org.redoubt.shell.internal.memory;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code mem:flush}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=flush"})
public final class MemFlush extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemFlush(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "mem:flush", description = "Writes all dirty pages back to DRAM.")
  private final class Arguments implements Invocation {
    @Mixin private MemoryOption memory = new MemoryOption();

    @Override
    public int run(Io io) throws HypervisorException {
      MemorySystem system = memories.find(memory.name);
      long before = system.stats().writeBacks();
      system.flush();
      io.out().println("%d pages written back".formatted(system.stats().writeBacks() - before));
      return 0;
    }
  }
}
