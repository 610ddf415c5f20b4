package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code vm:regs}: the registers of a vCPU. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=regs"})
public final class VmRegsCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmRegsCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:regs", description = "Shows the registers of a vCPU.")
  private static final class Arguments extends Named {
    @Option(names = "--vcpu", paramLabel = "N", description = "Which vCPU (default: 0).")
    private int vcpu;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      io.out().print(vm().registers(vcpu));
      return 0;
    }
  }
}
