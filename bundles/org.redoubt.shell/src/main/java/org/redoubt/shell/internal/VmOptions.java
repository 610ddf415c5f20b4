package org.redoubt.shell.internal;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.vm.VmConfig;
import org.redoubt.guest.images.DebianKernel;
import picocli.CommandLine.Option;

/** What {@code run} and {@code vm:create} take: a VM's settings by QEMU's names. */
final class VmOptions {
  /** The console that {@code run} shows, for a kernel that was not told otherwise. */
  private static final String DEFAULT_APPEND = "console=ttyS0";

  /** Ends the name of a disk that the guest may only read. */
  private static final String READ_ONLY = ",readonly";

  private static final Pattern HOSTFWD =
      Pattern.compile("hostfwd=tcp:(?:127\\.0\\.0\\.1)?:([0-9]{1,5})-:([0-9]{1,5})");

  @Option(
      names = "--kernel",
      paramLabel = "FILE|debian-6.1|debian-6.12",
      description =
          "The kernel; by default, or by these names, Debian's cloud kernel, fetched on first use.")
  @Nullable Path kernel;

  @Option(
      names = "--loader",
      paramLabel = "NAME",
      description = "Guest loader (default: the first that knows the kernel).")
  @Nullable String loader;

  @Option(names = "--initrd", paramLabel = "FILE", description = "The initial RAM disk.")
  @Nullable Path initrd;

  @Option(
      names = "--append",
      paramLabel = "TEXT",
      description = "The kernel's command line (default: " + DEFAULT_APPEND + ").")
  String append = DEFAULT_APPEND;

  @Option(
      names = {"--memory", "-m"},
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Guest RAM (default: 512M).")
  long memoryBytes = 512L << 20;

  @Option(names = "--smp", paramLabel = "N", description = "Number of vCPUs (default: 1).")
  int smp = 1;

  @Option(
      names = "--disk",
      paramLabel = "FILE[,readonly]",
      description = "A raw disk image, /dev/vda for the guest. Repeatable: the next is /dev/vdb.")
  List<String> disks = new ArrayList<>();

  @Option(
      names = "--net",
      paramLabel = "none|user[,hostfwd=tcp::PORT-:PORT]",
      description =
          "A network card (default: none). user: out through the host's sockets; 10.0.2.2 is the"
              + " host's loopback; hostfwd leads from a port there into the guest.")
  String net = "none";

  @Option(
      names = "--balloon",
      description =
          "The guest says which of its RAM is free, and the host has that memory back (not under"
              + " SEV: Linux refuses).")
  boolean balloon;

  @Option(
      names = "--protection",
      paramLabel = "none|sev",
      description = "Encryption of the guest (default: sev).")
  String protection = "sev";

  @Option(
      names = "--policy",
      paramLabel = "POLICY",
      description = "The encrypted guest's policy (default: 0x1, no debugging).")
  @Nullable String policy;

  @Option(names = "--engine", paramLabel = "NAME", description = "Memory-encryption engine.")
  @Nullable String engine;

  @Option(names = "--cpu-engine", paramLabel = "NAME", description = "CPU engine.")
  @Nullable String cpuEngine;

  @Option(names = "--mmu", paramLabel = "NAME", description = "MMU of the vCPUs.")
  @Nullable String mmu;

  @Option(
      names = "--memory-system",
      paramLabel = "NAME",
      description = "Memory system; all VMs that run share one.")
  @Nullable String memorySystem;

  @Option(
      names = "--cpu",
      paramLabel = "MODEL|help",
      description = "CPU model (default: EPYC); run lists them for help.")
  String cpu = "EPYC";

  @Option(names = "--dram", paramLabel = "FILE", description = "Back DRAM by this file.")
  @Nullable Path dram;

  @Option(
      names = "--soc-cache",
      paramLabel = "SIZE",
      converter = Sizes.class,
      description = "Capacity of the SoC's cache (default: 256M).")
  long socCacheBytes = MemoryConfig.DEFAULT_CACHE_BYTES;

  @Option(
      names = "--host-encryption",
      description = "Shared and host pages lie in DRAM under the host's own key.")
  boolean hostEncryption;

  @Option(
      names = "--lab",
      description = "Ignores the guest's debug policy; said on every use, recorded in the VM.")
  boolean lab;

  @Option(
      names = "--icount",
      description =
          "Time from the instruction count, random numbers from a seed: equal inputs, equal runs."
              + " Nothing in it is a secret. One vCPU.")
  boolean icount;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "With --icount: of the random numbers (default: 0).")
  @Nullable String seed;

  @Option(
      names = "--record",
      paramLabel = "FILE",
      description = "With --icount: keeps what is typed, the time of day and the seed.")
  @Nullable Path record;

  @Option(
      names = "--replay",
      paramLabel = "FILE",
      description = "With --icount: runs as was recorded, to the same state.")
  @Nullable Path replay;

  @Option(
      names = "--option",
      paramLabel = "NAME=VALUE",
      description = "A setting of a part, such as uart16550.port=2F8h. Repeatable.")
  Map<String, String> options = new LinkedHashMap<>();

  /**
   * The settings as a VM takes them.
   *
   * @param name of the VM
   * @param image makes kernel and initrd when none were named
   * @throws UsageException if a value cannot be
   */
  VmConfig config(String name, DefaultImage image) throws UsageException {
    if (memoryBytes % AddressMap.PAGE_BYTES != 0) {
      throw new UsageException("--memory takes a multiple of 4K");
    }
    Path chosenKernel = kernel;
    Optional<Path> chosenInitrd = Optional.ofNullable(initrd);
    Optional<DebianKernel> series =
        Optional.ofNullable(chosenKernel).flatMap(path -> DebianKernel.of(path.toString()));
    if (chosenKernel == null || series.isPresent()) {
      DefaultImage.Files files = image.files(series, modules());
      chosenKernel = files.kernel();
      chosenInitrd = chosenInitrd.or(() -> Optional.of(files.initrd()));
    }
    Map<String, String> all = deviceOptions();
    if (policy != null) {
      all.put("policy", policy);
    }
    if (loader != null) {
      all.put("loader", loader);
    }
    if (mmu != null) {
      all.put("mmu", mmu);
    }
    if (memorySystem != null) {
      all.put("memory.system", memorySystem);
    }
    repetitionOptions(all);
    return new VmConfig(
        name,
        chosenKernel,
        chosenInitrd,
        append,
        memoryBytes,
        smp,
        protection(),
        Optional.ofNullable(engine),
        Optional.ofNullable(cpuEngine),
        cpu,
        Optional.ofNullable(dram),
        socCacheBytes,
        hostEncryption,
        lab,
        all);
  }

  private void repetitionOptions(Map<String, String> all) {
    if (icount) {
      all.put("icount", "on");
    }
    if (seed != null) {
      all.put("icount.seed", seed);
    }
    if (record != null) {
      all.put("icount.record", record.toString());
    }
    if (replay != null) {
      all.put("icount.replay", replay.toString());
    }
  }

  /** Modules that the default guest needs for the devices asked for. */
  private List<String> modules() {
    List<String> modules = new ArrayList<>();
    if (!disks.isEmpty()) {
      modules.add("virtio_blk");
    }
    if (!net.equals("none")) {
      modules.add("virtio_net");
    }
    if (balloon) {
      modules.add("virtio_balloon");
    }
    if (!modules.isEmpty()) {
      modules.addAll(0, List.of("virtio_pci", "virtio_rng"));
    }
    return modules;
  }

  /** The network's backend and the ports that lead into the guest. */
  private void netOptions(Map<String, String> all) throws UsageException {
    List<String> words = List.of(net.split(",", -1));
    if (net.equals("none")) {
      return;
    }
    List<String> forwards = new ArrayList<>();
    for (String word : words.subList(1, words.size())) {
      Matcher matcher = HOSTFWD.matcher(word);
      if (!matcher.matches()) {
        throw new UsageException(
            "--net %s: '%s' is not hostfwd=tcp::PORT-:PORT".formatted(net, word));
      }
      forwards.add("tcp:%s-%s".formatted(matcher.group(1), matcher.group(2)));
    }
    all.put("net0.backend", words.getFirst());
    all.put("net0.forward", String.join(" ", forwards));
  }

  /** The options, with those of the devices that have a name of their own here. */
  private Map<String, String> deviceOptions() throws UsageException {
    Map<String, String> all = new LinkedHashMap<>(options);
    netOptions(all);
    if (balloon) {
      all.put("balloon0.reporting", "on");
    }
    for (int i = 0; i < disks.size(); i++) {
      String disk = disks.get(i);
      boolean readOnly = disk.endsWith(READ_ONLY);
      all.put(
          "disk%d.file".formatted(i),
          readOnly ? disk.substring(0, disk.length() - READ_ONLY.length()) : disk);
      all.put("disk%d.readonly".formatted(i), readOnly ? "on" : "off");
    }
    return all;
  }

  private VmConfig.Protection protection() throws UsageException {
    for (VmConfig.Protection one : VmConfig.Protection.values()) {
      if (name(one).equals(protection)) {
        return one;
      }
    }
    throw new UsageException(
        "--protection %s: there are %s"
            .formatted(
                protection,
                String.join(
                    ", ",
                    Arrays.stream(VmConfig.Protection.values()).map(VmOptions::name).toList())));
  }

  /** A protection as the command line has it. */
  static String name(VmConfig.Protection protection) {
    return protection.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
