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
  private final String systemName;
  private final Supplier<Settings> settings;
  private final Engines engines;
  private final Slots slots;
  private final Lanes lanes;
  private final TagState[] tags;
  private final Map<String, EngineUse> uses = new LinkedHashMap<>();
  private volatile Candidate engine;
  private volatile @Nullable KeyInstaller installer;
  private volatile boolean hostKeyIsOwn = true;

  /** The former engine while a change is under way: new ASIDs get a key in it, too. */
  private @Nullable Candidate former;

  private @Nullable Undo undo;

  /** Pages that are still to be moved may be readable from their undo entries only. */
  private boolean turnedBack;

  KeySlots(
      String systemName,
      Candidate engine,
      Engines engines,
      Supplier<Settings> settings,
      Slots slots,
      Lanes lanes,
      TagState[] tags) {
    this.systemName = systemName;
    this.engine = engine;
    this.engines = engines;
    this.settings = settings;
    this.slots = slots;
    this.lanes = lanes;
    this.tags = tags;
    use(engine.name());
  }

  private Duration limit() {
    return settings.get().engineLimit();
  }

  /** The engine that new pages are written by. */
  Candidate engine() {
    return engine;
  }

  synchronized List<EngineUse> uses() {
    return List.copyOf(uses.values());
  }

  private synchronized EngineUse use(String name) {
    return uses.computeIfAbsent(name, fresh -> EngineUse.of(fresh, uses.size()));
  }

  /** Sets who gives out keys, the host's own one too if nothing lies under it yet. */
  void setInstaller(Optional<KeyInstaller> value) {
    installer = value.orElse(null);
    if (value.isPresent()) {
      adoptHostKey();
    }
  }

  /** Puts host pages under the installer's key; if it has none for them, they keep a random one. */
  private void adoptHostKey() {
    TagState host = tags[PageTag.SHARED];
    Keys keys = host.keys();
    if (keys == null || keys.current().plain() || keys.current().pages() > 0) {
      return;
    }
    hostKeyIsOwn = false;
    KeySlot slot;
    try {
      slot = obtain(PageTag.SHARED, engine);
    } catch (Bounded.Failure e) {
      hostKeyIsOwn = true;
      return;
    }
    synchronized (this) {
      if (host.keys() == keys && former == null && slot.isOf(engine.name())) {
        host.setKeys(new Keys(slot, List.of(keys.current())));
        return;
      }
    }
    hostKeyIsOwn = true;
    drop(slot);
  }

  /** Opens tag 0: DRAM as it is, or under a key that nobody else knows. */
  void openHost(boolean encrypted) throws HypervisorException {
    TagState host = tags[PageTag.SHARED];
    if (!encrypted) {
      host.setKeys(new Keys(slots.add(id -> new KeySlot(id, PageTag.SHARED)), List.of()));
    } else {
      try {
        host.setKeys(new Keys(obtain(PageTag.SHARED, engine), List.of()));
      } catch (Bounded.Failure e) {
        throw new HypervisorException(
            "Memory system %s cannot be made: %s".formatted(systemName, e.text()), e);
      }
    }
    host.setStage(Stage.LIVE);
    host.setStatus(TagState.READY);
  }

  // Making slots

  /** Makes a slot for a tag; asks the installer for the key, or chance for the host's own. */
  KeySlot obtain(int tag, Candidate candidate) throws Bounded.Failure {
    if (!engines.has(candidate)) {
      throw new Bounded.Failure(
          "Engine %s has gone: start a bundle that provides it".formatted(candidate.name()));
    }
    if (candidate.keyBytes() < 0) {
      throw new Bounded.Failure(
          "Engine %s does not say a key size from 0 to 64 bytes".formatted(candidate.name()));
    }
    KeyMaterial key = new KeyMaterial(candidate.keyBytes());
    boolean done = false;
    try {
      if (tag == PageTag.SHARED && hostKeyIsOwn) {
        randomize(key);
      } else {
        ask(tag, candidate, key);
      }
      EngineMaker.Made made = EngineMaker.make(candidate, key, limit());
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

  private static void randomize(KeyMaterial key) {
    byte[] random = new byte[(int) key.bytes().byteSize()];
    new SecureRandom().nextBytes(random);
    key.bytes().copyFrom(MemorySegment.ofArray(random));
    Arrays.fill(random, (byte) 0);
  }

  private void ask(int tag, Candidate candidate, KeyMaterial key) throws Bounded.Failure {
    KeyInstaller owner = installer;
    if (owner == null) {
      throw new Bounded.Failure("No key installer is set, so ASID %d gets no key".formatted(tag));
    }
    Optional<String> refused;
    try {
      refused = owner.install(tag, candidate.name(), key.bytes());
    } catch (RuntimeException e) {
      refused = Optional.of("The key installer threw " + e);
    }
    if (refused.isPresent()) {
      throw new Bounded.Failure(refused.get());
    }
  }

  /** Forgets a slot that nobody can be inside. */
  void drop(KeySlot slot) {
    MemoryEncryptionEngine last = slot.bury();
    if (last != null) {
      EngineMaker.close(last, slot.use().name(), limit());
    }
  }

  /**
   * Forgets a slot once nobody is inside its engine; the engine of a call that hangs stays open.
   */
  void retire(KeySlot slot) {
    long end = System.nanoTime() + limit().toNanos();
    awaitSilence(List.of(slot), end);
    if (slot.empty()) {
      drop(slot);
    } else {
      slot.bury();
    }
  }

  /** Waits until nobody is inside these slots; false if that takes too long. */
  static boolean awaitSilence(List<KeySlot> silent, long end) {
    for (KeySlot slot : silent) {
      for (int attempt = 0; slot.users() > 0; attempt++) {
        if (System.nanoTime() - end > 0) {
          return false;
        }
        Backoff.pause(attempt);
      }
    }
    return true;
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
      Candidate candidate;
      Candidate fallback;
      synchronized (this) {
        candidate = engine;
        fallback = former;
      }
      List<KeySlot> made = new ArrayList<>();
      try {
        made.add(obtain(asid, candidate));
        if (fallback != null) {
          made.add(obtain(asid, fallback));
        }
      } catch (Bounded.Failure e) {
        made.forEach(this::drop);
        tag.setRefusal(e.text());
        return KeyStatus.NO_KEY;
      }
      synchronized (this) {
        if (standing(tag) == KeyStatus.INSTALLED && candidate == engine && fallback == former) {
          tag.setRefusal(null);
          KeySlot second = made.size() > 1 ? made.get(1) : null;
          tag.setKeys(new Keys(made.get(0), made.subList(1, made.size()), undo, second));
          tag.setStage(Stage.LIVE);
          tag.setReason(null);
          tag.setStatus(TagState.READY);
          return KeyStatus.INSTALLED;
        }
      }
      made.forEach(this::drop);
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
    if (keys != null) {
      boolean ignored =
          awaitSilence(List.of(keys.current()), end) && awaitSilence(keys.olds(), end);
    }
    return true;
  }

  synchronized boolean isLive(TagState tag) {
    return tag.stage() == Stage.LIVE;
  }

  /** The tags that a flush which begins now moves on from a stage. */
  synchronized List<TagState> at(Stage stage) {
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
          gone.addAll(keys.olds());
        }
      }
    }
    gone.forEach(this::retire);
  }

  // A change of engine

  /** The tags that need a key in a new engine. */
  synchronized List<TagState> tagsWithKeys() {
    List<TagState> live = new ArrayList<>();
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (tag.stage() == Stage.LIVE && keys != null && !keys.current().plain()) {
        live.add(tag);
      }
    }
    return live;
  }

  /**
   * The hand-over: from now on everything is written by another engine, and read by the one that
   * wrote it.
   *
   * @param fresh the new slots; those of tags that went out of use meanwhile are left in it
   * @param first is run before the first slot is used
   * @return false, and nothing has changed, if a tag came into use meanwhile that is not in it
   */
  synchronized boolean handOver(
      Candidate target, Map<TagState, KeySlot> fresh, @Nullable Undo kept, Runnable first) {
    List<TagState> live = tagsWithKeys();
    if (!fresh.keySet().containsAll(live)) {
      return false;
    }
    first.run();
    for (TagState tag : live) {
      Keys keys = tag.keys();
      KeySlot slot = fresh.remove(tag);
      if (keys != null && slot != null) {
        List<KeySlot> olds = new ArrayList<>(keys.olds());
        olds.add(keys.current());
        tag.setKeys(new Keys(slot, olds, kept, keys.current()));
      }
    }
    use(target.name());
    former = engine;
    undo = kept;
    engine = target;
    return true;
  }

  /** Turns back: what the new engine wrote is read by it, everything is written by the old one. */
  synchronized void turnBack(Candidate from, Candidate to) {
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (keys != null && keys.current().isOf(to.name())) {
        for (KeySlot old : keys.olds()) {
          if (old.isOf(from.name())) {
            List<KeySlot> olds = new ArrayList<>(keys.olds());
            olds.remove(old);
            olds.add(keys.current());
            tag.setKeys(new Keys(old, olds, keys.undo(), null));
            break;
          }
        }
      }
    }
    engine = from;
    former = to;
    turnedBack = true;
  }

  /**
   * The change is over: activations need one key again. What was kept for a roll-back goes, unless
   * the roll-back could not be ended.
   */
  void settle() {
    Undo kept;
    synchronized (this) {
      former = null;
      kept = undo;
      undo = null;
      if (turnedBack && pagesToMove() > 0) {
        return;
      }
      turnedBack = false;
      for (TagState tag : tags) {
        Keys keys = tag.keys();
        if (keys != null && keys.undo() != null) {
          tag.setKeys(new Keys(keys.current(), keys.olds()));
        }
      }
    }
    // Nobody in the engine would do as well, but with guests at work that moment is long in coming.
    if (kept != null && lanes.awaitTurns(System.nanoTime() + limit().toNanos())) {
      kept.discard();
    }
  }

  /** Another provider of the engine in use. */
  synchronized void setEngine(Candidate same) {
    engine = same;
  }

  /** Pages that old slots wrote and current ones shall. */
  synchronized long pagesToMove() {
    long pages = 0;
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      pages += keys == null ? 0 : keys.pagesToMove();
    }
    return pages;
  }

  /**
   * Whether no page was written by an old slot, nor will be: a write-back that began before the
   * hand-over may still be under way, inside the old slot.
   */
  boolean nothingToMove() {
    return pagesToMove() == 0
        && awaitSilence(oldSlots(), System.nanoTime() + limit().toNanos())
        && pagesToMove() == 0;
  }

  /** Whether a roll-back has stuck: it must be ended before another change. */
  synchronized boolean stuckTurningBack() {
    return turnedBack && pagesToMove() > 0;
  }

  /** Whether some tag waits for an engine. */
  synchronized boolean anyFault() {
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (keys != null && keys.fault() != null) {
        return true;
      }
    }
    return false;
  }

  /** The engine whose pages are still to be moved, if any. */
  Optional<String> oldEngine() {
    return oldSlots().stream().map(slot -> slot.use().name()).findFirst();
  }

  private synchronized List<KeySlot> oldSlots() {
    List<KeySlot> olds = new ArrayList<>();
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (keys != null) {
        olds.addAll(keys.olds());
      }
    }
    return olds;
  }

  /** Takes the old slots out that no page needs any more, after {@link #nothingToMove}. */
  void retireOldSlots() {
    List<KeySlot> gone = new ArrayList<>();
    synchronized (this) {
      for (TagState tag : tags) {
        Keys keys = tag.keys();
        if (keys != null && !keys.olds().isEmpty() && keys.pagesToMove() == 0) {
          gone.addAll(keys.olds());
          tag.setKeys(new Keys(keys.current(), List.of()));
        }
      }
    }
    gone.forEach(this::retire);
  }

  // Failures

  /** All slots of an engine that are in use. */
  List<KeySlot> slotsOf(String engineName) {
    List<KeySlot> found = new ArrayList<>();
    for (KeySlot slot : slots.all()) {
      if (!slot.dead() && slot.isOf(engineName)) {
        found.add(slot);
      }
    }
    return found;
  }

  /**
   * Brings every live tag's status in line with its slots.
   *
   * @return the tags whose status has changed
   */
  synchronized List<TagState> refresh() {
    List<TagState> changed = new ArrayList<>();
    for (TagState tag : tags) {
      Keys keys = tag.keys();
      if (tag.stage() != Stage.LIVE || keys == null) {
        continue;
      }
      String fault = keys.fault();
      int status = fault == null ? TagState.READY : TagState.SUSPENDED;
      if (fault != null) {
        tag.setReason(fault);
      }
      if (tag.status() != status) {
        tag.setStatus(status);
        changed.add(tag);
      }
      if (fault == null) {
        tag.setReason(null);
      }
    }
    return changed;
  }

  /** Ends all access and forgets all keys. */
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
