package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import picocli.CommandLine.Command;

/** {@code vm:pause}: stops the vCPUs, each between two instructions. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=pause"})
public final class VmPauseCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmPauseCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:pause", description = "Pauses a VM: its time stands still.")
  private static final class Arguments extends Named {
    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      vm().pause();
      return 0;
    }
  }
}
