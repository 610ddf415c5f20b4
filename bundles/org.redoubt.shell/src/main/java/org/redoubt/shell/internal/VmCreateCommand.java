package org.redoubt.shell.internal;

import org.apache.felix.service.command.Function;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code vm:create}: makes a VM, loaded (encrypted: launched and measured), not yet started. */
@Component(
    service = Function.class,
    property = {"osgi.command.scope=vm", "osgi.command.function=create"})
public final class VmCreateCommand extends VmCommand {
  /** Made by SCR. */
  @Activate
  public VmCreateCommand(@Reference Hypervisor hypervisor) {
    super(hypervisor);
  }

  @Override
  protected Invocation invocation() {
    return new Arguments(hypervisor);
  }

  @Command(
      name = "vm:create",
      description = "Makes a VM, loaded and not yet started.",
      sortOptions = false)
  private static final class Arguments implements Invocation {
    private final Hypervisor hypervisor;

    @Option(
        names = "--name",
        paramLabel = "NAME",
        description = "Its name (default: vm0, vm1, ...).")
    private @Nullable String name;

    @Mixin private VmOptions options = new VmOptions();

    @Mixin private LaunchOptions launch = new LaunchOptions();

    Arguments(Hypervisor hypervisor) {
      this.hypervisor = hypervisor;
    }

    @Override
    public int run(Io io) throws UsageException {
      String chosen = name == null ? freeName(hypervisor) : name;
      Vm vm =
          new Launches(hypervisor, io.out(), io)
              .create(options.config(chosen, new DefaultImage(io)), launch);
      io.out().println(vm.config().name());
      return 0;
    }
  }
}
