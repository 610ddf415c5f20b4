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
 */
public record SecureProcessorConfig(
    String name, MemorySystem memory, Optional<Path> state, Supplier<List<NamedPolicy>> policies) {
  /**
   * A policy and its stable name.
   *
   * @param name {@link FirmwarePolicy#POLICY_NAME}
   * @param policy the service
   */
  public record NamedPolicy(String name, FirmwarePolicy policy) {}
}
