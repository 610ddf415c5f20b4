package org.redoubt.memory.internal;

/**
 * An engine's name, and where a memory system counts what it does with it.
 *
 * @param name the engine
 * @param cell its first cell in a {@link Lane}
 */
record EngineUse(String name, int cell) {
  static final int ENCRYPTED_BYTES = 0;
  static final int DECRYPTED_BYTES = 1;
  static final int CIPHER_NS = 2;

  /** The use of that ordinal in its system. */
  static EngineUse of(String name, int ordinal) {
    return new EngineUse(name, Counters.FIRST_ENGINE + 3 * Math.min(ordinal, Counters.ENGINES - 1));
  }
}
