package org.redoubt.api.vm;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.spec.sev.cert.PlatformChain;

/** Composes the parts into virtual machines: an OSGi service. Thread-safe. */
@ProviderType
public interface Hypervisor {
  /**
   * Makes a VM, loaded and not yet started. Nothing is left behind when it fails.
   *
   * @throws HypervisorException if a setting, a file or a part is missing or wrong
   */
  Vm create(VmConfig config) throws HypervisorException;

  /**
   * Makes an encrypted VM for a guest owner: launched and measured with the owner's session, not
   * yet started.
   *
   * @param session for this platform and for the policy in {@code config}
   * @throws HypervisorException if a setting, a file or a part is missing or wrong, or the firmware
   *     refuses the session
   */
  Vm create(VmConfig config, LaunchSession session) throws HypervisorException;

  /**
   * The CPU models of an engine, the default first, each with a line that says what it is.
   *
   * @param engine its name; the default engine if empty
   * @throws HypervisorException if there is no such engine
   */
  Map<String, String> cpuModels(Optional<String> engine) throws HypervisorException;

  /** The VMs that exist, oldest first. */
  List<Vm> vms();

  /** A VM by its name. */
  Optional<Vm> vm(String name);

  /**
   * Makes the host that a VM with these settings will have, if there is none with VMs. Who then
   * asks for the secure processor or its certificates gets that host's, and {@link #create} makes
   * no other: for an owner's session it has to be the same one.
   *
   * @throws HypervisorException if there can be no such host
   */
  default void prepare(VmConfig config) throws HypervisorException {}

  /**
   * The secure processor, made and initialized on first use, with or without a VM. It is another
   * one, of the same chip, when the host was made anew in between.
   */
  SecureProcessor secureProcessor() throws HypervisorException;

  /** The platform's certificates, for a guest's owner: what PDH_CERT_EXPORT gives. */
  PlatformChain platformChain() throws HypervisorException;

  /**
   * The host's secure processor for its administrator; the host is made if there is none. Not to be
   * kept: another host has another.
   */
  PlatformAdmin platformAdmin() throws HypervisorException;
}
