package org.redoubt.api.firmware;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.policy.FirmwarePolicy;

/**
 * What a secure processor is connected to.
 *
 * @param name how the shell and messages call it
 * @param memory the SoC's memory, whose keys it owns
 * @param state the folder with its non-volatile state (chip secret, OCA, PEK); empty: a fresh chip
 *     that forgets
 * @param policies asked anew on each command; names are in the service property, so pairs of name
 *     and policy
 * @param firmwares the firmwares that DOWNLOAD_FIRMWARE can bring, by name
 */
public record SecureProcessorConfig(
    String name,
    MemorySystem memory,
    Optional<Path> state,
    Supplier<List<NamedPolicy>> policies,
    FirmwareStore firmwares) {
  /** A processor that no other firmware can be loaded into. */
  public SecureProcessorConfig(
      String name,
      MemorySystem memory,
      Optional<Path> state,
      Supplier<List<NamedPolicy>> policies) {
    this(name, memory, state, policies, firmware -> Optional.empty());
  }

  /** Where firmwares are found. */
  @FunctionalInterface
  public interface FirmwareStore {
    /**
     * The factory of a firmware, if one is installed at the moment.
     *
     * @param name {@link SecureProcessorFactory#FIRMWARE_NAME}
     */
    Optional<SecureProcessorFactory> find(String name);
  }

  /**
   * A policy and its stable name.
   *
   * @param name {@link FirmwarePolicy#POLICY_NAME}
   * @param policy the service
   */
  public record NamedPolicy(String name, FirmwarePolicy policy) {}
}
