package org.redoubt.hypervisor.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where the state of the modelled hardware is kept. A chip that is to be forgotten is kept too, in
 * a temporary folder, as long as this object is open: hosts come and go meanwhile. Thread-safe.
 */
final class StateFolders implements AutoCloseable {
  /** Framework or system property: the folder of the secure processor's state, or {@code none}. */
  static final String PROPERTY = "redoubt.psp.state";

  private static final String FORGET = "none";

  private final String property;
  private final UnaryOperator<@Nullable String> environment;
  private @Nullable Path temporary;

  /**
   * @param property the value of {@link #PROPERTY}; {@code none} for a chip that is forgotten
   * @param environment gives a variable's value
   */
  StateFolders(@Nullable String property, UnaryOperator<@Nullable String> environment) {
    this.property = property == null ? "" : property.strip();
    this.environment = environment;
  }

  /**
   * The secure processor's: what the property says, else {@code $XDG_DATA_HOME/redoubt/psp0}, by
   * default below {@code ~/.local/share}.
   */
  synchronized Path psp() {
    if (property.equals(FORGET)) {
      return temporary();
    }
    if (!property.isEmpty()) {
      return Path.of(property);
    }
    String data = environment.apply("XDG_DATA_HOME");
    Path folder =
        data != null && Path.of(data).isAbsolute()
            ? Path.of(data)
            : Path.of(System.getProperty("user.home"), ".local", "share");
    return folder.resolve("redoubt").resolve("psp0");
  }

  private Path temporary() {
    Path folder = temporary;
    if (folder == null) {
      try {
        folder = Files.createTempDirectory("redoubt-psp-");
      } catch (IOException e) {
        throw new UncheckedIOException("No temporary folder for a chip: " + e.getMessage(), e);
      }
      temporary = folder;
    }
    return folder;
  }

  /** Forgets the chip that was to be forgotten. */
  @Override
  public synchronized void close() {
    Path folder = temporary;
    temporary = null;
    if (folder == null) {
      return;
    }
    try {
      List<Path> all;
      try (Stream<Path> files = Files.walk(folder)) {
        all = files.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : all) {
        Files.delete(file);
      }
    } catch (IOException e) {
      System.getLogger(StateFolders.class.getName())
          .log(System.Logger.Level.WARNING, "A forgotten chip stays in " + folder, e);
    }
  }
}
