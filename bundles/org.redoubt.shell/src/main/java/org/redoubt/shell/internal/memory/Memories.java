package org.redoubt.shell.internal.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.redoubt.api.HypervisorException;
import org.redoubt.api.memory.KeyStatus;
import org.redoubt.api.memory.MemoryConfig;
import org.redoubt.api.memory.MemorySystem;
import org.redoubt.api.memory.MemorySystemFactory;
import org.redoubt.api.memory.MemoryView;
import org.redoubt.api.memory.PageTag;

/**
 * The memory systems there are: those of guests, and those made here by {@code mem:create}, whose
 * keys are drawn at random and known to nobody else. A guest's plaintext is not for the shell: it
 * goes through the firmware, which asks the guest's policy.
 */
@Component(service = Memories.class)
public final class Memories {
  private final List<MemorySystemFactory> factories = new CopyOnWriteArrayList<>();
  private final Set<MemorySystem> ours = ConcurrentHashMap.newKeySet();
  private final SecureRandom random = new SecureRandom();

  @Reference(
      cardinality = ReferenceCardinality.MULTIPLE,
      policy = ReferencePolicy.DYNAMIC,
      unbind = "remove")
  void add(MemorySystemFactory factory) {
    factories.add(factory);
  }

  void remove(MemorySystemFactory factory) {
    factories.remove(factory);
  }

  /** Gives back what was made here. */
  @Deactivate
  void close() {
    all().stream().filter(ours::contains).forEach(MemorySystem::close);
    ours.clear();
  }

  /** Makes a memory system whose keys are random. */
  MemorySystem create(MemoryConfig config) throws HypervisorException {
    MemorySystemFactory factory =
        factories.stream()
            .findFirst()
            .orElseThrow(() ->
                new HypervisorException(
                    "No memory system is installed: start the bundle org.redoubt.memory"));
    MemorySystem system = factory.create(config);
    system.setKeyInstaller(Optional.of(this::install));
    ours.add(system);
    return system;
  }

  private Optional<String> install(int asid, String engine, MemorySegment key) {
    byte[] bytes = new byte[(int) key.byteSize()];
    random.nextBytes(bytes);
    MemorySegment.copy(bytes, 0, key, ValueLayout.JAVA_BYTE, 0, bytes.length);
    Arrays.fill(bytes, (byte) 0);
    return Optional.empty();
  }

  /** Closes one that was made here. */
  void close(MemorySystem system) throws HypervisorException {
    if (!ours.remove(system)) {
      throw new HypervisorException(
          "Memory '%s' belongs to a guest and ends with it".formatted(system.config().name()));
    }
    system.close();
  }

  /** Whether a system was made here, not for guests. */
  boolean isOurs(MemorySystem system) {
    return ours.contains(system);
  }

  /** All, oldest first. */
  List<MemorySystem> all() {
    List<MemorySystem> systems =
        new ArrayList<>(
            factories.stream().map(MemorySystemFactory::systems).flatMap(List::stream).toList());
    ours.retainAll(systems);
    return systems;
  }

  List<String> names() {
    return all().stream().map(system -> system.config().name()).toList();
  }

  /** The system of a name; without a name the only one. */
  MemorySystem find(@Nullable String name) throws HypervisorException {
    Collection<MemorySystem> systems = all();
    if (systems.isEmpty()) {
      throw new HypervisorException("There is no memory system: 'mem:create NAME' makes one");
    }
    if (name == null && systems.size() > 1) {
      throw new HypervisorException(
          "Which memory? Say --memory with one of: " + String.join(", ", names()));
    }
    return systems.stream()
        .filter(system -> name == null || system.config().name().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new HypervisorException(
                "No memory is named '%s'; there are: %s"
                    .formatted(name, String.join(", ", names()))));
  }

  /**
   * A view, as a guest of that ASID or as the host.
   *
   * @param guest whether with the C-bit; only on systems made here
   */
  MemoryView view(MemorySystem system, boolean guest, int asid) throws HypervisorException {
    if (!guest) {
      return system.view(PageTag.SHARED);
    }
    if (!ours.contains(system)) {
      throw new HypervisorException(
          "Memory '%s' belongs to a guest: its plaintext goes through the firmware and the guest's policy"
              .formatted(system.config().name()));
    }
    if (!system.isActive(asid)) {
      KeyStatus status = system.activate(asid);
      if (status != KeyStatus.INSTALLED) {
        throw new HypervisorException(
            "ASID %d gets no key: %s"
                .formatted(asid, system.refusal(asid).orElseGet(() -> explain(system, status))));
      }
    }
    return system.view(asid);
  }

  private static String explain(MemorySystem system, KeyStatus status) {
    return switch (status) {
      case INVALID_ASID -> "it takes 1 to " + system.config().asids();
      default -> status.name();
    };
  }
}
