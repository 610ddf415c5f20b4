package org.redoubt.shell.internal.owner;

import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.redoubt.owner.OwnerSession;
import org.redoubt.owner.OwnerTasks;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code owner:session}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=owner", "osgi.command.function=session"})
public final class OwnerSessionCommand extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner:session",
      description = "Starts a session for one platform: DH certificate, session blob, TIK and TEK.")
  private static final class Arguments implements Invocation {
    @Option(
        names = "--name",
        paramLabel = "NAME",
        description = "What the files' names start with. Default: vm.")
    private String name = "vm";

    @Option(
        names = "--ark",
        paramLabel = "FILE",
        description = "The root you trust: the platform's full chain is checked under it first.")
    private @Nullable Path ark;

    @Parameters(
        index = "0",
        paramLabel = "PDH",
        description = "The platform's chain, or its PDH certificate.")
    private @Nullable Path pdh;

    @Parameters(
        index = "1",
        paramLabel = "POLICY",
        description = "The guest's policy, such as 0x1.")
    private String policy = "";

    @Override
    public int run(Io io) throws Exception {
      OwnerSession.SessionFiles files =
          new OwnerTasks()
              .session(
                  Objects.requireNonNull(pdh),
                  Policies.parse(policy),
                  Optional.ofNullable(ark),
                  Path.of(""),
                  name);
      io.out().println("For LAUNCH_START: " + files.dhCertificate() + ", " + files.session());
      io.out().println("Keep to yourself: " + files.tik() + ", " + files.tek());
      if (ark == null) {
        io.out()
            .println(
                "The platform was not checked: give its full chain and --ark with the root you"
                    + " trust.");
      }
      return 0;
    }
  }
}
