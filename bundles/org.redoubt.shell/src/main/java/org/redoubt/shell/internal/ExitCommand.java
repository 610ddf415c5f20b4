package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Component;
import picocli.CommandLine.Command;

/** {@code shell:exit}: leaves the shell, as Ctrl-D does. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=shell", "osgi.command.function=exit"})
public final class ExitCommand extends ShellCommand {

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "exit", description = "Leaves the shell and stops everything; so does Ctrl-D.")
  private static final class Arguments implements Invocation {
    @Override
    public int run(Io io) {
      io.session().put(Console.LEFT, true);
      return 0;
    }
  }
}
