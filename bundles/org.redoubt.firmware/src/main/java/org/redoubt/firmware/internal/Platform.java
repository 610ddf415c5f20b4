package org.redoubt.firmware.internal;

import java.lang.foreign.MemorySegment;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.firmware.PlatformInfo;
import org.redoubt.api.memory.KeyInstaller;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.PageTag;
import org.redoubt.crypto.Leftovers;
import org.redoubt.firmware.internal.keys.Chip;
import org.redoubt.firmware.internal.keys.GuestKeys;
import org.redoubt.firmware.internal.keys.HostKey;
import org.redoubt.firmware.internal.keys.PlatformKeys;
import org.redoubt.firmware.internal.keys.Store;
import org.redoubt.spec.sev.FirmwareStatus;
import org.redoubt.spec.sev.GuestPolicy;
import org.redoubt.spec.sev.GuestState;
import org.redoubt.spec.sev.PlatformState;

/**
 * Everything the firmware knows: the platform's state machine, its keys, its guests and who owns
 * which ASID. Commands change it under the dispatcher's lock. Keys are handed to the memory system
 * from any thread, by {@link #install}.
 */
public final class Platform implements KeyInstaller, AutoCloseable {
  /** Security version of this firmware: images below it are refused. */
  public static final int SVN = 1;

  /** Guests the firmware has room for, active or not. */
  public static final int MAX_GUESTS = 1024;

  private final MemorySystem memory;
  private final Chip chip;
  private final SecureRandom random;
  private volatile @Nullable SecureRandom guestRandom;
  private final HostKey hostKey;
  private final EngineChangeGate gate;
  private final Version version;
  private final Updater updater;
  private final Map<Integer, Guest> guests = new TreeMap<>();
  private final Map<Integer, Active> active = new ConcurrentHashMap<>();
  private boolean initialized;
  private boolean encryptedState;
  private @Nullable PlatformKeys keys;
  private Store store;
  private int lastHandle;
  private byte[] room = {};
  private byte[][] ring = {};

  /** Asked before a live guest gets a key for another engine. */
  @FunctionalInterface
  public interface EngineChangeGate {
    /** Empty to allow. */
    Optional<String> refuse(Guest guest, String engineName);
  }

  /** Has another firmware take over (DOWNLOAD_FIRMWARE). */
  public interface Updater {
    /** Whether a firmware of this name is installed. */
    boolean knows(String firmwareName);

    /**
     * Starts it; it owns memory and state folder from then on.
     *
     * @throws HypervisorException if it cannot be started; this one carries on
     */
    void switchTo(String firmwareName) throws HypervisorException;
  }

  /** A guest with an ASID, and the engine that its key was last made for. */
  private static final class Active {
    private final Guest guest;
    private volatile @Nullable String engine;

    Active(Guest guest) {
      this.guest = guest;
    }
  }

  /** A platform in state UNINIT; takes {@code chip} over and becomes the memory's key installer. */
  public Platform(
      MemorySystem memory,
      Chip chip,
      SecureRandom random,
      EngineChangeGate gate,
      Version version,
      Updater updater) {
    this.memory = memory;
    this.chip = chip;
    this.random = random;
    this.gate = gate;
    this.version = version;
    this.updater = updater;
    this.store = chip.ownStore();
    this.hostKey = new HostKey(random);
    memory.setKeyInstaller(Optional.of(this));
  }

  public MemorySystem memory() {
    return memory;
  }

  public Chip chip() {
    return chip;
  }

  public SecureRandom random() {
    return random;
  }

  /** Where the seeds of guests' memory keys come from. */
  public SecureRandom guestRandom() {
    SecureRandom seeded = guestRandom;
    return seeded == null ? random : seeded;
  }

  /** Another source of guests' memory keys; null for that of all other keys. */
  public void setGuestRandom(@Nullable SecureRandom source) {
    guestRandom = source;
  }

  /** The version for certificates. */
  public PlatformKeys.Api api() {
    return new PlatformKeys.Api(version.apiMajor(), version.apiMinor());
  }

  /** Which firmware this is. */
  public Version version() {
    return version;
  }

  /** How another firmware takes over. */
  public Updater updater() {
    return updater;
  }

  /** Where the platform's state is kept: the chip's own memory, or since INIT_EX the host's. */
  public Store store() {
    return store;
  }

  public PlatformState state() {
    return !initialized
        ? PlatformState.UNINIT
        : guests.isEmpty() ? PlatformState.INIT : PlatformState.WORKING;
  }

  /** Whether SEV-ES was initialized. */
  public boolean encryptedState() {
    return encryptedState;
  }

  /** UNINIT to INIT; takes the keys over, which are kept in {@code platformStore}. */
  public void initialize(PlatformKeys platformKeys, Store platformStore, boolean es) {
    keys = platformKeys;
    store = platformStore;
    encryptedState = es;
    initialized = true;
  }

  /** The platform's keys; it is initialized. */
  public PlatformKeys keys() {
    PlatformKeys k = keys;
    if (k == null) {
      throw new IllegalStateException("Bug: the platform is not initialized");
    }
    return k;
  }

  /** The platform's keys, if it is initialized. */
  public Optional<PlatformKeys> keysIfInitialized() {
    return Optional.ofNullable(keys);
  }

  /** Replaces the platform's keys and clears the former. */
  public void replaceKeys(PlatformKeys next) {
    keys().close();
    keys = next;
  }

  /** To UNINIT: takes every ASID out of use and clears all keys but the chip's. */
  public void shutDown() {
    for (Guest g : List.copyOf(guests.values())) {
      deactivate(g);
      remove(g);
    }
    keysIfInitialized().ifPresent(PlatformKeys::close);
    keys = null;
    encryptedState = false;
    initialized = false;
  }

  // Guests

  public Optional<Guest> guest(int handle) {
    return Optional.ofNullable(guests.get(handle));
  }

  public int guestCount() {
    return guests.size();
  }

  /** Whether another guest fits. */
  public boolean hasRoom() {
    return guests.size() < MAX_GUESTS;
  }

  /**
   * A new guest in state {@code state} under a handle that no guest had before (until handles
   * wrap).
   */
  public Guest add(GuestPolicy policy, GuestKeys guestKeys, GuestState state) {
    do {
      lastHandle = lastHandle == Integer.MAX_VALUE ? 1 : lastHandle + 1;
    } while (guests.containsKey(lastHandle));
    Guest g = new Guest(lastHandle, policy, guestKeys, state);
    guests.put(lastHandle, g);
    return g;
  }

  /** Forgets a guest that has no ASID, and clears its keys. */
  public void remove(Guest guest) {
    guests.remove(guest.handle());
    guest.keys().close();
  }

  // ASIDs

  /** The highest ASID there is. */
  public int maxAsid() {
    return memory.config().asids();
  }

  public Optional<Guest> owner(int asid) {
    return Optional.ofNullable(active.get(asid)).map(a -> a.guest);
  }

  /**
   * Gives a guest an ASID that nobody owns and installs its key. Nothing changes unless the status
   * is SUCCESS.
   */
  public Optional<Refusal> activate(Guest guest, int asid) {
    active.put(asid, new Active(guest));
    KeyStatus status = KeyStatus.NO_KEY;
    try {
      status = memory.activate(asid);
    } finally {
      if (status != KeyStatus.INSTALLED) {
        active.remove(asid);
      }
    }
    Optional<Refusal> refusal =
        switch (status) {
          case INSTALLED -> Optional.empty();
          case INVALID_ASID ->
              Optional.of(
                  Refusal.of(
                      FirmwareStatus.INVALID_ASID,
                      "ASID: expected 1 to %d, found %d",
                      maxAsid(),
                      asid));
          case ASID_LIVE ->
              Optional.of(
                  Refusal.of(
                      FirmwareStatus.ASID_OWNED,
                      "ASID: expected a free one, found %d in use",
                      asid));
          case WBINVD_REQUIRED ->
              Optional.of(
                  Refusal.of(
                      FirmwareStatus.WBINVD_REQUIRED,
                      "ASID %d: expected WBINVD since its last DEACTIVATE, found none",
                      asid));
          case DFFLUSH_REQUIRED ->
              Optional.of(
                  Refusal.of(
                      FirmwareStatus.DFFLUSH_REQUIRED,
                      "ASID %d: expected DF_FLUSH since its last DEACTIVATE, found none",
                      asid));
          case NO_KEY ->
              Optional.of(
                  Refusal.of(
                      FirmwareStatus.HWERROR_PLATFORM,
                      "ASID %d: the memory system did not take the key: %s",
                      asid,
                      memory.refusal(asid).orElse("no reason given")));
        };
    if (refusal.isEmpty()) {
      guest.setAsid(asid);
    }
    return refusal;
  }

  /** Takes a guest's ASID away, if it has one. */
  public void deactivate(Guest guest) {
    int asid = guest.asid();
    if (asid != 0) {
      guest.setAsid(0);
      memory.deactivate(asid);
      active.remove(asid);
    }
  }

  @Override
  public Optional<String> install(int asid, String engineName, MemorySegment key) {
    try {
      return derive(asid, engineName, key);
    } finally {
      Leftovers.clear(Leftovers.OF_A_COMMAND); // the caller's thread may be anybody's
    }
  }

  private Optional<String> derive(int asid, String engineName, MemorySegment key) {
    if (asid == PageTag.SHARED) {
      hostKey.memoryKey(engineName, key);
      return Optional.empty();
    }
    Active a = active.get(asid);
    if (a == null) {
      return Optional.of("No guest owns ASID %d.".formatted(asid));
    }
    String before = a.engine;
    if (before != null && !before.equals(engineName)) {
      Optional<String> refused = gate.refuse(a.guest, engineName);
      if (refused.isPresent()) {
        return refused;
      }
    }
    a.guest.keys().memoryKey(engineName, key);
    a.engine = engineName;
    return Optional.empty();
  }

  /**
   * Room for at least {@code bytes}: the command's until it ends, which leaves nothing secret in
   * it. Fresh arrays of this size would cost as much time as AES.
   */
  public byte[] room(int bytes) {
    if (room.length < bytes) {
      room = new byte[bytes];
    }
    return room;
  }

  /** A ring of buffers between two threads of a command; as {@link #room}. */
  public byte[][] ring() {
    if (ring.length == 0) {
      ring = new byte[TwoThreads.RING][TwoThreads.PIECE_BYTES];
    }
    return ring;
  }

  /** A picture for people. */
  public PlatformInfo info() {
    return new PlatformInfo(
        version.apiMajor(),
        version.apiMinor(),
        version.build(),
        state(),
        keysIfInitialized().map(PlatformKeys::owned).orElse(false),
        encryptedState,
        guests.values().stream()
            .map(g -> new PlatformInfo.Guest(g.handle(), g.policy(), g.asid(), g.state()))
            .toList());
  }

  /** Clears every key. */
  @Override
  public void close() {
    memory.setKeyInstaller(Optional.empty());
    retire();
  }

  /** As {@link #close}, and leaves the memory to whoever is its key installer now. */
  public void retire() {
    shutDown();
    hostKey.close();
    chip.close();
    Leftovers.clear(Leftovers.OF_A_COMMAND);
  }
}
