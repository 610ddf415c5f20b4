package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.cpu.NestedPaging;
import org.redoubt.api.firmware.SecureProcessorConfig;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.spec.sev.command.Measurement;

/**
 * The modelled host: one memory system that all VMs of the moment share, and who has which part of
 * it. Made for the first VM and after its settings; closed with the last one.
 */
final class Host {
  /** DRAM of a host without a file behind it: costs nothing until it is touched. */
  private static final long DEFAULT_DRAM = 16L << 30;

  /** Setting of the first VM: DRAM of the host in MiB. */
  private static final String DRAM_OPTION = "host.dram";

  /** Besides guest RAM: nested tables, and what the firmware wants. */
  private static final long OVERHEAD = 64L << 20;

  private static final long LARGE = 2L << 20;

  private final Parts parts;
  private @Nullable MemorySystem memory;
  private @Nullable SpaAllocator spas;
  private @Nullable VmConfig madeFor;
  private @Nullable Psp psp;
  private final List<Lease> leases = new ArrayList<>();
  private int made;

  Host(Parts parts) {
    this.parts = parts;
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

    /**
     * Has the firmware measure and encrypt a guest's regions, which are in its memory in plain
     * text, and starts its key.
     *
     * @param regions guest-physical address and length in bytes of each, in the order of the
     *     measurement
     * @return what LAUNCH_MEASURE gave
     */
    Measurement launch(int policy, List<long[]> regions) throws HypervisorException {
      Psp driver = psp();
      driver.init();
      handle = driver.start(policy, asid);
      for (long[] region : regions) {
        driver.update(handle, guest.spa(region[0], region[1]), Math.toIntExact(region[1]));
      }
      return driver.finish(handle);
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }

  /** Gives a VM its RAM, zeroed, and its nested tables. */
  synchronized Lease lease(VmConfig config) throws HypervisorException {
    boolean mine = memory == null;
    MemorySystem system = host(config);
    SpaAllocator allocator = java.util.Objects.requireNonNull(spas);
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

  /** The secure processor of this host, made for the first who asks. */
  synchronized Psp psp() throws HypervisorException {
    Psp made = psp;
    if (made != null) {
      return made;
    }
    MemorySystem system = memory;
    if (system == null || spas == null) {
      throw new HypervisorException("There is no host yet: it is made with the first VM");
    }
    SpaAllocator.Run run =
        spas.take(Psp.BYTES, 4096)
            .orElseThrow(
                () -> new HypervisorException("No room for the secure processor's buffers"));
    SecureProcessorConfig config =
        new SecureProcessorConfig("psp0", system, Optional.empty(), this::policies);
    try {
      made =
          new Psp(
              parts.firmwares.find(Optional.empty()).service().create(config), system, run.spa());
    } catch (HypervisorException | RuntimeException e) {
      spas.give(run);
      throw e;
    }
    psp = made;
    return made;
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

  private MemorySystem host(VmConfig config) throws HypervisorException {
    MemorySystem system = memory;
    if (system != null) {
      refuseOtherSettings(config);
      return system;
    }
    long need = ((config.memoryBytes() + LARGE - 1) & -LARGE) + OVERHEAD;
    long dram = config.dramFile().isPresent() ? need : Math.max(need, DEFAULT_DRAM);
    String asked = config.options().get(DRAM_OPTION);
    if (asked != null) {
      dram = mebibytes(asked);
    }
    MemoryConfig wanted;
    try {
      wanted =
          new MemoryConfig(
              "host" + made,
              AddressMap.flat(dram),
              config.dramFile(),
              config.socCacheBytes(),
              config.engine(),
              config.hostEncryption(),
              MemoryConfig.DEFAULT_ASIDS);
    } catch (IllegalArgumentException e) {
      throw new HypervisorException(String.valueOf(e.getMessage()), e);
    }
    system = parts.memories.find(Optional.empty()).service().create(wanted);
    made++;
    memory = system;
    spas = new SpaAllocator(wanted.addressMap());
    madeFor = config;
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
    VmConfig first = java.util.Objects.requireNonNull(madeFor);
    boolean same =
        first.dramFile().equals(config.dramFile())
            && first.socCacheBytes() == config.socCacheBytes()
            && first.hostEncryption() == config.hostEncryption()
            && (config.engine().isEmpty() || config.engine().equals(first.engine()));
    if (!same) {
      throw new HypervisorException(
          "VM '%s' runs on the host already, with another DRAM file, SoC cache, engine or host"
                  .formatted(first.name())
              + " encryption; stop it first, or leave these options as they were");
    }
  }

  private synchronized void giveBack(Lease lease) {
    if (leases.contains(lease)) {
      endGuest(lease);
      leases.remove(lease);
      lease.runs.forEach(java.util.Objects.requireNonNull(spas)::give);
      if (leases.isEmpty()) {
        closeMemory();
      }
    }
  }

  /** What the firmware refuses here is its matter: the guest is gone, its key with the host. */
  private void endGuest(Lease lease) {
    Psp driver = psp;
    if (lease.handle == 0 || driver == null) {
      return;
    }
    try {
      driver.end(lease.handle);
    } catch (HypervisorException e) {
      System.getLogger(Host.class.getName())
          .log(System.Logger.Level.WARNING, "A guest was left in the secure processor", e);
    }
  }

  private void closeMemory() {
    if (psp != null) {
      psp.close();
      psp = null;
    }
    if (memory != null) {
      memory.close();
    }
    memory = null;
    spas = null;
    madeFor = null;
  }
}
