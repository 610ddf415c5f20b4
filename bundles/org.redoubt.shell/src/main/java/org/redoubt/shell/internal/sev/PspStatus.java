package org.redoubt.shell.internal.sev;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;

/** {@code psp:status}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=status"})
public final class PspStatus extends ShellCommand {
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspStatus(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:status",
      description = "Shows version and state of the secure processor, and its guests.")
  private final class Arguments implements Invocation {
    @Override
    public int run(Io io) throws HypervisorException {
      PlatformInfo info = processors.processor().info();
      io.out()
          .println("API " + info.apiMajor() + "." + info.apiMinor() + ", build " + info.build());
      io.out()
          .println("State " + info.state() + (info.encryptedState() ? ", SEV-ES initialized" : ""));
      io.out().println(info.owned() ? "Owned externally" : "Self-owned");
      if (info.guests().isEmpty()) {
        io.out().println("No guests");
        return 0;
      }
      Table table = new Table("Guest", "ASID", "State", "Policy");
      for (PlatformInfo.Guest g : info.guests()) {
        table.row(g.handle(), g.asid() == 0 ? "-" : g.asid(), g.state(), g.policy());
      }
      io.out().print(table);
      return 0;
    }
  }
}
