package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.redoubt.api.vm.DebugServer;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code vm:gdb}: lets gdb attach to a VM. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=gdb"})
public final class VmGdbCommand extends VmCommand {
  @Reference(cardinality = ReferenceCardinality.OPTIONAL, policy = ReferencePolicy.DYNAMIC)
  private volatile @Nullable DebugServer server;

  /** Made by SCR. */
  @Activate
  public VmGdbCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:gdb", description = "Lets gdb attach to a VM, at a port of the loopback.")
  private final class Arguments extends Named {
    @Parameters(
        index = "1",
        arity = "0..1",
        paramLabel = "PORT",
        description = "TCP port (default: 1234; 0: a free one).")
    private int port = Integer.parseInt(GdbOptions.DEFAULT_PORT);

    @Option(
        names = "--wait",
        description = "The guest stands still, from now on, until gdb lets it run.")
    private boolean waits;

    @Option(
        names = "--lab",
        description = "Ignores the guest's debug policy; said each time, recorded in the VM.")
    private boolean lab;

    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      Vm vm = vm();
      if (lab || vm.config().lab()) {
        io.out().println("--lab: the guest's debug policy is ignored.");
      }
      GdbOptions.listen(server, vm, port, waits, lab, io.out()); // it ends with the VM
      return 0;
    }
  }
}
