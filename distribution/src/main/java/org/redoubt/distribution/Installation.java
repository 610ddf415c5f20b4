package org.redoubt.distribution;

import java.io.IOException;
import java.io.Reader;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;

/**
 * The folders of a Felix installation: {@code bin/ bundle/ conf/ features/}.
 *
 * @param home the folder that holds them
 */
public record Installation(Path home) {

  /** The installation whose {@code bin} folder holds the launcher that is running. */
  static Installation ofLauncher() {
    try {
      Path jar =
          Path.of(Installation.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      Path bin = jar.getParent();
      return new Installation(bin == null ? Path.of("") : bin.resolveSibling(""));
    } catch (URISyntaxException e) {
      throw new IllegalStateException("The launcher's own address is no file", e);
    }
  }

  /** Where the jars of the features' bundles lie. */
  public Path bundles() {
    return home.resolve("bundle");
  }

  /** Where the feature documents lie. */
  public Path features() {
    return home.resolve("features");
  }

  /** Mark of an installation that has started once with nothing missing. */
  Path complete() {
    return home.resolve("complete");
  }

  /** Framework properties and the choice of features, from {@code conf/config.properties}. */
  public Properties configuration() throws IOException {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(home.resolve("conf/config.properties"))) {
      properties.load(reader);
    }
    return properties;
  }
}
