package org.redoubt.memory.internal;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
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
import org.redoubt.api.memory.AddressMap;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;

/** The service: follows engines as they come and go, and the configuration. */
@Component(
    immediate = true, // it keeps the list of systems, whoever looks at the service now and then
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

    @AttributeDefinition(
        description =
            "Whether a change of engine keeps the former ciphertext until it has ended, so that it"
                + " can be undone even if the new engine fails for good; costs memory and time")
    boolean keepForRollback() default true;
  }

  private static final System.Logger LOG = System.getLogger("org.redoubt.memory");

  private final MemoryFactory factory;
  private final ServiceTracker<MemoryEncryptionEngineFactory, MemoryEncryptionEngineFactory>
      tracker;
  private volatile boolean stopping;

  @Activate
  public MemoryComponent(BundleContext context, Configuration configuration) {
    factory = new MemoryFactory(read(configuration, Settings.DEFAULT));
    tracker =
        new ServiceTracker<>(
            context, MemoryEncryptionEngineFactory.class, new EngineFollower(context));
    tracker.open();
  }

  @Deactivate
  void deactivate() {
    stopping = true;
    tracker.close();
    factory.close();
  }

  @Modified
  void modified(Configuration configuration) {
    factory.configure(read(configuration, factory.settings().get()));
  }

  /** What is not possible is said and left as it was. */
  private static Settings read(Configuration configuration, Settings before) {
    long cache =
        number("socCacheBytes", configuration::socCacheBytes, before.socCacheBytes().orElse(0L));
    long engineMs =
        number("engineLimitMs", configuration::engineLimitMs, before.engineLimit().toMillis());
    long carryMs =
        number("carryLimitMs", configuration::carryLimitMs, before.carryLimit().toMillis());
    boolean cacheFits =
        cache == 0
            || (cache % AddressMap.PAGE_BYTES == 0
                && cache >= (long) MemoryConfig.MIN_CACHE_PAGES * AddressMap.PAGE_BYTES);
    if (!cacheFits) {
      LOG.log(
          System.Logger.Level.WARNING,
          "org.redoubt.memory: socCacheBytes={0} is ignored: it takes a multiple of 4096, at least"
              + " 32768 (8 pages), or 0",
          Long.toString(cache));
    }
    boolean limitsFit = engineMs > 0 && carryMs > 0;
    if (!limitsFit) {
      LOG.log(
          System.Logger.Level.WARNING,
          "org.redoubt.memory: engineLimitMs={0}, carryLimitMs={1} are ignored: both must be"
              + " positive",
          Long.toString(engineMs),
          Long.toString(carryMs));
    }
    return new Settings(
        Optional.of(configuration.engine().strip()).filter(name -> !name.isEmpty()),
        !cacheFits ? before.socCacheBytes() : Optional.of(cache).filter(bytes -> bytes != 0),
        limitsFit ? Duration.ofMillis(engineMs) : before.engineLimit(),
        limitsFit ? Duration.ofMillis(carryMs) : before.carryLimit(),
        configuration.keepForRollback());
  }

  /** A setting that is no number, which SCR tells by an exception, is left as it was. */
  private static long number(String key, LongSupplier setting, long otherwise) {
    try {
      return setting.getAsLong();
    } catch (RuntimeException e) {
      LOG.log(
          System.Logger.Level.WARNING,
          "org.redoubt.memory: {0} is ignored: it takes a whole number",
          key);
      return otherwise;
    }
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
        factory.engineCame(text, service, rank(reference), id(reference));
      }
      return service;
    }

    @Override
    public void modifiedService(
        ServiceReference<MemoryEncryptionEngineFactory> reference,
        MemoryEncryptionEngineFactory service) {
      Object name = reference.getProperty(MemoryEncryptionEngineFactory.ENGINE_NAME);
      factory.engineCame(String.valueOf(name), service, rank(reference), id(reference));
    }

    @Override
    public void removedService(
        ServiceReference<MemoryEncryptionEngineFactory> reference,
        MemoryEncryptionEngineFactory service) {
      factory.engineGoes(id(reference), !stopping && !frameworkStops());
      context.ungetService(reference);
    }

    /** Then virtual machines have stopped before, and nothing is carried over. */
    private boolean frameworkStops() {
      Bundle framework = context.getBundle(Constants.SYSTEM_BUNDLE_LOCATION);
      return framework != null && (framework.getState() & (Bundle.ACTIVE | Bundle.STARTING)) == 0;
    }

    private static int rank(ServiceReference<?> reference) {
      return reference.getProperty(Constants.SERVICE_RANKING) instanceof Integer rank ? rank : 0;
    }

    private static long id(ServiceReference<?> reference) {
      return reference.getProperty(Constants.SERVICE_ID) instanceof Long id ? id : Long.MAX_VALUE;
    }
  }
}
