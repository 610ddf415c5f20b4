package org.redoubt.memory.internal;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.encryption.MemoryEncryptionEngine;

/**
 * One key in one engine for one tag. It lives until nothing in DRAM that can still be reached was
 * written by it, and nobody is inside its engine.
 */
final class KeySlot {
  private final int id;
  private final int tag;
  private final @Nullable EngineUse use;
  private final @Nullable KeyMaterial key;
  private volatile @Nullable MemoryEncryptionEngine engine;
  private final AtomicInteger users = new AtomicInteger();
  private final AtomicLong pages = new AtomicLong();
  private volatile boolean dead;

  /** A slot without a cipher: DRAM as it is. */
  KeySlot(int id, int tag) {
    this.id = id;
    this.tag = tag;
    use = null;
    key = null;
    engine = null;
  }

  KeySlot(int id, int tag, EngineUse use, KeyMaterial key, MemoryEncryptionEngine engine) {
    this.id = id;
    this.tag = tag;
    this.use = use;
    this.key = key;
    this.engine = engine;
  }

  /** What the book calls it. */
  int id() {
    return id;
  }

  int tag() {
    return tag;
  }

  /** Whether it is the slot without a cipher. */
  boolean plain() {
    return use == null;
  }

  EngineUse use() {
    if (use == null) {
      throw new AssertionError("bug: the plain slot has no engine");
    }
    return use;
  }

  KeyMaterial key() {
    if (key == null) {
      throw new AssertionError("bug: the plain slot has no key");
    }
    return key;
  }

  MemoryEncryptionEngine engine() {
    MemoryEncryptionEngine present = engine;
    if (present == null) {
      throw new IllegalStateException("The key of tag %d is gone".formatted(tag));
    }
    return present;
  }

  void setEngine(MemoryEncryptionEngine again) {
    engine = again;
  }

  /** Announces a use of the engine; {@link #exit} follows. */
  void enter() {
    users.incrementAndGet();
  }

  void exit() {
    users.decrementAndGet();
  }

  int users() {
    return users.get();
  }

  /** Pages of DRAM whose bytes it wrote. */
  AtomicLong pages() {
    return pages;
  }

  boolean dead() {
    return dead;
  }

  /** Forgets engine and key; the number of pages stays for the statistics. */
  @Nullable MemoryEncryptionEngine bury() {
    dead = true;
    MemoryEncryptionEngine last = engine;
    engine = null;
    if (key != null) {
      key.close();
    }
    return last;
  }
}
