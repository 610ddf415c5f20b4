package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Command;

/** {@code vm:stop}: ends a VM and takes it apart. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=stop"})
public final class VmStopCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmStopCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:stop", description = "Stops a VM, whatever it is doing, and forgets it.")
  private static final class Arguments extends Named {
    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      vm.stop();
      vm.end().ifPresent(end -> io.out().println(end.report().strip()));
      vm.close();
      return 0;
    }
  }
}
