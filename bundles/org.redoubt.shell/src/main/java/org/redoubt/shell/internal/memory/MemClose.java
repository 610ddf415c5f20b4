package org.redoubt.shell.internal.memory;

import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code mem:close}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=mem", "osgi.command.function=close"})
public final class MemClose extends ShellCommand {
  private final Memories memories;

  /** Made by SCR. */
  @Activate
  public MemClose(@Reference Memories memories) {
    this.memories = memories;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return memories.names();
  }

  @Command(name = "mem:close", description = "Writes a memory system back and gives it up.")
  private final class Arguments implements Invocation {
    @Parameters(paramLabel = "NAME", description = "One that mem:create made.")
    private String name = "";

    @Override
    public int run(Io io) throws HypervisorException {
      memories.close(memories.find(name));
      return 0;
    }
  }
}
