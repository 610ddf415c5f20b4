package org.redoubt.hypervisor.internal;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.firmware.CommandRecord;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.firmware.SecureProcessor;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.firmware.SecureProcessorFactory;
import org.redoubt.api.guest.LaunchPlan;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.LaunchSession;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.cert.PlatformChain;
import org.redoubt.spec.sev.command.Measurement;

/**
 * The modelled host: one memory system that all VMs of the moment share, and who has which part of
 * it. Made for the first VM and after its settings, closed with the last one. Who asks for the
 * secure processor while there is no VM gets that of a host with default settings, which the first
 * VM takes over or, if it wants others, replaces: the chip is the same, its state is in a folder.
 */
final class Host {
  /** DRAM of a host without a file behind it: costs nothing until it is touched. */
  private static final long DEFAULT_DRAM = 16L << 30;

  /** Setting of the first VM: DRAM of the host in MiB. */
  private static final String DRAM_OPTION = "host.dram";

  private static final String MEMORY_OPTION = "memory.system";

  /** How memory systems are called, with a number. */
  private static final String NAME = "host";

  /** Besides guest RAM: nested tables, and what the firmware wants. */
  private static final long OVERHEAD = 64L << 20;

  private static final long LARGE = 2L << 20;

  private final Parts parts;
  private final Supplier<Optional<Path>> pspState;
  private @Nullable MemorySystem memory;
  private @Nullable SpaAllocator spas;

  /** The VM whose settings the host has; null where nobody had any. */
  private @Nullable VmConfig madeFor;

  private @Nullable MemorySystemFactory madeBy;

  /** The firmware that was last loaded, by whichever secure processor. */
  private final AtomicReference<Optional<byte[]>> loaded = new AtomicReference<>(Optional.empty());

  private @Nullable Psp psp;

  /** What was asked of the secure processors of hosts that are gone. */
  private List<CommandRecord> past = List.of();

  private final List<Lease> leases = new ArrayList<>();
  private int made;

  /**
   * @param pspState where the secure processor's state is; asked when one is made
   */
  Host(Parts parts, Supplier<Optional<Path>> pspState) {
    this.parts = parts;
    this.pspState = pspState;
  }

  /** What one VM has of the host. */
  final class Lease implements AutoCloseable {
    private final MemorySystem system;
    private final GuestMemory guest;
    private final NestedPaging nested;
    private final int asid;
    private final List<SpaAllocator.Run> runs;

    /** The firmware's handle of an encrypted guest that has been started; 0 before. */
    private int handle;

    /** Once it has been measured. */
    private @Nullable SevLaunch launch;

    private Lease(
        MemorySystem system,
        GuestMemory guest,
        NestedPaging nested,
        int asid,
        List<SpaAllocator.Run> runs) {
      this.system = system;
      this.guest = guest;
      this.nested = nested;
      this.asid = asid;
      this.runs = runs;
    }

    MemorySystem memory() {
      return system;
    }

    GuestMemory guest() {
      return guest;
    }

    NestedPaging nested() {
      return nested;
    }

    int asid() {
      return asid;
    }

    /** As {@link #launch}, with a memory key that follows from a seed. */
    void launch(GuestPolicy policy, Optional<LaunchSession> session, LaunchPlan plan, long keySeed)
        throws HypervisorException {
      SecureProcessor processor = psp().processor();
      if (!processor.seedGuestKeys(Optional.of(keySeed))) {
        throw new HypervisorException(
            "This firmware makes no guest keys from a seed: --icount takes --protection none");
      }
      try {
        launch(policy, session, plan);
      } finally {
        processor.seedGuestKeys(Optional.empty());
      }
    }

    /**
     * Has the firmware measure and encrypt a guest's regions, which are in its memory in plain
     * text, up to LAUNCH_MEASURE.
     *
     * @param session the owner's
     */
    void launch(GuestPolicy policy, Optional<LaunchSession> session, LaunchPlan plan)
        throws HypervisorException {
      Psp driver = psp();
      driver.init();
      handle = driver.start(policy.bits(), session, asid);
      for (LaunchPlan.Region region : plan.regions()) {
        long bytes = region.bytes().byteSize();
        driver.update(handle, guest.spa(region.gpa(), bytes), Math.toIntExact(bytes));
      }
      Measurement measurement = driver.measure(handle);
      launch = new SevLaunch(driver, guest, handle, policy, session.isPresent(), plan, measurement);
    }

    Optional<SevLaunch> launched() {
      return Optional.ofNullable(launch);
    }

    /** Bytes of this guest's private memory, by the firmware's leave; both multiples of 16. */
    byte[] debugDecrypt(long spa, int bytes) throws HypervisorException {
      return psp().debugDecrypt(handle, spa, bytes);
    }

    /** Writes to this guest's private memory, by the firmware's leave; both multiples of 16. */
    void debugEncrypt(long spa, byte[] plain) throws HypervisorException {
      psp().debugEncrypt(handle, spa, plain);
    }

    /** The policy that the firmware keeps for this guest. */
    GuestPolicy policy() throws HypervisorException {
      for (PlatformInfo.Guest one : psp().processor().info().guests()) {
        if (one.handle() == handle) {
          return one.policy();
        }
      }
      throw new HypervisorException("The secure processor has no guest %d".formatted(handle));
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }

  /** Gives a VM its RAM, zeroed, and its nested tables. */
  synchronized Lease lease(VmConfig config) throws HypervisorException {
    boolean mine = leases.isEmpty();
    MemorySystem system = host(config);
    SpaAllocator allocator = Objects.requireNonNull(spas);
    List<SpaAllocator.Run> runs = new ArrayList<>();
    try {
      SpaAllocator.Run ram = take(allocator, config, config.memoryBytes(), runs);
      GuestMemory guest = new GuestMemory(ram.spa(), ram.bytes());
      SpaAllocator.Run tables = take(allocator, config, guest.nestedTableBytes(), runs);
      MemoryView view = system.view(PageTag.SHARED);
      runs.forEach(run -> clear(system, view, run));
      NestedPaging nested = guest.writeNestedTables(view, tables.spa());
      int asid = config.protection() == VmConfig.Protection.NONE ? 0 : freeAsid(system);
      Lease lease = new Lease(system, guest, nested, asid, runs);
      leases.add(lease);
      return lease;
    } catch (HypervisorException | RuntimeException e) {
      runs.forEach(allocator::give);
      if (mine) {
        closeMemory();
      }
      throw e;
    }
  }

  private int freeAsid(MemorySystem system) throws HypervisorException {
    for (int asid = 1; asid <= system.config().asids(); asid++) {
      int candidate = asid;
      if (leases.stream().noneMatch(lease -> lease.asid == candidate)) {
        return asid;
      }
    }
    throw new HypervisorException(
        "All %d ASIDs are in use; stop an encrypted VM first".formatted(system.config().asids()));
  }

  /** The secure processor, for people. */
  synchronized SecureProcessor processor() throws HypervisorException {
    Psp driver = psp();
    try {
      driver.init();
    } catch (HypervisorException e) {
      // Its history says why; who wants to launch a guest hears it.
    }
    return new ProcessorWithPast(driver.processor(), past);
  }

  /** The platform's certificates. */
  synchronized PlatformChain platformChain() throws HypervisorException {
    Psp driver = psp();
    driver.init();
    return driver.export();
  }

  /** The secure processor of this host, made for the first who asks. */
  synchronized Psp psp() throws HypervisorException {
    Psp there = psp;
    if (there != null && !there.unusable()) {
      return there;
    }
    switchOff();
    if (memory == null) {
      make(parts.memories.find(Optional.empty()).service(), MemoryConfig.of(NAME, DEFAULT_DRAM));
    }
    MemorySystem system = Objects.requireNonNull(memory);
    SpaAllocator allocator = Objects.requireNonNull(spas);
    SpaAllocator.Run run =
        allocator
            .take(Psp.BYTES, 4096)
            .orElseThrow(
                () -> new HypervisorException("No room for the secure processor's buffers"));
    SecureProcessorConfig config =
        new SecureProcessorConfig("psp0", system, pspState.get(), this::policies, this::firmware);
    try {
      there =
          new Psp(
              parts.firmwares.find(Optional.empty()).service().create(config),
              system,
              run.spa(),
              image -> loaded.set(Optional.of(image.clone())));
    } catch (HypervisorException | RuntimeException e) {
      allocator.give(run);
      throw e;
    }
    loadAgain(there);
    psp = there;
    return there;
  }

  /** A chip forgets what was loaded into it; its driver does not, until the process ends. */
  private void loadAgain(Psp fresh) {
    Optional<byte[]> image = loaded.get();
    if (image.isEmpty()) {
      return;
    }
    try {
      fresh.load(image.get());
    } catch (HypervisorException e) {
      loaded.compareAndSet(image, Optional.empty());
      System.getLogger(Host.class.getName())
          .log(
              System.Logger.Level.WARNING,
              "The secure processor is back at the firmware it came with: {0}",
              e.getMessage());
    }
  }

  private Optional<SecureProcessorFactory> firmware(String name) {
    return parts.firmwares.all().stream()
        .filter(entry -> entry.name().equals(name))
        .map(PartList.Entry::service)
        .findFirst();
  }

  private List<SecureProcessorConfig.NamedPolicy> policies() {
    return parts.policies.all().stream()
        .map(entry -> new SecureProcessorConfig.NamedPolicy(entry.name(), entry.service()))
        .toList();
  }

  private static SpaAllocator.Run take(
      SpaAllocator allocator, VmConfig config, long bytes, List<SpaAllocator.Run> runs)
      throws HypervisorException {
    SpaAllocator.Run run =
        allocator
            .take(bytes, bytes >= LARGE ? LARGE : 4096)
            .orElseThrow(() ->
                new HypervisorException(
                    "No room for the %d MiB of VM '%s' beside the others on this host"
                        .formatted(config.memoryBytes() >> 20, config.name())));
    runs.add(run);
    return run;
  }

  /** What another VM left behind is nobody's to see. */
  private static void clear(MemorySystem system, MemoryView view, SpaAllocator.Run run) {
    if (run.fresh()) {
      return;
    }
    for (long spa = run.spa(); spa < run.spa() + run.bytes(); spa += 4096) {
      if (system.pageInfo(spa).touched()) {
        view.fill(spa, 4096, (byte) 0);
      }
    }
  }

  /**
   * Makes the host that a VM wants, unless there is one with VMs: what is asked of its secure
   * processor from now on is asked of the one that the VM will have.
   */
  synchronized void prepare(VmConfig config) throws HypervisorException {
    if (leases.isEmpty()) {
      host(config);
    }
  }

  private MemorySystem host(VmConfig config) throws HypervisorException {
    MemorySystem system = memory;
    if (system != null && !leases.isEmpty()) {
      refuseOtherSettings(config);
      return system;
    }
    MemoryConfig wanted = wanted(config);
    PartList.Entry<MemorySystemFactory> maker = parts.memories.find(memorySystem(config));
    if (system == null || maker.service() != madeBy || !isOf(system.config(), wanted)) {
      closeMemory();
      system = make(maker.service(), wanted);
    }
    madeFor = config;
    return system;
  }

  /** The memory of a host for this VM. */
  private static MemoryConfig wanted(VmConfig config) throws HypervisorException {
    long need = ((config.memoryBytes() + LARGE - 1) & -LARGE) + OVERHEAD;
    long dram = config.dramFile().isPresent() ? need : Math.max(need, DEFAULT_DRAM);
    String asked = config.options().get(DRAM_OPTION);
    if (asked != null) {
      dram = mebibytes(asked);
    }
    try {
      return new MemoryConfig(
          NAME,
          AddressMap.flat(dram),
          config.dramFile(),
          config.socCacheBytes(),
          config.engine(),
          config.hostEncryption(),
          MemoryConfig.DEFAULT_ASIDS);
    } catch (IllegalArgumentException e) {
      throw new HypervisorException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Whether a memory system is what is wanted, whatever it is called. */
  private static boolean isOf(MemoryConfig is, MemoryConfig wanted) {
    return named(is, NAME).equals(wanted);
  }

  private static MemoryConfig named(MemoryConfig c, String name) {
    return new MemoryConfig(
        name,
        c.addressMap(),
        c.dramFile(),
        c.socCacheBytes(),
        c.engine(),
        c.hostEncryption(),
        c.asids());
  }

  /** The memory system that a VM asks for by name. */
  private static Optional<String> memorySystem(VmConfig config) {
    return Optional.ofNullable(config.options().get(MEMORY_OPTION));
  }

  private MemorySystem make(MemorySystemFactory maker, MemoryConfig wanted)
      throws HypervisorException {
    MemorySystem system = maker.create(named(wanted, NAME + made));
    made++;
    madeBy = maker;
    memory = system;
    spas = new SpaAllocator(wanted.addressMap());
    return system;
  }

  private static long mebibytes(String text) throws HypervisorException {
    if (!text.matches("[1-9][0-9]{0,7}")) {
      throw new HypervisorException(
          "Setting %s=%s: it takes a number of MiB".formatted(DRAM_OPTION, text));
    }
    return Long.parseLong(text) << 20;
  }

  private void refuseOtherSettings(VmConfig config) throws HypervisorException {
    VmConfig first = Objects.requireNonNull(madeFor);
    boolean same =
        first.dramFile().equals(config.dramFile())
            && first.socCacheBytes() == config.socCacheBytes()
            && first.hostEncryption() == config.hostEncryption()
            && (config.engine().isEmpty() || config.engine().equals(first.engine()))
            && (memorySystem(config).isEmpty() || isMadeBy(memorySystem(config)));
    if (!same) {
      throw new HypervisorException(
          "VM '%s' runs on the host already, with another DRAM file, SoC cache, engine, host"
                  .formatted(first.name())
              + " encryption or memory system; stop it first, or leave these options as they were");
    }
  }

  private boolean isMadeBy(Optional<String> name) throws HypervisorException {
    return parts.memories.find(name).service() == madeBy;
  }

  private synchronized void giveBack(Lease lease) {
    if (leases.contains(lease)) {
      endGuest(lease);
      leases.remove(lease);
      lease.runs.forEach(Objects.requireNonNull(spas)::give);
      if (leases.isEmpty()) {
        closeMemory();
      }
    }
  }

  /** What the firmware refuses here is its matter: the guest is gone, its key with the host. */
  private void endGuest(Lease lease) {
    SevLaunch launch = lease.launch;
    Psp driver = psp;
    try {
      if (launch != null) {
        launch.end();
      } else if (lease.handle != 0 && driver != null) {
        driver.end(lease.handle);
      }
    } catch (HypervisorException e) {
      System.getLogger(Host.class.getName())
          .log(System.Logger.Level.WARNING, "A guest was left in the secure processor", e);
    }
  }

  /** Closes a host that nobody uses, such as one that was made for its secure processor alone. */
  synchronized void close() {
    if (leases.isEmpty()) {
      closeMemory();
    }
  }

  private void switchOff() {
    Psp driver = psp;
    if (driver != null) {
      past = new ProcessorWithPast(driver.processor(), past).history();
      driver.close();
      psp = null;
    }
  }

  private void closeMemory() {
    switchOff();
    if (memory != null) {
      memory.close();
    }
    memory = null;
    madeBy = null;
    spas = null;
    madeFor = null;
  }
}
