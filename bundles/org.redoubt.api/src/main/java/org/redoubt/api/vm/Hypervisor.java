package org.redoubt.api.vm;

import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.SecureProcessor;

/** Composes the parts into virtual machines: an OSGi service. Thread-safe. */
@ProviderType
public interface Hypervisor {
  /**
   * Makes a VM, loaded and not yet started. Nothing is left behind when it fails.
   *
   * @throws HypervisorException if a setting, a file or a part is missing or wrong
   */
  Vm create(VmConfig config) throws HypervisorException;

  /** The VMs that exist, oldest first. */
  List<Vm> vms();

  /** A VM by its name. */
  Optional<Vm> vm(String name);

  /** The secure processor, made on first use. */
  SecureProcessor secureProcessor() throws HypervisorException;
}
