package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import picocli.CommandLine.Command;

/** {@code vm:resume}: goes on where a VM was paused. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=resume"})
public final class VmResumeCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmResumeCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(name = "vm:resume", description = "Resumes a paused VM.")
  private static final class Arguments extends Named {
    Arguments(Hypervisor hypervisor) {
      super(hypervisor);
    }

    @Override
    public int run(Io io) throws Exception {
      vm().resume();
      return 0;
    }
  }
}
