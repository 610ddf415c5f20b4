package org.redoubt.shell.internal.sev;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.PlatformAdmin;

/** The secure processor that the hypervisor launches guests with. */
@Component(service = Processors.class)
public final class Processors {
  private final List<Hypervisor> hypervisors = new CopyOnWriteArrayList<>();

  @Reference(
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC,
      unbind = "remove")
  void add(Hypervisor hypervisor) {
    hypervisors.add(hypervisor);
  }

  void remove(Hypervisor hypervisor) {
    hypervisors.remove(hypervisor);
  }

  SecureProcessor processor() throws HypervisorException {
    for (Hypervisor h : hypervisors) {
      return h.secureProcessor();
    }
    throw new HypervisorException(
        "No hypervisor is installed: start the bundle org.redoubt.hypervisor");
  }

  PlatformAdmin admin() throws HypervisorException {
    for (Hypervisor h : hypervisors) {
      return h.platformAdmin();
    }
    throw new HypervisorException(
        "No hypervisor is installed: start the bundle org.redoubt.hypervisor");
  }
}
