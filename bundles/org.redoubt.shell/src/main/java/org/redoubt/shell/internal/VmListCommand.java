package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import picocli.CommandLine.Command;

/** {@code vm:list}: the VMs there are. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=list"})
public final class VmListCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmListCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:list", description = "Lists the VMs there are.")
  private static final class Arguments implements Invocation {
    private final Hypervisor hypervisor;

    Arguments(Hypervisor hypervisor) {
      this.hypervisor = hypervisor;
    }

    @Override
    public int run(Io io) {
      Table table =
          new Table("name", "state", "memory", "vCPUs", "protection", "engine", "lab", "kernel");
      for (Vm vm : hypervisor.vms()) {
        VmConfig config = vm.config();
        table.row(
            config.name(),
            vm.end().map(end -> end.cause().toString()).orElse(vm.state().toString()),
            Sizes.text(config.memoryBytes()),
            config.vcpus(),
            VmOptions.name(config.protection()),
            vm.memory().engine(),
            vm.labUsed() ? "yes" : "",
            config.kernel().getFileName());
      }
      io.out().print(table);
      return 0;
    }
  }
}
