package org.redoubt.shell.internal.memory;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.Vm;

/** Finds the guest that a command means. */
final class Guests {
  private Guests() {}

  /** The VM of a name; without a name the only one. */
  static Vm find(Hypervisor hypervisor, @Nullable String name) throws HypervisorException {
    List<Vm> all = hypervisor.vms();
    if (name == null && all.size() == 1) {
      return all.getFirst();
    }
    String there =
        all.isEmpty()
            ? "none; 'vm:create' makes one"
            : String.join(", ", all.stream().map(vm -> vm.config().name()).toList());
    if (name == null) {
      throw new HypervisorException("Which VM? There are: " + there);
    }
    return hypervisor
        .vm(name)
        .orElseThrow(
            () -> new HypervisorException("No VM '%s'; there are: %s".formatted(name, there)));
  }
}
