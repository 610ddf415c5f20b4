package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.osgi.util.tracker.ServiceTracker;
import org.osgi.util.tracker.ServiceTrackerCustomizer;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;

/** The service: follows engines as they come and go, and the configuration. */
@Component(
    configurationPid = "org.redoubt.memory",
    property = MemorySystemFactory.MEMORY_NAME + "=soc")
@Designate(ocd = MemoryComponent.Configuration.class)
public final class MemoryComponent implements MemorySystemFactory {
  /** Settings of all memory systems, effective at once. */
  @ObjectClassDefinition(
      name = "Redoubt memory",
      description = "Engine and SoC cache of all memory systems; effective at once")
  @interface Configuration {
    @AttributeDefinition(
        description = "Engine by name, for systems made without one; empty: the highest-ranked")
    String engine() default "";

    @AttributeDefinition(
        description = "SoC cache of every system in bytes, a multiple of 4096; 0: as it was made")
    long socCacheBytes() default 0;

    @AttributeDefinition(description = "How long one call of an engine may take, in ms")
    long engineLimitMs() default 2000;

    @AttributeDefinition(
        description = "How long pages are carried over while an engine's bundle stops, in ms")
    long carryLimitMs() default 20000;
  }

  private final Engines engines = new Engines();
  private final MemoryFactory factory;
  private final ServiceTracker<MemoryEncryptionEngineFactory, MemoryEncryptionEngineFactory>
      tracker;
  private volatile Settings settings = Settings.DEFAULT;

  @Activate
  public MemoryComponent(BundleContext context, Configuration configuration) {
    settings = read(configuration);
    factory = new MemoryFactory(engines, () -> settings);
    tracker =
        new ServiceTracker<>(
            context, MemoryEncryptionEngineFactory.class, new EngineFollower(context));
    tracker.open();
  }

  @Deactivate
  void deactivate() {
    tracker.close();
  }

  @Modified
  void modified(Configuration configuration) {
    settings = read(configuration);
  }

  private static Settings read(Configuration configuration) {
    return new Settings(
        Optional.of(configuration.engine().strip()).filter(name -> !name.isEmpty()),
        configuration.socCacheBytes() == 0
            ? Optional.empty()
            : Optional.of(configuration.socCacheBytes()),
        Duration.ofMillis(configuration.engineLimitMs()),
        Duration.ofMillis(configuration.carryLimitMs()));
  }

  @Override
  public MemorySystem create(MemoryConfig config) throws HypervisorException {
    return factory.create(config);
  }

  @Override
  public List<MemorySystem> systems() {
    return factory.systems();
  }

  /** Engines come and go on the threads of whoever registers them. */
  private final class EngineFollower
      implements ServiceTrackerCustomizer<
          MemoryEncryptionEngineFactory, MemoryEncryptionEngineFactory> {
    private final BundleContext context;

    EngineFollower(BundleContext context) {
      this.context = context;
    }

    @Override
    public @Nullable MemoryEncryptionEngineFactory addingService(
        ServiceReference<MemoryEncryptionEngineFactory> reference) {
      Object name = reference.getProperty(MemoryEncryptionEngineFactory.ENGINE_NAME);
      if (!(name instanceof String text) || text.isBlank()) {
        return null;
      }
      MemoryEncryptionEngineFactory service = context.getService(reference);
      if (service != null) {
        engines.add(candidate(reference, text, service));
      }
      return service;
    }

    @Override
    public void modifiedService(
        ServiceReference<MemoryEncryptionEngineFactory> reference,
        MemoryEncryptionEngineFactory service) {
      engines.remove(id(reference));
      Object name = reference.getProperty(MemoryEncryptionEngineFactory.ENGINE_NAME);
      engines.add(candidate(reference, String.valueOf(name), service));
    }

    @Override
    public void removedService(
        ServiceReference<MemoryEncryptionEngineFactory> reference,
        MemoryEncryptionEngineFactory service) {
      engines.remove(id(reference));
      context.ungetService(reference);
    }

    private static Candidate candidate(
        ServiceReference<?> reference, String name, MemoryEncryptionEngineFactory service) {
      Object rank = reference.getProperty(Constants.SERVICE_RANKING);
      return new Candidate(name, service, rank instanceof Integer r ? r : 0, id(reference));
    }

    private static long id(ServiceReference<?> reference) {
      return reference.getProperty(Constants.SERVICE_ID) instanceof Long id ? id : Long.MAX_VALUE;
    }
  }
}
