package org.redoubt.shell.internal.owner;

import java.nio.file.Path;
import java.util.Objects;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.owner.PlatformReport;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code owner:verify-platform}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=verify-platform"})
public final class OwnerVerifyPlatform extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner:verify-platform",
      description = "Checks a platform's full certificate chain under a root you trust.")
  private static final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "CHAIN",
        description = "What 'psp:export --full' or 'sevctl export --full' wrote.")
    private @Nullable Path chain;

    @Option(
        names = "--ark",
        required = true,
        paramLabel = "FILE",
        description = "The root you trust, not from this host.")
    private @Nullable Path ark;

    @Override
    public int run(Io io) throws Exception {
      PlatformReport report =
          new OwnerTasks()
              .verifyPlatform(Objects.requireNonNull(ark), Objects.requireNonNull(chain));
      Table table = new Table("Certificate", "Signed by", "");
      for (PlatformReport.Line line : report.lines()) {
        table.row(
            line.usage(),
            line.signers(),
            line.problem().map(p -> "NOT VALID: " + p).orElse("valid"));
      }
      io.out().print(table);
      return report.valid() ? 0 : 1;
    }
  }
}
