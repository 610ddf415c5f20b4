package org.redoubt.memory.internal;

import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.PageTag;
import org.redoubt.memory.internal.TagState.Keys;
import org.redoubt.memory.internal.TagState.Stage;

/**
 * The key slots by ASID: activation, retirement, and the engine that they are made in.
 *
 * <p>Somebody else's code (key installers, engine factories) is called with no lock held; what was
 * decided before is checked again afterwards.
 */
final class KeySlots {
  private final SocMemory system;
  private final Supplier<Settings> settings;
  private final Slots slots;
  private final TagState[] tags;
  private final Map<String, EngineUse> uses = new LinkedHashMap<>();
  private volatile Candidate engine;
  private volatile @Nullable KeyInstaller installer;

  KeySlots(
      SocMemory system,
      Candidate engine,
      Supplier<Settings> settings,
      Slots slots,
      TagState[] tags) {
    this.system = system;
    this.engine = engine;
    this.settings = settings;
    this.slots = slots;
    this.tags = tags;
    use(engine.name());
  }

  private Duration limit() {
    return settings.get().engineLimit();
  }

  Candidate engine() {
    return engine;
  }

  synchronized List<EngineUse> uses() {
    return List.copyOf(uses.values());
  }

  private synchronized EngineUse use(String name) {
    return uses.computeIfAbsent(name, EngineUse::new);
  }

  void setInstaller(Optional<KeyInstaller> value) {
    installer = value.orElse(null);
  }

  /** Opens tag 0: DRAM as it is, or under a key that nobody else knows. */
  void openHost(boolean encrypted) throws HypervisorException {
    TagState host = tags[PageTag.SHARED];
    if (!encrypted) {
      host.setKeys(new Keys(slots.add(id -> new KeySlot(id, PageTag.SHARED)), null));
    } else {
      try {
        KeyMaterial key = randomKey(EngineMaker.keyBytes(engine, limit()));
        host.setKeys(new Keys(makeSlot(PageTag.SHARED, engine, key), null));
      } catch (Bounded.Failure e) {
        throw new HypervisorException(
            "Memory system %s cannot be made: %s".formatted(system.config().name(), e.text()), e);
      }
    }
    host.setStatus(TagState.READY);
  }

  private static KeyMaterial randomKey(int length) {
    KeyMaterial key = new KeyMaterial(length);
    byte[] random = new byte[length];
    new SecureRandom().nextBytes(random);
    key.bytes().copyFrom(MemorySegment.ofArray(random));
    Arrays.fill(random, (byte) 0);
    return key;
  }

  /** Makes a slot; closes the key if that fails. */
  private KeySlot makeSlot(int tag, Candidate candidate, KeyMaterial key) throws Bounded.Failure {
    boolean done = false;
    try {
      MemoryEncryptionEngine made = EngineMaker.make(candidate, key, limit());
      EngineUse use = use(candidate.name());
      KeySlot slot = slots.add(id -> new KeySlot(id, tag, use, key, made));
      done = true;
      return slot;
    } finally {
      if (!done) {
        key.close();
      }
    }
  }

  // Activation

  KeyStatus activate(int asid) {
    if (asid < 1 || asid >= tags.length) {
      return KeyStatus.INVALID_ASID;
    }
    TagState tag = tags[asid];
    while (true) {
      KeyStatus before = standing(tag);
      if (before != KeyStatus.INSTALLED) {
        return before;
      }
      Candidate candidate = engine;
      KeySlot slot;
      try {
        slot = obtain(asid, candidate);
      } catch (Bounded.Failure e) {
        tag.setRefusal(e.text());
        return KeyStatus.NO_KEY;
      }
      synchronized (this) {
        KeyStatus now = standing(tag);
        if (now == KeyStatus.INSTALLED && candidate == engine) {
          tag.setRefusal(null);
          tag.setKeys(new Keys(slot, null));
          tag.setStage(Stage.LIVE);
          tag.setStatus(TagState.READY);
          return KeyStatus.INSTALLED;
        }
      }
      drop(slot);
    }
  }

  /** What stands in the way of an activation; {@link KeyStatus#INSTALLED} for nothing. */
  private synchronized KeyStatus standing(TagState tag) {
    return switch (tag.stage()) {
      case FREE -> KeyStatus.INSTALLED;
      case LIVE -> KeyStatus.ASID_LIVE;
      case NEEDS_WBINVD -> KeyStatus.WBINVD_REQUIRED;
      case NEEDS_DFFLUSH -> KeyStatus.DFFLUSH_REQUIRED;
    };
  }

  /** Asks the installer for a key and makes the slot. */
  private KeySlot obtain(int asid, Candidate candidate) throws Bounded.Failure {
    KeyInstaller owner = installer;
    if (owner == null) {
      throw new Bounded.Failure("No key installer is set, so ASID %d gets no key".formatted(asid));
    }
    KeyMaterial key = new KeyMaterial(EngineMaker.keyBytes(candidate, limit()));
    Optional<String> refused;
    try {
      refused = owner.install(asid, candidate.name(), key.bytes());
    } catch (RuntimeException e) {
      refused = Optional.of("The key installer threw " + e);
    }
    if (refused.isPresent()) {
      key.close();
      throw new Bounded.Failure(refused.get());
    }
    return makeSlot(asid, candidate, key);
  }

  private void drop(KeySlot slot) {
    MemoryEncryptionEngine last = slot.bury();
    if (last != null) {
      EngineMaker.close(last, slot.use().name(), limit());
    }
  }

  // Retirement

  /** Takes a tag out of use; false if it was not live. */
  boolean deactivate(TagState tag) {
    Keys keys;
    synchronized (this) {
      if (tag.stage() != Stage.LIVE) {
        return false;
      }
      tag.setStatus(TagState.NO_KEY);
      tag.setReason(null);
      tag.setStage(Stage.NEEDS_WBINVD);
      keys = tag.keys();
    }
    // Fills under way end first, so that a write-back of everything afterwards misses none.
    long end = System.nanoTime() + limit().toNanos();
    for (int attempt = 0;
        keys != null && keys.current().users() > 0 && System.nanoTime() < end;
        attempt++) {
      Backoff.pause(attempt);
    }
    return true;
  }

  synchronized boolean isLive(TagState tag) {
    return tag.stage() == Stage.LIVE;
  }

  /** The tags that a flush which begins now moves on from a stage. */
  synchronized List<TagState> stagesBefore(Stage stage) {
    List<TagState> waiting = new ArrayList<>();
    for (TagState tag : tags) {
      if (tag.stage() == stage) {
        waiting.add(tag);
      }
    }
    return waiting;
  }

  synchronized void advance(List<TagState> waiting, Stage from, Stage to) {
    for (TagState tag : waiting) {
      if (tag.stage() == from) {
        tag.setStage(to);
      }
    }
  }

  void dfFlush() {
    List<KeySlot> gone = new ArrayList<>();
    synchronized (this) {
      for (TagState tag : tags) {
        Keys keys = tag.keys();
        if (tag.stage() == Stage.NEEDS_DFFLUSH && keys != null) {
          tag.setStage(Stage.FREE);
          tag.setKeys(null);
          gone.add(keys.current());
          if (keys.old() != null) {
            gone.add(keys.old());
          }
        }
      }
    }
    gone.forEach(this::retire);
  }

  /** Closes a slot once nobody is inside its engine. */
  private void retire(KeySlot slot) {
    long end = System.nanoTime() + limit().toNanos();
    for (int attempt = 0; slot.users() > 0 && System.nanoTime() < end; attempt++) {
      Backoff.pause(attempt);
    }
    drop(slot);
  }

  // Failures

  /** An engine failed: suspends every tag that depends on it. */
  void failed(KeySlot slot, String failure) {
    String name = slot.use().name();
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (keys != null && dependsOn(keys, name)) {
        suspend(tag, "Engine %s failed: %s".formatted(name, failure));
      }
    }
  }

  private static boolean dependsOn(Keys keys, String name) {
    KeySlot old = keys.old();
    return (!keys.current().plain() && keys.current().use().name().equals(name))
        || (old != null && !old.plain() && old.use().name().equals(name));
  }

  private void suspend(TagState tag, String reason) {
    synchronized (this) {
      if (tag.status() != TagState.READY) {
        return;
      }
      tag.setReason(reason);
      tag.setStatus(TagState.SUSPENDED);
    }
    system.cache().handshake().revokeAll();
    for (MemoryListener listener : system.listeners()) {
      listener.suspended(tag.tag(), reason);
    }
  }

  void close() {
    List<KeySlot> gone = new ArrayList<>();
    synchronized (this) {
      for (TagState tag : tags) {
        tag.setStatus(TagState.CLOSED);
        tag.setStage(Stage.FREE);
      }
      for (KeySlot slot : slots.all()) {
        if (!slot.plain() && !slot.dead()) {
          gone.add(slot);
        }
      }
    }
    gone.forEach(this::retire);
  }
}
