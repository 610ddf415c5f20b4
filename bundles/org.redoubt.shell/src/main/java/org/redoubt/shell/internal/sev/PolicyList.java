package org.redoubt.shell.internal.sev;

import java.util.stream.Collectors;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;

/** {@code policy:list}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=policy", "osgi.command.function=list"})
public final class PolicyList extends ShellCommand {
  private final PolicyCatalog catalog;

  /** Made by SCR. */
  @Activate
  public PolicyList(@Reference PolicyCatalog catalog) {
    this.catalog = catalog;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "policy:list",
      description =
          "Lists the firmware policies: those in force, and those that policy:use can put in"
              + " force.")
  private final class Arguments implements Invocation {
    @Override
    public int run(Io io) {
      Table table = new Table("Policy", "In force", "Settings", "Bundle");
      for (PolicyCatalog.Entry e : catalog.entries()) {
        table.row(
            e.name(),
            e.mistake().isPresent() ? "refuses" : e.inForce() ? "yes" : "no",
            e.settings().values().stream()
                .map(s -> s.key() + "=" + s.value())
                .collect(Collectors.joining(" ")),
            e.bundle());
      }
      io.out().print(table);
      return 0;
    }
  }
}
