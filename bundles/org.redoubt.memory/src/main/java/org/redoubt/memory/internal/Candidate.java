package org.redoubt.memory.internal;

import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/**
 * An engine that there is now.
 *
 * @param name {@link MemoryEncryptionEngineFactory#ENGINE_NAME}
 * @param factory makes it
 * @param rank its service ranking
 * @param serviceId breaks ties: the older service goes first
 */
record Candidate(String name, MemoryEncryptionEngineFactory factory, int rank, long serviceId) {}
