package org.redoubt.shell.internal;

import java.util.Optional;
import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmEnd;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code ./redoubt run}: one VM, its console on standard input and output, its end the status: 0
 * power-off, 2 bad options or images, 3 crash, 4 reset, the guest's own from the debug-exit port.
 */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=" + Entry.SUBCOMMANDS, "osgi.command.function=run"})
public final class RunCommand extends ShellCommand {
  private final Hypervisor hypervisor;

  /** Made by SCR. */
  @Activate
  public RunCommand(@Reference Hypervisor hypervisor) {
    this.hypervisor = hypervisor;
  }

  @Override
  protected Invocation invocation() {
    return new Arguments();
  }

  @Command(
      name = "run",
      description = "Boots one VM with its serial console here; Ctrl-A X leaves.",
      sortOptions = false)
  private final class Arguments implements Invocation {
    @Mixin private VmOptions options = new VmOptions();

    @Override
    public int run(Io io) throws Exception {
      if (options.lab) {
        System.err.println("--lab: the guest's debug policy is ignored.");
      }
      try (Vm vm = create(io)) {
        TerminalBridge bridge = new TerminalBridge(io.session(), io.out());
        Optional<VmEnd> end = bridge.show(vm, vm::start);
        if (end.isEmpty()) {
          return 0; // the user left, and the VM ends with it
        }
        VmEnd how = end.get();
        if (how.cause() != VmEnd.Cause.POWER_OFF && how.cause() != VmEnd.Cause.DEBUG_EXIT) {
          io.out().flush();
          System.err.println(how.report().strip());
        }
        return how.exitCode();
      }
    }

    private Vm create(Io io) throws UsageException {
      try {
        return hypervisor.create(
            options.config(VmCommand.freeName(hypervisor), new DefaultImage(io)));
      } catch (HypervisorException e) {
        throw new UsageException(Failures.oneLine(e));
      }
    }
  }
}
