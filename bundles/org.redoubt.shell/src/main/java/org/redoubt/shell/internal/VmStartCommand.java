package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import picocli.CommandLine.Command;

/** {@code vm:start}: starts a VM that was created. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=start"})
public final class VmStartCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmStartCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:start", description = "Starts a VM that was created.")
  private static final class Arguments extends Named {
    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      vm().start();
      return 0;
    }
  }
}
