package org.redoubt.memory.internal;

import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * An engine that there is now.
 *
 * @param name {@link MemoryEncryptionEngineFactory#ENGINE_NAME}
 * @param factory makes it
 * @param keyBytes what the factory says; -1 if it says nothing sensible
 * @param rank its service ranking
 * @param serviceId breaks ties: the older service goes first
 */
record Candidate(
    String name, MemoryEncryptionEngineFactory factory, int keyBytes, int rank, long serviceId) {

  /**
   * Whether pages may go from an engine to this one without anybody having asked for it by name.
   */
  boolean fitsAfter(Candidate former) {
    return keyBytes > 0 || (keyBytes == 0 && former.keyBytes <= 0);
  }
}
