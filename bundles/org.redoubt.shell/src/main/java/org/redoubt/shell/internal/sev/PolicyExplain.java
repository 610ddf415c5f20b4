package org.redoubt.shell.internal.sev;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.shell.internal.ShellCommand;
import org.redoubt.shell.internal.owner.Policies;
import org.redoubt.spec.sev.GuestPolicy;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code policy:explain}. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=policy", "osgi.command.function=explain"})
public final class PolicyExplain extends ShellCommand {
  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(name = "policy:explain", description = "Puts the bits of a guest policy into words.")
  private static final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "POLICY", description = "Such as 0x1.")
    private String policy = "";

    @Override
    public int run(Io io) throws HypervisorException {
      GuestPolicy p = Policies.parse(policy);
      io.out().println("Policy " + p);
      p.explain().forEach(io.out()::println);
      return p.wellFormed() ? 0 : 1;
    }
  }
}
