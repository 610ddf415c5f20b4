package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngine;
import org.redoubt.api.memory.EngineChange.State;
import org.redoubt.memory.internal.TagState.Keys;

/**
 * Which engine one memory system uses: changes on demand and by themselves, failures, engines that
 * go and come back.
 */
final class Changes implements Faults {
  /** Pages that an engine is to carry before it is worth having it compiled first: 16 MiB. */
  private static final long MIN_WARM_UP = 4096;

  private static final System.Logger LOG = System.getLogger("org.redoubt.memory");

  private final SocMemory system;
  private final KeySlots keys;
  private final Engines engines;
  private final Supplier<Settings> settings;
  private final TagState[] tags;

  /** Services that an automatic change has failed with: not tried again by itself. */
  private final Set<Long> rejected = new HashSet<>();

  /** Services whose engines have failed: put to work again by command only. */
  private final Set<Long> distrusted = ConcurrentHashMap.newKeySet();

  /** Services whose engines have been warmed up. */
  private final Set<Long> warm = ConcurrentHashMap.newKeySet();

  private boolean preparing;
  private boolean closed;
  private volatile @Nullable Movement active;
  private volatile @Nullable String commanded;
  private volatile @Nullable String commandedBefore;

  Changes(
      SocMemory system,
      KeySlots keys,
      Engines engines,
      Supplier<Settings> settings,
      TagState[] tags) {
    this.system = system;
    this.keys = keys;
    this.engines = engines;
    this.settings = settings;
    this.tags = tags;
  }

  @Nullable Movement active() {
    return active;
  }

  // On demand

  private synchronized boolean isClosed() {
    return closed;
  }

  private synchronized boolean isPreparing() {
    return preparing;
  }

  /** The operator's word: it holds until the next one. */
  Movement command(String name) throws HypervisorException {
    Candidate target = engines.choose(Optional.of(name));
    if (active == null) {
      recoverAll(true);
    }
    Movement movement = begin(target, true);
    synchronized (this) {
      commandedBefore = commanded;
      commanded = name;
      if (movement.state() == State.ROLLED_BACK || movement.state() == State.ROLLING_BACK) {
        commanded = commandedBefore;
      }
    }
    return movement;
  }

  /**
   * Begins a change; to the engine in use, it is done at once.
   *
   * @param asked whether somebody waits for it, and is told how it ends
   */
  private Movement begin(Candidate target, boolean asked) throws HypervisorException {
    synchronized (this) {
      Movement running = active;
      if (running != null || preparing || closed) {
        throw new BusyException(
            running == null
                ? "Another change of engine is about to begin"
                : "A change of engine from %s to %s is under way"
                    .formatted(running.from(), running.to()));
      }
      preparing = true;
    }
    try {
      Candidate from = keys.engine();
      if (target.name().equals(from.name())) {
        return stay(from, target, asked);
      }
      if (keys.stuckTurningBack()) {
        throw new HypervisorException(
            "Pages are still to be brought back to engine %s: change to it first"
                .formatted(from.name()));
      }
      Movement movement = movement(from, target, asked);
      handOver(movement);
      return launch(movement);
    } finally {
      synchronized (this) {
        preparing = false;
      }
    }
  }

  private Movement movement(Candidate from, Candidate target, boolean asked) {
    return new Movement(
        system, this, keys, new PageMover(system.cache(), tags), from, target, asked);
  }

  private Movement launch(Movement movement) throws HypervisorException {
    synchronized (this) {
      if (closed) {
        active = null;
        throw new HypervisorException("The memory system is closed");
      }
      active = movement;
    }
    refresh();
    movement.start();
    return movement;
  }

  /** To the engine in use: mends what has failed of it, and finishes what was left unfinished. */
  private Movement stay(Candidate from, Candidate target, boolean asked)
      throws HypervisorException {
    Movement movement = movement(from, target, asked);
    if (keys.pagesToMove() > 0) {
      return launch(movement);
    }
    movement.endAtOnce();
    return movement;
  }

  /**
   * Has the JIT compile an engine before a guest waits for it: its first calls may take a thousand
   * times as long as later ones. Only when it will be called that often.
   */
  private void warmUp(Candidate candidate, KeySlot slot) throws Bounded.Failure {
    if (system.carriedPages() < MIN_WARM_UP || !warm.add(candidate.serviceId())) {
      return;
    }
    EngineMaker.warmUp(slot, settings.get().engineLimit());
  }

  private void handOver(Movement movement) throws HypervisorException {
    Candidate from = movement.fromCandidate();
    Candidate target = movement.toCandidate();
    Map<TagState, KeySlot> fresh = new LinkedHashMap<>();
    Undo undo = system.openUndo();
    try {
      do {
        for (TagState tag : keys.tagsWithKeys()) {
          if (!fresh.containsKey(tag)) {
            KeySlot slot = keys.obtain(tag.tag(), target);
            fresh.put(tag, slot);
            warmUp(target, slot);
          }
        }
        // It is active from the first use of the new engine on: if that fails, it turns back.
      } while (!keys.handOver(target, fresh, undo, () -> active = movement));
    } catch (Bounded.Failure e) {
      if (undo != null) {
        undo.discard();
      }
      throw new HypervisorException(
          "Engine %s cannot take over from %s: %s".formatted(target.name(), from.name(), e.text()),
          e);
    } finally {
      fresh.values().forEach(keys::retire);
    }
  }

  /** A movement has ended. */
  void ended(Movement movement) {
    synchronized (this) {
      if (movement.state() == State.ROLLED_BACK) {
        rejected.add(movement.toCandidate().serviceId());
        if (movement.to().equals(commanded)) {
          commanded = commandedBefore;
        }
      }
      active = null;
    }
    refresh();
  }

  void announceStart(Movement movement) {
    system.tell(listener -> listener.changeStarted(movement));
  }

  void announceEnd(Movement movement) {
    movement
        .failure()
        .filter(failure -> !movement.asked()) // else whoever asked says it
        .ifPresent(failure ->
            LOG.log(
                System.Logger.Level.WARNING,
                "Memory system {0}: change of engine from {1} to {2} ended {3}: {4}",
                system.config().name(),
                movement.from(),
                movement.to(),
                movement.state(),
                failure));
    system.tell(listener -> listener.changeEnded(movement));
    system.reconsider();
  }

  // Failures

  @Override
  public void failed(KeySlot slot, String failure, @Nullable Keys used) {
    if (slot.fault() != null) {
      refresh();
      return;
    }
    String name = slot.use().name();
    String reason = "Engine %s failed: %s".formatted(name, failure);
    if (harmless(slot, reason, used)) {
      return;
    }
    engines.find(name).ifPresent(candidate -> distrusted.add(candidate.serviceId()));
    blame(name, reason);
  }

  /** Whether nothing depends on an engine that failed, or nothing any more. */
  private synchronized boolean harmless(KeySlot slot, String reason, @Nullable Keys used) {
    if (used != tags[slot.tag()].keys()) {
      return true; // the caller tries again with other keys; if those fail too, it will tell
    }
    Movement running = active;
    String name = slot.use().name();
    if (running == null || !running.to().equals(name) || running.from().equals(name)) {
      return false;
    }
    running.turnBack(reason);
    return running.state() == State.ROLLING_BACK && used != tags[slot.tag()].keys();
  }

  /** Stops all use of an engine's slots. */
  private void blame(String name, String reason) {
    for (KeySlot slot : keys.slotsOf(name)) {
      if (slot.fault() == null) {
        slot.setFault(reason);
      }
    }
    refresh();
  }

  /** Suspends and resumes tags as their slots have it. */
  private void refresh() {
    List<TagState> changed = keys.refresh();
    if (changed.isEmpty()) {
      return;
    }
    system.cache().handshake().revokeAll();
    system.cache().evictions().allowForStuck();
    for (TagState tag : changed) {
      String reason = tag.reason();
      if (reason == null) {
        system.tell(listener -> listener.resumed(tag.tag()));
      } else {
        if (tag == changed.getFirst()) {
          LOG.log(
              System.Logger.Level.WARNING,
              "Memory system {0}: {1} tags are suspended: {2}",
              system.config().name(),
              changed.size(),
              reason);
        }
        system.tell(listener -> listener.suspended(tag.tag(), reason));
      }
    }
  }

  /** Puts what has failed to work again, as far as its engine is there. */
  private void recoverAll(boolean evenDistrusted) {
    for (Candidate candidate : engines.all()) {
      if (evenDistrusted) {
        distrusted.remove(candidate.serviceId());
      }
      if (!distrusted.contains(candidate.serviceId())) {
        for (KeySlot slot : keys.slotsOf(candidate.name())) {
          if (slot.fault() != null) {
            renew(slot, candidate).ifPresent(slot::setFault);
          }
        }
      }
    }
    refresh();
  }

  /**
   * Gives a slot another engine under its old key, if that is the same cipher.
   *
   * @return empty if it was done; else why not
   */
  private Optional<String> renew(KeySlot slot, Candidate candidate) {
    String name = candidate.name();
    Duration limit = settings.get().engineLimit();
    try {
      EngineMaker.Made made = EngineMaker.make(candidate, slot.key(), limit);
      if (!Arrays.equals(made.fingerprint(), slot.fingerprint())) {
        EngineMaker.close(made.engine(), name, limit);
        return Optional.of(
            "Engine %s is another cipher than the one that wrote these pages".formatted(name));
      }
      MemoryEncryptionEngine former = slot.renew(made.engine());
      long end = System.nanoTime() + limit.toNanos();
      if (former != null && KeySlots.awaitSilence(List.of(slot), end) && slot.empty()) {
        EngineMaker.close(former, name, limit);
      }
      return Optional.empty();
    } catch (Bounded.Failure e) {
      return Optional.of("Engine %s failed: %s".formatted(name, e.text()));
    }
  }

  // By itself

  /**
   * Engines, ranks or settings have changed: resumes what can be resumed, and changes to the engine
   * that should be in use.
   */
  void reconsider() {
    synchronized (this) {
      if (closed || preparing || active != null) {
        return; // the end of the change under way asks again
      }
    }
    recoverAll(false);
    Candidate current = keys.engine();
    Optional<Candidate> there = engines.find(current.name());
    if (there.isPresent() && !engines.has(current)) {
      keys.setEngine(there.get());
    }
    try {
      if (keys.pagesToMove() > 0) {
        if (there.isEmpty() || keys.anyFault()) {
          return;
        }
        Movement ignored = begin(there.get(), false);
        return;
      }
      Optional<Candidate> desired = desired(current);
      if (desired.isPresent() && !desired.get().name().equals(current.name())) {
        Movement ignored = begin(desired.get(), false);
      }
    } catch (HypervisorException e) {
      if (isClosed()) {
        return;
      }
      LOG.log(
          System.Logger.Level.WARNING,
          "Memory system {0} stays as it is: {1}",
          system.config().name(),
          String.valueOf(e.getMessage()));
      synchronized (this) {
        desired(current).ifPresent(target -> rejected.add(target.serviceId()));
      }
    }
  }

  /** The engine that should be in use, if that is to be changed without a command. */
  private synchronized Optional<Candidate> desired(Candidate current) {
    boolean bound = keys.slotsOf(current.name()).stream().anyMatch(slot -> slot.fault() != null);
    if (bound) {
      return Optional.empty(); // nothing can be carried over from an engine that does not work
    }
    Optional<String> named =
        Optional.ofNullable(commanded)
            .or(() -> system.config().engine())
            .or(() -> settings.get().engine());
    Optional<Candidate> byName = named.flatMap(engines::find);
    Optional<Candidate> chosen =
        byName.isPresent()
            ? byName
            : named.isPresent() && engines.has(current)
                ? Optional.empty()
                : engines.all().stream().filter(c -> c.fitsAfter(current)).findFirst();
    return chosen.filter(c -> !rejected.contains(c.serviceId()));
  }

  /** The settings have another engine by name: they win over an older command. */
  synchronized void forgetCommand() {
    commanded = null;
    rejected.clear();
  }

  /**
   * An engine's service goes: carries its pages over before returning, or suspends their guests.
   *
   * @param gone it is not among the engines any more, but can still be called
   */
  void gone(Candidate gone) {
    long end = System.nanoTime() + settings.get().carryLimit().toNanos();
    synchronized (this) {
      rejected.remove(gone.serviceId());
    }
    distrusted.remove(gone.serviceId());
    Movement running = active;
    if (running != null && running.to().equals(gone.name())) {
      running.turnBack("Engine %s has gone".formatted(gone.name()));
    }
    awaitIdle(end);
    Optional<Candidate> twin = engines.find(gone.name());
    if (twin.isPresent()) {
      if (keys.engine().serviceId() == gone.serviceId()) {
        keys.setEngine(twin.get());
      }
      for (KeySlot slot : keys.slotsOf(gone.name())) {
        renew(slot, twin.get()).ifPresent(slot::setFault);
      }
      refresh();
      return;
    }
    String why = "";
    boolean works = keys.slotsOf(gone.name()).stream().allMatch(slot -> slot.fault() == null);
    if (works && keys.engine().serviceId() == gone.serviceId()) {
      why = carryOver(gone, end);
    }
    if (!keys.slotsOf(gone.name()).isEmpty()) {
      String reason =
          "Engine %s has gone and its pages with it%s: start a bundle that provides %s"
              .formatted(gone.name(), why, gone.name());
      blame(gone.name(), reason);
      running = active;
      if (running != null) {
        running.suspend(reason);
      }
      awaitSilence(gone.name());
    }
  }

  /** Waits until no change is under way. */
  private void awaitIdle(long end) {
    for (int attempt = 0; System.nanoTime() - end < 0; attempt++) {
      synchronized (this) {
        if (active == null && !preparing) {
          return;
        }
      }
      Backoff.pause(attempt);
    }
  }

  /**
   * {@link #begin} that lets a change which another thread has begun end first, within the limit.
   */
  private Movement beginWhenIdle(Candidate target, long end) throws HypervisorException {
    while (true) {
      try {
        return begin(target, false);
      } catch (BusyException e) {
        if (System.nanoTime() - end >= 0) {
          throw e;
        }
        awaitIdle(end);
      }
    }
  }

  /** Another change of engine is under way, or about to be. */
  private static final class BusyException extends HypervisorException {
    private static final long serialVersionUID = 1L;

    BusyException(String message) {
      super(message);
    }
  }

  /** Tries the others, best first; returns what to add to the sentence that says it failed. */
  private String carryOver(Candidate gone, long end) {
    String why = "";
    for (Candidate next : engines.all()) {
      if (!next.fitsAfter(gone)) {
        continue;
      }
      try {
        Movement movement = beginWhenIdle(next, end);
        if (!movement.awaitQuietly((end - System.nanoTime()) / 2)) {
          movement.hurry();
        }
        if (!movement.awaitQuietly(end - System.nanoTime())) {
          return " (carrying them over to %s takes too long)".formatted(next.name());
        }
        if (movement.state() == State.DONE) {
          return "";
        }
        why = " (%s)".formatted(movement.failure().orElse("the change failed"));
      } catch (HypervisorException e) {
        why = " (%s)".formatted(e.getMessage());
      }
    }
    return why;
  }

  /** Waits until nobody is inside an engine, within the limit for one call. */
  private void awaitSilence(String name) {
    long end = System.nanoTime() + settings.get().engineLimit().toNanos();
    boolean ignored = KeySlots.awaitSilence(keys.slotsOf(name), end);
  }

  /** The host's key may just have been replaced: forgets the former, or moves its pages. */
  void tidy() {
    synchronized (this) {
      if (active != null || preparing) {
        return;
      }
    }
    if (keys.nothingToMove()) {
      keys.retireOldSlots();
    } else {
      system.reconsider();
    }
  }

  /** Looks for calls that do not come back. */
  void watch(int limitTicks) {
    for (Lane lane : system.cache().lanes().all()) {
      KeySlot slot = lane.slot;
      if (lane.tick() >= limitTicks && slot != null && lane.abandon()) {
        Runnable after = lane.onAbandoned;
        Keys used = lane.keys;
        system.cache().takeOver(lane);
        failed(
            slot,
            "a call takes more than %d ms".formatted(settings.get().engineLimit().toMillis()),
            used);
        if (after != null) {
          after.run();
        }
        lane.interruptThread();
      }
    }
  }

  void close() {
    synchronized (this) {
      closed = true;
    }
    for (int attempt = 0; attempt < 20_000 && isPreparing(); attempt++) {
      Backoff.pause(attempt);
    }
    Movement running = active;
    if (running != null) {
      running.abort();
    }
  }
}
