package org.redoubt.memory.internal;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.redoubt.api.HypervisorException;

/** The engines that there are now, best first. Thread-safe; never calls the service registry. */
final class Engines {
  private static final Comparator<Candidate> BEST_FIRST =
      Comparator.comparingInt(Candidate::rank).reversed().thenComparingLong(Candidate::serviceId);

  private volatile List<Candidate> candidates = List.of();

  synchronized void add(Candidate candidate) {
    List<Candidate> more = new ArrayList<>(candidates);
    more.add(candidate);
    more.sort(BEST_FIRST);
    candidates = List.copyOf(more);
  }

  synchronized void remove(long serviceId) {
    candidates = candidates.stream().filter(c -> c.serviceId() != serviceId).toList();
  }

  /** All, best first. */
  List<Candidate> all() {
    return candidates;
  }

  Optional<Candidate> find(String name) {
    return candidates.stream().filter(c -> c.name().equals(name)).findFirst();
  }

  /** The engine of that name, or without a name the best one. */
  Candidate choose(Optional<String> name) throws HypervisorException {
    Optional<Candidate> chosen =
        name.isPresent() ? find(name.get()) : candidates.stream().findFirst();
    return chosen.orElseThrow(() -> new HypervisorException(missing(name)));
  }

  Optional<Candidate> byId(long serviceId) {
    return candidates.stream().filter(c -> c.serviceId() == serviceId).findFirst();
  }

  /** Whether that very service is still there. */
  boolean has(Candidate candidate) {
    return candidates.stream().anyMatch(c -> c.serviceId() == candidate.serviceId());
  }

  private String missing(Optional<String> name) {
    String there =
        candidates.isEmpty()
            ? "there is none"
            : "there are "
                + candidates.stream()
                    .map(Candidate::name)
                    .distinct()
                    .collect(Collectors.joining(", "));
    return name.isPresent()
        ? "No memory-encryption engine is named %s: %s".formatted(name.get(), there)
        : "No memory-encryption engine is registered: start a bundle that provides one";
  }
}
