package org.redoubt.memory.internal;

import java.util.concurrent.atomic.LongAdder;

/** What one memory system has done with the engine of one name. */
final class EngineUse {
  private final String name;
  final LongAdder encryptedBytes = new LongAdder();
  final LongAdder decryptedBytes = new LongAdder();
  final LongAdder cipherNs = new LongAdder();

  EngineUse(String name) {
    this.name = name;
  }

  String name() {
    return name;
  }
}
