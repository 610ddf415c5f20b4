package org.redoubt.shell.internal.sev;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;

/** {@code psp:factory-reset}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=factory-reset"})
public final class PspFactoryReset extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspFactoryReset(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:factory-reset",
      description =
          "Forgets the platform's owner and keys, and makes new ones; also mends a state that was"
              + " found damaged or rolled back (PLATFORM_RESET).")
  private final class Arguments implements Invocation {
    @Override
    public int run(Io io) throws HypervisorException {
      processors.admin().factoryReset();
      io.out().println("The platform owns itself, with new OCA, PEK and PDH.");
      return 0;
    }
  }
}
