package org.redoubt.shell.internal.sev;

import java.util.List;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.PlatformInfo;
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
  private final Processors processors;

  /** Made by SCR. */
  @Activate
  public PolicyExplain(@Reference Processors processors) {
    this.processors = processors;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "policy:explain",
      description =
          "Puts the bits of a guest policy into words, and warns of what cannot boot here.")
  private final class Arguments implements Invocation {
    @Parameters(index = "0", paramLabel = "POLICY", description = "Such as 0x1.")
    private String policy = "";

    @Override
    public int run(Io io) throws HypervisorException {
      GuestPolicy p = Policies.parse(policy);
      io.out().println("Policy " + p);
      p.explain().forEach(io.out()::println);
      warnings(p).forEach(w -> io.out().println("Warning: " + w));
      return p.wellFormed() ? 0 : 1;
    }

    private List<String> warnings(GuestPolicy p) {
      try {
        PlatformInfo here = processors.processor().info();
        return p.warnings(here.apiMajor(), here.apiMinor(), here.encryptedState());
      } catch (HypervisorException e) {
        return List.of("this platform cannot be asked what it takes: " + e.getMessage());
      }
    }
  }
}
