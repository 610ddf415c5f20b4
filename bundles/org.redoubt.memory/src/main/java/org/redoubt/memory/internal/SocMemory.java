package org.redoubt.memory.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.EngineChange;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryClient;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemoryListener;
import org.redoubt.api.memory.MemoryPort;
import org.redoubt.api.memory.MemoryStats;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageInfo;
import org.redoubt.api.memory.PageTag;

/** One SoC's memory: puts the parts together. */
final class SocMemory implements MemorySystem {
  /** Fewer pages that a change of engine would need are not worth preparing: 16 MiB. */
  private static final long MIN_RESERVE = 4096;

  /** Large pages of the host prepared in one go: with four goes a second, 64 MiB/s. */
  private static final int RESERVE_BLOCKS = 8;

  private final MemoryConfig config;
  private final Arena arena;
  private final Dram dram;
  private final Book book;
  private final Pool pool;
  private final Slots slots = new Slots();
  private final Lanes lanes;
  private final Counters counters = new Counters();
  private final TagState[] tags;
  private final View[] views;
  private final Handshake handshake;
  private final SocCache cache;
  private final Discards discards;
  private final KeySlots keys;
  private final Changes changes;
  private final CopyOnWriteArrayList<MemoryListener> listeners = new CopyOnWriteArrayList<>();
  private final Surroundings around;

  /** Of the change under way, or of the last or the next one. */
  private @Nullable Undo undo;

  private final Object undoLock = new Object();
  private boolean closed;

  private SocMemory(
      MemoryConfig config, Candidate engine, Surroundings around, Arena arena, Dram dram)
      throws HypervisorException {
    this.config = config;
    this.arena = arena;
    this.dram = dram;
    this.around = around;
    book = new Book(dram.pages(), arena);
    Frames frames = new Frames(dram.pages(), arena);
    pool = new Pool(limit(around.settings().get().socCacheBytes().orElse(config.socCacheBytes())));
    lanes = new Lanes(arena);
    handshake = new Handshake(frames, counters);
    tags = new TagState[config.asids() + 1];
    for (int tag = 0; tag < tags.length; tag++) {
      tags[tag] = new TagState(tag);
    }
    keys =
        new KeySlots(
            config.name(), engine, around.engines(), around.settings(), slots, lanes, tags);
    changes = new Changes(this, keys, around.engines(), around.settings(), tags);
    cache =
        new SocCache(dram, book, frames, pool, slots, lanes, handshake, counters, tags, changes);
    discards = new Discards(cache, tags);
    views = new View[tags.length];
    for (int tag = 0; tag < tags.length; tag++) {
      views[tag] = new View(cache, tags[tag]);
    }
    keys.openHost(config.hostEncryption());
  }

  @SuppressWarnings("MustBeClosed") // the arena lives as long as the system
  static SocMemory create(MemoryConfig config, Candidate engine, Surroundings around)
      throws HypervisorException {
    Arena arena = Arena.ofShared();
    Dram dram = null;
    boolean done = false;
    try {
      dram = Dram.open(config.addressMap(), config.dramFile(), arena);
      SocMemory system = new SocMemory(config, engine, around, arena, dram);
      done = true;
      return system;
    } finally {
      if (!done) {
        arena.close();
        if (dram != null) {
          dram.close();
        }
      }
    }
  }

  private int limit(long bytes) {
    return (int) Math.min(bytes >>> Dram.PAGE_SHIFT, Math.max(dram.pages(), 1));
  }

  SocCache cache() {
    return cache;
  }

  @Override
  public MemoryConfig config() {
    return config;
  }

  @Override
  public MemoryView view(int tag) {
    return views[cache.tag(tag).tag()];
  }

  @Override
  public MemoryPort attach(MemoryClient client) {
    requireOpen();
    return handshake.attach(cache, client);
  }

  private void requireOpen() {
    if (tags[PageTag.SHARED].status() == TagState.CLOSED) {
      throw new IllegalStateException("The memory system %s is closed".formatted(config.name()));
    }
  }

  // Key slots

  @Override
  public void setKeyInstaller(Optional<KeyInstaller> installer) {
    keys.setInstaller(installer);
    changes.tidy();
  }

  @Override
  public KeyStatus activate(int asid) {
    requireOpen();
    return keys.activate(asid);
  }

  @Override
  public Optional<String> refusal(int asid) {
    return asid < 1 || asid >= tags.length
        ? Optional.empty()
        : Optional.ofNullable(tags[asid].refusal());
  }

  @Override
  public void deactivate(int asid) {
    requireOpen();
    if (asid > 0 && keys.deactivate(cache.tag(asid))) {
      handshake.revokeAll();
    }
  }

  @Override
  public boolean wbinvdRequired() {
    return !keys.at(TagState.Stage.NEEDS_WBINVD).isEmpty();
  }

  @Override
  public boolean isActive(int asid) {
    return asid > 0 && asid < tags.length && keys.isLive(tags[asid]);
  }

  // Flushing

  @Override
  public void wbinvd() {
    requireOpen();
    List<TagState> waiting = keys.at(TagState.Stage.NEEDS_WBINVD);
    cache.flushes().flushAll(true, tag -> true, WriteBack.NONE);
    keys.advance(waiting, TagState.Stage.NEEDS_WBINVD, TagState.Stage.NEEDS_DFFLUSH);
  }

  @Override
  public void wbinvd(int asid) {
    requireOpen();
    int own = cache.tag(asid).tag();
    cache.flushes().flushAll(false, tag -> tag == own || tag == PageTag.SHARED, own);
  }

  @Override
  public void clflush(long spa, long bytes) {
    requireOpen();
    if (bytes <= 0) {
      throw new IndexOutOfBoundsException("A length of %d bytes is not positive".formatted(bytes));
    }
    long first = dram.page(spa, bytes);
    long last = dram.page(spa + bytes - 1, 1);
    for (long page = first; page <= last; page++) {
      cache.flushes().flush(page);
    }
  }

  @Override
  public void flush() {
    requireOpen();
    cache.flushes().flushAll(false, tag -> true, WriteBack.NONE);
  }

  @Override
  public void dfFlush() {
    requireOpen();
    keys.dfFlush();
  }

  @Override
  public long discard(long spa, long bytes) {
    requireOpen();
    long first = dram.page(spa, bytes);
    if (((spa | bytes) & (Dram.PAGE_BYTES - 1)) != 0) {
      throw new IllegalArgumentException(
          "%d bytes at %xh are not whole pages".formatted(bytes, spa));
    }
    if (!dram.discardable() || changes.active() != null) {
      return 0;
    }
    Port own = handshake.runningHere();
    if (own != null) {
      own.park();
    }
    try {
      return discards.discard(first, first + (bytes >>> Dram.PAGE_SHIFT)) << Dram.PAGE_SHIFT;
    } finally {
      if (own != null) {
        own.resume();
      }
    }
  }

  // Engine

  @Override
  public String engine() {
    return keys.engine().name();
  }

  @Override
  public EngineChange changeEngine(String engineName) throws HypervisorException {
    requireOpen();
    return changes.command(engineName);
  }

  @Override
  public Optional<EngineChange> change() {
    return Optional.ofNullable(changes.active());
  }

  @Override
  public Optional<String> suspension(int tag) {
    TagState state = cache.tag(tag);
    return state.status() == TagState.SUSPENDED
        ? Optional.ofNullable(state.reason())
        : Optional.empty();
  }

  // Watching

  @Override
  public MemoryStats stats() {
    requireOpen();
    long[] census = cache.census();
    long privatePages = 0;
    Map<String, Long> carried = new LinkedHashMap<>();
    for (KeySlot slot : slots.all()) {
      if (!slot.plain()) {
        carried.merge(slot.use().name(), slot.pages(), Long::sum);
        privatePages += slot.tag() == PageTag.SHARED ? 0 : slot.pages();
      }
    }
    List<MemoryStats.EngineStats> engines = new ArrayList<>();
    for (EngineUse use : keys.uses()) {
      engines.add(
          new MemoryStats.EngineStats(
              use.name(),
              use.name().equals(engine()),
              carried.getOrDefault(use.name(), 0L),
              lanes.sum(use.cell() + EngineUse.ENCRYPTED_BYTES),
              lanes.sum(use.cell() + EngineUse.DECRYPTED_BYTES),
              lanes.sum(use.cell() + EngineUse.CIPHER_NS)));
    }
    return new MemoryStats(
        cache.capacity(),
        census[0],
        census[1],
        privatePages,
        lanes.sum(Counters.FILLS),
        lanes.sum(Counters.EVICTIONS),
        lanes.sum(Counters.WRITE_BACKS),
        counters.tagSwitches.sum(),
        counters.safepointWaits.sum(),
        engines);
  }

  @Override
  public PageInfo pageInfo(long spa) {
    requireOpen();
    long page = dram.page(spa, 1);
    KeySlot writer = slots.get(book.writer(page));
    int tag = writer == null ? PageTag.SHARED : writer.tag();
    boolean resident = false;
    boolean dirty = false;
    int frame = book.frame(page);
    if (frame > 0) {
      long state = cache.frames().state(frame);
      if ((state & Frames.VALID) != 0 && Frames.page(state) == page) {
        resident = true;
        dirty = (state & Frames.DIRTY) != 0;
        // Who only looks at a page does not make it theirs.
        tag = dirty || writer == null ? Frames.tag(state) : tag;
      }
    }
    return new PageInfo(tag, resident, dirty, writer != null || dirty);
  }

  @Override
  public void probe(long spa, MemorySegment target) {
    requireOpen();
    long bytes = target.byteSize();
    dram.page(spa, bytes);
    long done = 0;
    while (done < bytes) {
      long offset = (spa + done) & (Dram.PAGE_BYTES - 1);
      long run = Math.min(Dram.PAGE_BYTES - offset, bytes - done);
      MemorySegment page = dram.page(dram.page(spa + done, 1));
      MemorySegment.copy(page, offset, target, done, run);
      done += run;
    }
  }

  @Override
  public void addListener(MemoryListener listener) {
    listeners.add(listener);
  }

  @Override
  public void removeListener(MemoryListener listener) {
    listeners.remove(listener);
  }

  /** Takes another capacity at once. */
  void resize(long bytes) {
    if (limit(bytes) != cache.capacity()) {
      cache.evictions().resize(limit(bytes));
    }
  }

  Changes changes() {
    return changes;
  }

  /** Room for what a change of engine replaces, if the host has it to spare. */
  @Nullable Undo openUndo() {
    if (!around.settings().get().keepForRollback()) {
      return null;
    }
    synchronized (undoLock) {
      Undo opened = Undo.open(dram.pages(), carriedPages(), undo).orElse(null);
      undo = opened == null ? undo : opened;
      return opened;
    }
  }

  /** Pages of DRAM that engines in use have written. */
  long carriedPages() {
    long pages = 0;
    for (KeySlot slot : slots.all()) {
      pages += slot.plain() || slot.dead() ? 0 : slot.pages();
    }
    return pages;
  }

  private long placesToReserve() {
    return carriedPages() - pool.taken();
  }

  /** Whether a change of engine may come for which much would have to be kept. */
  boolean wantsReserve() {
    return placesToReserve() >= MIN_RESERVE
        && around.settings().get().keepForRollback()
        && around.engines().all().size() >= 2
        && changes.active() == null;
  }

  /**
   * Called a few times a second by one thread, once the JIT is at rest: gets some of the memory
   * ready that a change of engine would need, for pages beyond what the cache holds. Fresh memory
   * is by far the most that a first change waits for; then comes what the JIT has not compiled.
   *
   * @return whether there is more to do
   */
  boolean reserve() throws HypervisorException {
    if (!wantsReserve()) {
      return false;
    }
    long places = placesToReserve();
    Undo ready;
    synchronized (undoLock) {
      if (undo == null) {
        undo = Undo.openIdle(dram.pages(), places).orElse(null);
      }
      ready = undo;
    }
    for (int block = 0; ready != null && block < RESERVE_BLOCKS; block++) {
      if (!ready.reserve(places)) {
        Rehearsal.once();
        return false;
      }
    }
    return ready != null;
  }

  int vcpus() {
    return around.vcpus();
  }

  /** Has the right engine determined again, soon and on a thread of its own. */
  void reconsider() {
    around.background(changes::reconsider);
  }

  /** Tells listeners something, in order, on a thread that holds nothing of the system. */
  void tell(Consumer<MemoryListener> message) {
    around.background(() -> listeners.forEach(message));
  }

  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      if (handshake.count() > 0) {
        throw new IllegalStateException(
            "bug: %d ports of memory system %s are open"
                .formatted(handshake.count(), config.name()));
      }
      closed = true;
    }
    changes.close();
    cache.flushes().flushAll(true, tag -> true, WriteBack.NONE);
    keys.close();
    cache.close();
    synchronized (undoLock) {
      if (undo != null) {
        undo.release();
      }
    }
    around.forget(this);
    arena.close();
    dram.close();
  }

  @Override
  public String toString() {
    return "memory system " + config.name();
  }
}
