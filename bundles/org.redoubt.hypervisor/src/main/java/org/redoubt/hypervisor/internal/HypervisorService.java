package org.redoubt.hypervisor.internal;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.CpuConfig;
import org.redoubt.api.cpu.CpuEngine;
import org.redoubt.api.cpu.CpuEngineFactory;
import org.redoubt.api.cpu.MmuFactory;
import org.redoubt.api.device.LocalApics;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.guest.LaunchRequest;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.Hypervisor;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.PlatformAdmin;
import org.redoubt.api.vm.Vm;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.PlatformChain;

/** Composes VMs from parts, and takes them apart in reverse. */
final class HypervisorService implements Hypervisor, AutoCloseable {
  private static final int HEAD_BYTES = 64 << 10;
  private static final int MAX_VCPUS = 64;

  /** Setting of an encrypted VM: the guest policy. */
  private static final String POLICY_OPTION = "policy";

  /** Setting of a VM: the guest loader by name. */
  private static final String LOADER_OPTION = "loader";

  private static final String MMU_OPTION = "mmu";

  /** No debugging. */
  private static final String DEFAULT_POLICY = "0x1";

  /** Room for a launch secret. */
  private static final int SECRET_BYTES = 1024;

  private final Parts parts;
  private final List<String> deviceNames;
  private final Host host;
  private final List<RedoubtVm> vms = new CopyOnWriteArrayList<>();

  /**
   * @param deviceNames the devices of each machine, in the order in which they are made
   * @param defaultPspState where the secure processor's state is; asked when one is made
   */
  HypervisorService(
      Parts parts, List<String> deviceNames, Supplier<Optional<Path>> defaultPspState) {
    this.parts = parts;
    this.deviceNames = deviceNames;
    this.host = new Host(parts, defaultPspState);
  }

  @Override
  public Vm create(VmConfig config) throws HypervisorException {
    return create(config, Optional.empty());
  }

  @Override
  public Vm create(VmConfig config, LaunchSession session) throws HypervisorException {
    if (config.protection() == VmConfig.Protection.NONE) {
      throw new HypervisorException(
          "An owner's session needs an encrypted guest: VM '%s' has protection none"
              .formatted(config.name()));
    }
    return create(config, Optional.of(session));
  }

  private synchronized Vm create(VmConfig config, Optional<LaunchSession> session)
      throws HypervisorException {
    check(config);
    CpuEngineFactory cpus = parts.cpus.find(config.cpuEngine()).service();
    MmuFactory mmus =
        parts.mmus.find(Optional.ofNullable(config.options().get(MMU_OPTION))).service();
    if (!cpus.models().contains(config.cpuModel())) {
      throw new HypervisorException(
          "No CPU model is called '%s'; there are: %s"
              .formatted(config.cpuModel(), String.join(", ", cpus.models())));
    }
    // What a launch log shows may be these mappings, for as long as somebody looks at it.
    return compose(config, cpus, mmus, plan(config, Arena.ofAuto()), session);
  }

  @Override
  public Map<String, String> cpuModels(Optional<String> engine) throws HypervisorException {
    CpuEngineFactory cpus = parts.cpus.find(engine).service();
    Map<String, String> models = new LinkedHashMap<>();
    for (String model : cpus.models()) {
      models.put(model, cpus.about(model));
    }
    return models;
  }

  private void check(VmConfig config) throws HypervisorException {
    if (config.name().isBlank() || vm(config.name()).isPresent()) {
      throw new HypervisorException(
          "A VM is called '%s' already; choose another name".formatted(config.name()));
    }
    if (config.memoryBytes() < 4096 || config.memoryBytes() % 4096 != 0) {
      throw new HypervisorException(
          "Guest memory of %d bytes: it takes a multiple of 4096".formatted(config.memoryBytes()));
    }
    if (config.vcpus() < 1 || config.vcpus() > MAX_VCPUS) {
      throw new HypervisorException(
          "%d vCPUs: a VM has 1 to %d".formatted(config.vcpus(), MAX_VCPUS));
    }
    SevProfile.of(config.options());
  }

  private LaunchPlan plan(VmConfig config, Arena files) throws HypervisorException {
    MemorySegment kernel = map("kernel", config.kernel(), files);
    Optional<MemorySegment> initrd = Optional.empty();
    if (config.initrd().isPresent()) {
      initrd = Optional.of(map("initrd", config.initrd().get(), files));
    }
    byte[] head =
        kernel.asSlice(0, Math.min(HEAD_BYTES, kernel.byteSize())).toArray(ValueLayout.JAVA_BYTE);
    return new LoaderChoice(parts.loaders)
        .plan(
            config.kernel(),
            Optional.ofNullable(config.options().get(LOADER_OPTION)),
            head,
            new LaunchRequest(
                kernel,
                initrd,
                config.append(),
                config.memoryBytes(),
                config.vcpus(),
                cBit(config),
                config.protection() == VmConfig.Protection.NONE ? 0 : SECRET_BYTES));
  }

  private static MemorySegment map(String what, Path file, Arena arena) throws HypervisorException {
    if (!Files.isRegularFile(file)) {
      throw new HypervisorException("The %s %s is not a file".formatted(what, file));
    }
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
    } catch (IOException e) {
      throw new HypervisorException("The %s %s cannot be read: %s".formatted(what, file, e), e);
    }
  }

  private Vm compose(
      VmConfig config,
      CpuEngineFactory cpus,
      MmuFactory mmus,
      LaunchPlan plan,
      Optional<LaunchSession> session)
      throws HypervisorException {
    Optional<Repetition> repetition = Repetition.of(config);
    Host.Lease lease = host.lease(config);
    RedoubtVm vm = new RedoubtVm(config, lease);
    try {
      load(config, plan, lease, session, repetition);
      Machine machine =
          new Machine(
              lease.guest(),
              new DmaGate(lease.guest(), lease.memory()),
              vm,
              config.options(),
              config.vcpus(),
              repetition);
      GuestView view =
          new GuestView(
              lease.memory(), mmus, lease.nested(), lease.guest(), lease.asid(), cBit(config));
      vm.compose(machine, view, () -> vms.remove(vm));
      for (String name : deviceNames) {
        machine.plug(name, parts.devices.find(Optional.of(name)).service());
      }
      for (StandardMachine.Slot slot : StandardMachine.byOption(config.options())) {
        machine.plug(slot.name(), parts.devices.find(Optional.of(slot.factory())).service());
      }
      for (int index = 0; index < config.vcpus(); index++) {
        vm.add(vcpu(vm, machine, index, cpus, mmus, lease, plan));
      }
      vms.add(vm);
      return vm;
    } catch (HypervisorException | RuntimeException e) {
      vm.close();
      repetition.ifPresent(Repetition::close);
      throw e;
    }
  }

  /** Position of the C-bit that guests of this machine have, 0 without encryption. */
  private static int cBit(VmConfig config) {
    return config.protection() == VmConfig.Protection.NONE ? 0 : VcpuBus.C_BIT;
  }

  /** Puts the plan into guest memory, and has the firmware encrypt it where the guest is. */
  private static void load(
      VmConfig config,
      LaunchPlan plan,
      Host.Lease lease,
      Optional<LaunchSession> session,
      Optional<Repetition> repetition)
      throws HypervisorException {
    MemoryView view = lease.memory().view(PageTag.SHARED);
    for (LaunchPlan.Region region : plan.regions()) {
      long spa = lease.guest().spa(region.gpa(), region.bytes().byteSize());
      if (spa < 0) {
        throw new HypervisorException(
            "The loader puts '%s' at %xh, %d bytes: that is not RAM"
                .formatted(region.name(), region.gpa(), region.bytes().byteSize()));
      }
      view.write(spa, region.bytes());
    }
    if (lease.asid() != 0) {
      if (repetition.isPresent()) {
        lease.launch(policy(config), session, plan, repetition.get().seed());
      } else {
        lease.launch(policy(config), session, plan);
      }
    }
  }

  private static GuestPolicy policy(VmConfig config) throws HypervisorException {
    String text = config.options().getOrDefault(POLICY_OPTION, DEFAULT_POLICY);
    try {
      long bits = Long.decode(text.strip());
      if (bits >= 0 && bits <= 0xFFFF_FFFFL) {
        return new GuestPolicy((int) bits);
      }
    } catch (NumberFormatException e) {
      // The message below says what was wanted.
    }
    throw new HypervisorException(
        "Setting %s=%s: it takes 32 bits such as %s"
            .formatted(POLICY_OPTION, text, DEFAULT_POLICY));
  }

  private static Vcpu vcpu(
      RedoubtVm vm,
      Machine machine,
      int index,
      CpuEngineFactory cpus,
      MmuFactory mmus,
      Host.Lease lease,
      LaunchPlan plan)
      throws HypervisorException {
    VmConfig config = vm.config();
    LocalApics apics =
        machine
            .part(LocalApics.class)
            .orElseThrow(
                () -> new HypervisorException("No device of this machine offers local APICs"));
    Wake wake = new Wake();
    ApicTap apic = new ApicTap(apics.of(index), wake);
    VcpuBus bus =
        new VcpuBus(
            index, config.vcpus(), machine, apic, cBit(config), SevProfile.of(config.options()));
    CpuEngine engine =
        cpus.create(
            new CpuConfig(
                index,
                config.cpuModel(),
                lease.memory(),
                mmus,
                lease.nested(),
                lease.asid(),
                cBit(config),
                bus,
                apic));
    Vcpu vcpu = new Vcpu(vm, index, bus, engine);
    wake.target = vcpu;
    if (machine.repetition().isPresent() && machine.clock() instanceof CountedClock counted) {
      machine.repetition().get().connect(machine, counted, engine);
      machine.console().onTyped(vcpu::attention);
      vcpu.repeat(machine.repetition().get());
    }
    try {
      if (index == 0) {
        engine.importState(plan.entry());
      } else {
        apic.signal().init();
      }
    } catch (IllegalArgumentException e) {
      engine.close();
      throw new HypervisorException(
          "The CPU engine refuses the loader's entry state: " + e.getMessage(), e);
    }
    return vcpu;
  }

  /** Reaches a vCPU that is made after the APIC it listens to. */
  private static final class Wake implements Runnable {
    private volatile @org.jspecify.annotations.Nullable Vcpu target;

    @Override
    public void run() {
      Vcpu vcpu = target;
      if (vcpu != null) {
        vcpu.wake();
      }
    }
  }

  @Override
  public List<Vm> vms() {
    return List.copyOf(vms);
  }

  @Override
  public Optional<Vm> vm(String name) {
    return vms.stream().filter(vm -> vm.config().name().equals(name)).map(vm -> (Vm) vm).findAny();
  }

  @Override
  public void prepare(VmConfig config) throws HypervisorException {
    host.prepare(config);
  }

  @Override
  public SecureProcessor secureProcessor() throws HypervisorException {
    return host.processor();
  }

  @Override
  public PlatformChain platformChain() throws HypervisorException {
    return host.platformChain();
  }

  @Override
  public PlatformAdmin platformAdmin() throws HypervisorException {
    return host.psp();
  }

  /** Stops and closes every VM. */
  @Override
  public void close() {
    vms.forEach(RedoubtVm::close);
    host.close();
  }
}
