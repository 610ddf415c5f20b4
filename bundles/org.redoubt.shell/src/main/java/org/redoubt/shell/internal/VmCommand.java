package org.redoubt.shell.internal;

import java.util.List;
import org.apache.felix.service.command.CommandSession;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;
import picocli.CommandLine.Parameters;

/** What the {@code vm:} commands that name a VM have in common. */
abstract class VmCommand extends ShellCommand {
  final Hypervisor hypervisor;

  VmCommand(Hypervisor hypervisor) {
    this.hypervisor = hypervisor;
  }

  @Override
  protected List<String> suggestions(CommandSession session, List<String> words) {
    return hypervisor.vms().stream().map(vm -> vm.config().name()).toList();
  }

  /** A name that no VM has. */
  static String freeName(Hypervisor hypervisor) {
    int number = 0;
    while (hypervisor.vm("vm" + number).isPresent()) {
      number++;
    }
    return "vm" + number;
  }

  /** Arguments that begin with a VM's name. */
  abstract static class Named implements Invocation {
    private final Hypervisor hypervisor;

    @Parameters(
        index = "0",
        arity = "0..1",
        paramLabel = "VM",
        description = "Its name; may be left out while there is only one.")
    private String name = "";

    Named(Hypervisor hypervisor) {
      this.hypervisor = hypervisor;
    }

    /** The VM that is meant. */
    final Vm vm() throws UsageException {
      List<Vm> all = hypervisor.vms();
      if (name.isEmpty() && all.size() == 1) {
        return all.getFirst();
      }
      List<String> names = all.stream().map(vm -> vm.config().name()).toList();
      String there = names.isEmpty() ? "none; 'vm:create' makes one" : String.join(", ", names);
      if (name.isEmpty()) {
        throw new UsageException("Which VM? There are: " + there);
      }
      return hypervisor
          .vm(name)
          .orElseThrow(
              () -> new UsageException("No VM '%s'; there are: %s".formatted(name, there)));
    }
  }
}
