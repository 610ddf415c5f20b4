package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code shell:help}: what commands there are, and what one takes. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=shell", "osgi.command.function=help"})
public final class HelpCommand extends ShellCommand {
  private final Commands commands;

  /** Made by SCR. */
  @Activate
  public HelpCommand(@Reference Commands commands) {
    this.commands = commands;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "help", description = "Lists the commands, or shows what one of them takes.")
  private final class Arguments implements Invocation {
    @Parameters(arity = "0..1", paramLabel = "COMMAND", description = "With or without its scope.")
    private @Nullable String name;

    @Override
    public int run(Io io) throws UsageException {
      String wanted = name;
      if (wanted == null) {
        io.out().print(commands.table(null));
        return 0;
      }
      io.out()
          .print(
              commands
                  .find(wanted)
                  .orElseThrow(() ->
                      new UsageException("No command '" + wanted + "'; 'help' lists them all"))
                  .help());
      return 0;
    }
  }
}
