package org.redoubt.shell.internal.sev;

import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code psp:history}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=psp", "osgi.command.function=history"})
public final class PspHistory extends ShellCommand {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneId.systemDefault());

  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PspHistory(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "psp:history",
      description = "Lists the last firmware commands, with status and, where refused, the reason.")
  private final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "COUNT",
        description = "How many at most. Default: 20.")
    private int count = 20;

    @Option(names = "--refused", description = "Only those that were refused.")
    private boolean refused;

    @Override
    public int run(Io io) throws HypervisorException {
      List<CommandRecord> records =
          processors.processor().history().stream()
              .filter(r -> !refused || r.status() != 0)
              .toList();
      int from = Math.max(0, records.size() - Math.max(0, count));
      Table table = new Table("Time", "Command", "Status", "us", "Reason");
      for (CommandRecord r : records.subList(from, records.size())) {
        table.row(
            TIME.format(r.at()),
            r.name().equals("UNKNOWN") ? "%Xh".formatted(r.command()) : r.name(),
            r.statusName(),
            r.durationNs() / 1000,
            r.reason());
      }
      io.out().print(table);
      return 0;
    }
  }
}
