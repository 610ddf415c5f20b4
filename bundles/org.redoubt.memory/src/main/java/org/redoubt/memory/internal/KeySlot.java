package org.redoubt.memory.internal;

import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
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
  private final byte[] fingerprint;
  private volatile @Nullable MemoryEncryptionEngine engine;
  private volatile @Nullable String fault;

  // Every fill, write-back and moved page counts here, from all threads: no word is everybody's.
  private final LongAdder entered = new LongAdder();
  private final LongAdder left = new LongAdder();
  private final LongAdder pages = new LongAdder();
  private final AtomicInteger lost = new AtomicInteger();
  private volatile boolean dead;

  /** A slot without a cipher: DRAM as it is. */
  KeySlot(int id, int tag) {
    this.id = id;
    this.tag = tag;
    use = null;
    key = null;
    engine = null;
    fingerprint = new byte[0];
  }

  KeySlot(int id, int tag, EngineUse use, KeyMaterial key, EngineMaker.Made made) {
    this.id = id;
    this.tag = tag;
    this.use = use;
    this.key = key;
    this.engine = made.engine();
    this.fingerprint = made.fingerprint();
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

  /** Whether its engine has that name. */
  boolean isOf(String name) {
    return use != null && use.name().equals(name);
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

  /** What the engine makes of a known text: an engine that comes back must make the same. */
  byte[] fingerprint() {
    return fingerprint;
  }

  MemoryEncryptionEngine engine() {
    MemoryEncryptionEngine present = engine;
    if (present == null) {
      throw new IllegalStateException("The key of tag %d is gone".formatted(tag));
    }
    return present;
  }

  /** Why the engine must not be called, or null. */
  @Nullable String fault() {
    return fault;
  }

  void setFault(String reason) {
    fault = reason;
  }

  /** Puts another engine of the same cipher under the same key to work; returns the former. */
  @Nullable MemoryEncryptionEngine renew(MemoryEncryptionEngine again) {
    MemoryEncryptionEngine former = engine;
    engine = again;
    fault = null;
    return former;
  }

  /** Announces a use of the engine; {@link #exit} follows. */
  void enter() {
    entered.increment();
    VarHandle.fullFence(); // what the caller looks at next is not older
  }

  void exit() {
    left.increment();
  }

  /** How many threads are inside, but for those that will not come back. */
  int users() {
    return inside() - lost.get();
  }

  /** The watchdog gives a thread up that is inside. */
  void giveUp() {
    lost.incrementAndGet();
  }

  /** A thread that was given up has come back; {@link #exit} follows. */
  void comeBack() {
    lost.decrementAndGet();
  }

  /** Whether no thread is inside at all: the engine can be closed. */
  boolean empty() {
    return inside() == 0;
  }

  /**
   * Both counters only grow and the one of exits is read first: if they are equal, there was a
   * moment at which nobody was inside.
   */
  private int inside() {
    long out = left.sum();
    return (int) (entered.sum() - out);
  }

  /** Pages of DRAM whose bytes it wrote; exact when nobody is inside. */
  long pages() {
    return pages.sum();
  }

  /** One page more. */
  void addPage() {
    pages.increment();
  }

  /** One page less. */
  void removePage() {
    pages.decrement();
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
