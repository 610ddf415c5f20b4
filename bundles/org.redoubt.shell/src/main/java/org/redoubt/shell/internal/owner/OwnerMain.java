package org.redoubt.shell.internal.owner;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Unmatched;

/** {@code ./redoubt owner WHAT ...}: the commands of {@code owner:} from the command line. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=redoubt", "osgi.command.function=owner"})
public final class OwnerMain extends ShellCommand {
  private static final Map<String, ShellCommand> COMMANDS =
      new TreeMap<>(
          Map.of(
              "session", new OwnerSessionCommand(),
              "verify-platform", new OwnerVerifyPlatform(),
              "measure", new OwnerMeasure(),
              "verify", new OwnerVerify(),
              "secret", new OwnerSecret(),
              "certify", new OwnerCertify()));

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "owner",
      description = "The owner's side: session, verify-platform, measure, verify, secret, certify.")
  private static final class Arguments implements Invocation {
    @Parameters(
        index = "0",
        paramLabel = "WHAT",
        description = "session, verify-platform, measure, verify, secret or certify.")
    private String what = "";

    @Unmatched private List<String> rest = new ArrayList<>();

    @Override
    public int run(Io io) throws Exception {
      ShellCommand command = COMMANDS.get(what);
      if (command == null) {
        throw new HypervisorException(
            "'owner %s' is none of %s".formatted(what, COMMANDS.keySet()));
      }
      Object status = command.execute(io.session(), List.copyOf(rest));
      return status instanceof Integer i ? i : 0;
    }
  }
}
