package org.redoubt.hypervisor.internal;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.DeviceFactory;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.guest.GuestLoader;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.policy.FirmwarePolicy;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.PlatformAdmin;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.spec.sev.cert.PlatformChain;

/** The hypervisor as a service: collects the parts that come and go. */
@Component(service = Hypervisor.class)
public final class HypervisorComponent implements Hypervisor {
  private final Parts parts = new Parts();
  private final StateFolders folders;
  private final HypervisorService service;

  /** Made by the service runtime. */
  @Activate
  public HypervisorComponent(BundleContext context) {
    folders = new StateFolders(context.getProperty(StateFolders.PROPERTY), System::getenv);
    service =
        new HypervisorService(parts, StandardMachine.DEVICES, () -> Optional.of(folders.psp()));
  }

  @Reference(
      service = MemorySystemFactory.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addMemory(MemorySystemFactory part, Map<String, Object> properties) {
    parts.memories.add(part, properties);
  }

  void removeMemory(MemorySystemFactory part) {
    parts.memories.remove(part);
  }

  @Reference(
      service = MmuFactory.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addMmu(MmuFactory part, Map<String, Object> properties) {
    parts.mmus.add(part, properties);
  }

  void removeMmu(MmuFactory part) {
    parts.mmus.remove(part);
  }

  @Reference(
      service = CpuEngineFactory.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addCpu(CpuEngineFactory part, Map<String, Object> properties) {
    parts.cpus.add(part, properties);
  }

  void removeCpu(CpuEngineFactory part) {
    parts.cpus.remove(part);
  }

  @Reference(
      service = GuestLoader.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addLoader(GuestLoader part, Map<String, Object> properties) {
    parts.loaders.add(part, properties);
  }

  void removeLoader(GuestLoader part) {
    parts.loaders.remove(part);
  }

  @Reference(
      service = DeviceFactory.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addDevice(DeviceFactory part, Map<String, Object> properties) {
    parts.devices.add(part, properties);
  }

  void removeDevice(DeviceFactory part) {
    parts.devices.remove(part);
  }

  @Reference(
      service = SecureProcessorFactory.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addFirmware(SecureProcessorFactory part, Map<String, Object> properties) {
    parts.firmwares.add(part, properties);
  }

  void removeFirmware(SecureProcessorFactory part) {
    parts.firmwares.remove(part);
  }

  @Reference(
      service = FirmwarePolicy.class,
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC)
  void addPolicy(FirmwarePolicy part, Map<String, Object> properties) {
    parts.policies.add(part, properties);
  }

  void removePolicy(FirmwarePolicy part) {
    parts.policies.remove(part);
  }

  /** VMs stop before anything that they are made of does. */
  @Deactivate
  void deactivate() {
    service.close();
    folders.close();
  }

  @Override
  public Vm create(VmConfig config) throws HypervisorException {
    return service.create(config);
  }

  @Override
  public Vm create(VmConfig config, LaunchSession session) throws HypervisorException {
    return service.create(config, session);
  }

  @Override
  public Map<String, String> cpuModels(Optional<String> engine) throws HypervisorException {
    return service.cpuModels(engine);
  }

  @Override
  public List<Vm> vms() {
    return service.vms();
  }

  @Override
  public Optional<Vm> vm(String name) {
    return service.vm(name);
  }

  @Override
  public void prepare(VmConfig config) throws HypervisorException {
    service.prepare(config);
  }

  @Override
  public SecureProcessor secureProcessor() throws HypervisorException {
    return service.secureProcessor();
  }

  @Override
  public PlatformChain platformChain() throws HypervisorException {
    return service.platformChain();
  }

  @Override
  public PlatformAdmin platformAdmin() throws HypervisorException {
    return service.platformAdmin();
  }
}
