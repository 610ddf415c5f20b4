package org.redoubt.shell.internal;

import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;
import picocli.CommandLine.Command;

/** {@code vm:console}: the serial console of a VM, here. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=console"})
public final class VmConsoleCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmConsoleCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:console",
      description = "Connects to a VM's serial console; Ctrl-A X leaves it.")
  private static final class Arguments extends Named {
    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      TerminalBridge bridge = new TerminalBridge(io.session(), io.out());
      Optional<VmEnd> end = bridge.show(vm, () -> {});
      end.ifPresent(how -> io.out().println(how.report().strip()));
      return 0;
    }
  }
}
