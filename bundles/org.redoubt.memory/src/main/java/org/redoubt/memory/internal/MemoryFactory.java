package org.redoubt.memory.internal;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;

/** Makes memory systems and keeps the list of them; knows engines, but no OSGi. */
final class MemoryFactory {
  private final Engines engines;
  private final Supplier<Settings> settings;
  private final CopyOnWriteArrayList<SocMemory> systems = new CopyOnWriteArrayList<>();

  MemoryFactory(Engines engines, Supplier<Settings> settings) {
    this.engines = engines;
    this.settings = settings;
  }

  synchronized MemorySystem create(MemoryConfig config) throws HypervisorException {
    for (SocMemory system : systems) {
      if (system.config().name().equals(config.name())) {
        throw new HypervisorException(
            "A memory system named %s is there already".formatted(config.name()));
      }
    }
    Candidate engine =
        engines.choose(config.engine().isPresent() ? config.engine() : settings.get().engine());
    SocMemory system = SocMemory.create(config, engine, settings, systems::remove);
    systems.add(system);
    return system;
  }

  List<MemorySystem> systems() {
    return List.copyOf(systems);
  }
}
