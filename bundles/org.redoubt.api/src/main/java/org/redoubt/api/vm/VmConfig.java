package org.redoubt.api.vm;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A VM's settings; names as on the command line.
 *
 * @param name unique among the VMs
 * @param kernel the kernel image
 * @param initrd the initial RAM disk
 * @param append the kernel's command line
 * @param memoryBytes guest RAM
 * @param vcpus number of vCPUs
 * @param protection encryption of the guest
 * @param engine memory-encryption engine by name; empty for the default
 * @param cpuEngine CPU engine by name; empty for the default
 * @param cpuModel CPU model by QEMU's name
 * @param dramFile DRAM in this file
 * @param socCacheBytes capacity of the SoC cache
 * @param hostEncryption shared and host pages under the host's key
 * @param lab ignore the guest's debug policy; said on every use
 * @param options what else a part takes, by its own names
 */
public record VmConfig(
    String name,
    Path kernel,
    Optional<Path> initrd,
    String append,
    long memoryBytes,
    int vcpus,
    Protection protection,
    Optional<String> engine,
    Optional<String> cpuEngine,
    String cpuModel,
    Optional<Path> dramFile,
    long socCacheBytes,
    boolean hostEncryption,
    boolean lab,
    Map<String, String> options) {
  /** Copies the map. */
  public VmConfig {
    options = Map.copyOf(options);
  }

  /** Encryption of a guest. */
  public enum Protection {
    NONE,
    SEV
  }
}
