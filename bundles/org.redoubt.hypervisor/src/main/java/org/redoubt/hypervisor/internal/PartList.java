package org.redoubt.hypervisor.internal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.redoubt.api.HypervisorException;

/**
 * The services of one kind that are there now, by their stable names; the highest-ranked is the
 * default. Thread-safe.
 */
final class PartList<T> {
  record Entry<T>(String name, int ranking, long id, T service) {}

  private final String kind;
  private final String nameProperty;
  private volatile List<Entry<T>> entries = List.of();

  /**
   * @param kind for messages, such as {@code CPU engine}
   * @param nameProperty the service property with the stable name
   */
  PartList(String kind, String nameProperty) {
    this.kind = kind;
    this.nameProperty = nameProperty;
  }

  synchronized void add(T service, Map<String, ?> properties) {
    List<Entry<T>> grown = new ArrayList<>(entries);
    grown.add(
        new Entry<>(
            String.valueOf(properties.get(nameProperty)),
            properties.get("service.ranking") instanceof Integer ranking ? ranking : 0,
            properties.get("service.id") instanceof Long id ? id : grown.size(),
            service));
    grown.sort(Comparator.comparingInt((Entry<T> e) -> -e.ranking()).thenComparingLong(Entry::id));
    entries = List.copyOf(grown);
  }

  synchronized void remove(T service) {
    entries = entries.stream().filter(entry -> entry.service() != service).toList();
  }

  List<Entry<T>> all() {
    return entries;
  }

  /**
   * One of them.
   *
   * @param name the stable name, or empty for the default
   * @throws HypervisorException if there is none; says which there are
   */
  Entry<T> find(Optional<String> name) throws HypervisorException {
    List<Entry<T>> now = entries;
    for (Entry<T> entry : now) {
      if (name.isEmpty() || entry.name().equals(name.get())) {
        return entry;
      }
    }
    if (name.isEmpty()) {
      throw new HypervisorException(
          "No %s is installed; start a bundle that offers one".formatted(kind));
    }
    throw new HypervisorException(
        "No %s is called '%s'; there are: %s"
            .formatted(
                kind,
                name.get(),
                now.isEmpty()
                    ? "none"
                    : String.join(", ", now.stream().map(Entry::name).distinct().toList())));
  }
}
