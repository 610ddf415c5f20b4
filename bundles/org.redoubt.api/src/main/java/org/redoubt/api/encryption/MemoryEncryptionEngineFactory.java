package org.redoubt.api.encryption;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Makes the engine of one kind: an OSGi service with the property {@link #ENGINE_NAME}. Among
 * factories the service ranking picks the default; configuration, a command or the owner of a
 * memory system picks by name.
 *
 * <p>Factories are called from any thread. When the service goes away, the memory system carries
 * all pages to another engine that fits before the unregistration returns; engines made earlier are
 * called until then, so they must not depend on their bundle being active.
 */
@ConsumerType
public interface MemoryEncryptionEngineFactory {
  /**
   * Service property, a string: the engine's stable name, such as {@code aes-128-xex}. Letters,
   * digits and hyphens.
   */
  String ENGINE_NAME = "redoubt.engine.name";

  /**
   * Returns the key's length in bytes: 0 for an engine without a key, at most 64, the same at every
   * call.
   *
   * @return bytes of key that {@link #create} takes
   */
  int keyBytes();

  /**
   * Makes the engine for one key slot.
   *
   * @param key {@link #keyBytes()} bytes, owned and cleared by the caller after the call: the
   *     engine takes what it needs
   * @return an engine that holds the key until it is closed
   * @throws IllegalArgumentException if the key's length is not {@link #keyBytes()}; the message
   *     names both lengths
   */
  MemoryEncryptionEngine create(MemorySegment key);

  /**
   * Refuses a key of the wrong length. Factories call it first in {@link #create}.
   *
   * @param engineName the engine, for the message
   * @param key what was given
   * @param keyBytes the length that is needed, in bytes
   * @throws IllegalArgumentException if the lengths differ; the message names both
   */
  static void checkKey(String engineName, MemorySegment key, int keyBytes) {
    if (key.byteSize() != keyBytes) {
      throw new IllegalArgumentException(
          "Engine %s takes a key of %d bytes, not of %d"
              .formatted(engineName, keyBytes, key.byteSize()));
    }
  }
}
