package org.redoubt.memory.internal;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;

/**
 * Makes memory systems, keeps the list of them, and passes on to them what happens to engines and
 * settings. It knows no OSGi, and after creation its threads call no service registry.
 */
final class MemoryFactory implements Surroundings, AutoCloseable {
  private static final System.Logger LOG = System.getLogger("org.redoubt.memory");
  private static final int WATCH_TICKS = 8;
  private static final int RESERVE_PERIOD_MS = 250;

  private final Engines engines = new Engines();
  private final CopyOnWriteArrayList<SocMemory> systems = new CopyOnWriteArrayList<>();
  private final ExecutorService background =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("redoubt memory").factory());
  private final Thread watchdog;
  private final Thread reserver;
  private volatile Settings settings;
  private volatile boolean closed;

  MemoryFactory(Settings settings) {
    this.settings = settings;
    watchdog = Thread.ofPlatform().daemon().name("redoubt engine watchdog").unstarted(this::watch);
    watchdog.start();
    reserver = Thread.ofPlatform().daemon().name("redoubt memory reserve").unstarted(this::reserve);
    reserver.start();
  }

  // Systems

  synchronized MemorySystem create(MemoryConfig config) throws HypervisorException {
    for (SocMemory system : systems) {
      if (system.config().name().equals(config.name())) {
        throw new HypervisorException(
            "A memory system named %s is there already".formatted(config.name()));
      }
    }
    Candidate engine =
        engines.choose(config.engine().isPresent() ? config.engine() : namedAndThere());
    SocMemory system = SocMemory.create(config, engine, this);
    systems.add(system);
    return system;
  }

  private void warnIfMissing(Optional<String> configured) {
    if (configured.isEmpty()) {
      return;
    }
    try {
      Candidate ignored = engines.choose(configured);
    } catch (HypervisorException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "org.redoubt.memory: engine={0} waits for a bundle that provides it: {1}",
          configured.get(),
          String.valueOf(e.getMessage()));
    }
  }

  /** The configured engine; an unknown one is no reason to make no memory system. */
  private Optional<String> namedAndThere() {
    warnIfMissing(settings.engine());
    return settings.engine().filter(name -> engines.find(name).isPresent());
  }

  List<MemorySystem> systems() {
    return List.copyOf(systems);
  }

  @Override
  public Engines engines() {
    return engines;
  }

  @Override
  public Supplier<Settings> settings() {
    return () -> settings;
  }

  @Override
  public int vcpus() {
    return systems.stream().mapToInt(system -> system.cache().handshake().count()).sum();
  }

  @Override
  public void background(Runnable task) {
    try {
      background.execute(() -> {
        try {
          task.run();
        } catch (RuntimeException e) {
          LOG.log(System.Logger.Level.WARNING, "A task of the memory system threw", e);
        }
      });
    } catch (RejectedExecutionException e) {
      // Closed: nobody changes engines or listens any more.
    }
  }

  @Override
  public void forget(SocMemory system) {
    systems.remove(system);
  }

  // Engines

  /** An engine has come, or has another rank or name. */
  void engineCame(String name, MemoryEncryptionEngineFactory factory, int rank, long serviceId) {
    int keyBytes = EngineMaker.keyBytes(name, factory, settings.engineLimit());
    engines.remove(serviceId);
    engines.add(new Candidate(name, factory, keyBytes, rank, serviceId));
    systems.forEach(SocMemory::reconsider);
  }

  /**
   * An engine goes; it can be called until this returns.
   *
   * @param carry whether its pages are to be carried over: not when everything stops
   */
  void engineGoes(long serviceId, boolean carry) {
    Optional<Candidate> gone = engines.byId(serviceId);
    engines.remove(serviceId);
    if (carry && gone.isPresent()) {
      for (SocMemory system : systems) {
        system.changes().gone(gone.get());
        system.reconsider();
      }
    }
  }

  // Settings

  /** Takes other settings, with effect on all systems at once. */
  void configure(Settings now) {
    Settings before = settings;
    settings = now;
    if (!before.engine().equals(now.engine())) {
      warnIfMissing(now.engine());
    }
    for (SocMemory system : systems) {
      if (!before.engine().equals(now.engine())) {
        system.changes().forgetCommand();
      }
      system.resize(now.socCacheBytes().orElse(system.config().socCacheBytes()));
      system.reconsider();
    }
  }

  // Watchdog

  @SuppressWarnings("BusyWait") // it is a clock
  private void watch() {
    while (!closed) {
      try {
        Thread.sleep(settings.engineLimit().dividedBy(WATCH_TICKS));
      } catch (InterruptedException e) {
        return;
      }
      for (SocMemory system : systems) {
        try {
          system.changes().watch(WATCH_TICKS);
        } catch (RuntimeException e) {
          LOG.log(System.Logger.Level.WARNING, "The engine watchdog threw", e);
        }
      }
    }
  }

  @SuppressWarnings("BusyWait") // it is a clock
  private void reserve() {
    JitRest jit = new JitRest();
    while (!closed) {
      try {
        Thread.sleep(RESERVE_PERIOD_MS);
      } catch (InterruptedException e) {
        return;
      }
      if (systems.stream().noneMatch(SocMemory::wantsReserve) || !jit.atRest(System.nanoTime())) {
        continue;
      }
      for (SocMemory system : systems) {
        try {
          boolean ignored = system.reserve();
        } catch (HypervisorException | RuntimeException e) {
          LOG.log(System.Logger.Level.WARNING, "Preparing a change of engine failed", e);
        }
      }
    }
  }

  /** Ends the threads. Systems go on as they are, until their owners close them. */
  @Override
  public void close() {
    closed = true;
    watchdog.interrupt();
    reserver.interrupt();
    background.shutdown();
  }
}
