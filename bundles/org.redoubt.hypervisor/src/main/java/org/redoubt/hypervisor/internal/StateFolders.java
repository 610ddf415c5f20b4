package org.redoubt.hypervisor.internal;

import java.nio.file.Path;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Where the state of the modelled hardware is kept. */
final class StateFolders {
  /** Framework or system property: the folder of the secure processor's state, or {@code none}. */
  static final String PROPERTY = "redoubt.psp.state";

  private StateFolders() {}

  /**
   * The secure processor's: what the property says, else {@code $XDG_DATA_HOME/redoubt/psp0}, by
   * default below {@code ~/.local/share}.
   *
   * @param property the value of {@link #PROPERTY}; {@code none} for a chip that forgets
   * @param environment gives a variable's value
   */
  static Optional<Path> psp(
      @Nullable String property, UnaryOperator<@Nullable String> environment) {
    if (property != null && !property.isBlank()) {
      return property.strip().equals("none")
          ? Optional.empty()
          : Optional.of(Path.of(property.strip()));
    }
    String data = environment.apply("XDG_DATA_HOME");
    Path folder =
        data != null && Path.of(data).isAbsolute()
            ? Path.of(data)
            : Path.of(System.getProperty("user.home"), ".local", "share");
    return Optional.of(folder.resolve("redoubt").resolve("psp0"));
  }
}
