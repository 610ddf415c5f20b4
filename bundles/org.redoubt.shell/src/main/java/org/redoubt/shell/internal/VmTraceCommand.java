package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code vm:trace}: what a vCPU did last with the world outside. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=trace"})
public final class VmTraceCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmTraceCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:trace",
      description = "Shows a vCPU's last accesses to devices and MSRs, and its last exits.")
  private static final class Arguments extends Named {
    @Option(names = "--vcpu", paramLabel = "N", description = "Which vCPU (default: 0).")
    private int vcpu;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      vm().trace(vcpu).forEach(io.out()::println);
      return 0;
    }
  }
}
