package org.redoubt.shell.internal.memory;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.encryption.MemoryEncryptionEngineFactory;

/** The engines that there are right now, best first, and who provides them. */
@Component(service = EngineCatalog.class)
public final class EngineCatalog {
  private final BundleContext context;

  /** Made by SCR. */
  @Activate
  public EngineCatalog(BundleContext context) {
    this.context = context;
  }

  /**
   * One engine.
   *
   * @param name its stable name
   * @param bundle symbolic name and version of its provider
   * @param rank service ranking
   * @param factory makes it
   */
  record Entry(String name, String bundle, int rank, MemoryEncryptionEngineFactory factory) {}

  /** All, in the order of OSGi's ranking. */
  List<Entry> all() {
    try {
      List<Entry> entries = new ArrayList<>();
      List<ServiceReference<MemoryEncryptionEngineFactory>> references =
          new ArrayList<>(
              context.getServiceReferences(MemoryEncryptionEngineFactory.class, (String) null));
      references.sort(Comparator.reverseOrder());
      for (ServiceReference<MemoryEncryptionEngineFactory> reference : references) {
        MemoryEncryptionEngineFactory factory = context.getService(reference);
        Object name = reference.getProperty(MemoryEncryptionEngineFactory.ENGINE_NAME);
        if (factory != null && name instanceof String text) {
          Object rank = reference.getProperty(Constants.SERVICE_RANKING);
          entries.add(
              new Entry(
                  text,
                  reference.getBundle().getSymbolicName(),
                  rank instanceof Integer number ? number : 0,
                  factory));
        }
      }
      return entries;
    } catch (InvalidSyntaxException e) {
      throw new IllegalStateException("bug: no filter that does not parse", e);
    }
  }

  List<String> names() {
    return all().stream().map(Entry::name).distinct().toList();
  }

  /** The engine of a name. */
  Entry find(String name) throws HypervisorException {
    return all().stream()
        .filter(entry -> entry.name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new HypervisorException(
                "No engine is named '%s'; there are: %s"
                    .formatted(name, names().stream().collect(Collectors.joining(", ")))));
  }
}
