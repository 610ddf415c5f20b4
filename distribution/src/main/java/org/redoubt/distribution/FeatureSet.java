package org.redoubt.distribution;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.osgi.service.feature.Feature;
import org.osgi.service.feature.FeatureBundle;
import org.osgi.service.feature.FeatureConfiguration;
import org.osgi.service.feature.FeatureService;
import org.osgi.service.feature.ID;

/**
 * What a list of OSGi feature documents (OSGi Compendium, chapter 159) asks for: the jars of their
 * bundles in the order written, each once, and their configurations, where a later document
 * replaces what an earlier one says of the same PID.
 *
 * @param bundles jars, in the order in which they start
 * @param configurations by PID
 */
public record FeatureSet(List<Path> bundles, Map<String, FeatureConfiguration> configurations) {

  /** Copies both. */
  public FeatureSet {
    bundles = List.copyOf(bundles);
    configurations = Map.copyOf(configurations);
  }

  /** A feature document that cannot be used. The message is one line for the operator. */
  public static final class FeatureException extends Exception {
    private static final long serialVersionUID = 1L;

    FeatureException(String message) {
      super(message);
    }
  }

  /**
   * Finds the document of a feature.
   *
   * @param installation where features are looked up by name
   * @param feature a name, or the path of a document that ends in {@code .json}
   * @throws FeatureException if there is no such feature; the message lists those there are
   */
  public static Path find(Installation installation, String feature) throws FeatureException {
    if (feature.endsWith(".json")) {
      Path document = Path.of(feature).toAbsolutePath();
      if (!Files.isRegularFile(document)) {
        throw new FeatureException("No feature document " + document);
      }
      return document;
    }
    Path document = installation.features().resolve(feature + ".json");
    if (feature.contains("/") || !Files.isRegularFile(document)) {
      throw new FeatureException(
          "No feature '%s'; there are: %s, or the path of a .json document"
              .formatted(feature, String.join(", ", names(installation))));
    }
    return document;
  }

  /** The names of an installation's features, sorted. */
  public static List<String> names(Installation installation) {
    try (Stream<Path> files = Files.list(installation.features())) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".json"))
          .map(name -> name.substring(0, name.length() - ".json".length()))
          .sorted()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /**
   * Reads documents. One that is damaged, and a bundle whose jar is not there, are told to {@code
   * problems} in one line and left out; the others count.
   *
   * @param installation where the bundles' jars are
   * @param documents the documents, in order
   * @param problems receives one line for each problem
   */
  public static FeatureSet read(
      Installation installation, List<Path> documents, Consumer<String> problems) {
    FeatureService service =
        ServiceLoader.load(FeatureService.class)
            .findFirst()
            .orElseThrow(() -> new IllegalStateException("bug: no feature service"));
    Map<Path, Path> bundles = new LinkedHashMap<>();
    Map<String, FeatureConfiguration> configurations = new LinkedHashMap<>();
    for (Path document : documents) {
      Feature feature;
      try {
        feature = read(service, document);
      } catch (FeatureException e) {
        problems.accept(Problems.oneLine(e));
        continue;
      }
      for (FeatureBundle bundle : feature.getBundles()) {
        Optional<Path> jar = jar(installation, document, bundle.getID());
        if (jar.isPresent()) {
          bundles.putIfAbsent(jar.get().getFileName(), jar.get());
        } else {
          problems.accept(
              "Feature document %s names the bundle %s, but %s is not there"
                  .formatted(
                      document,
                      bundle.getID(),
                      installation.bundles().resolve(fileName(bundle.getID()))));
        }
      }
      configurations.putAll(feature.getConfigurations());
    }
    return new FeatureSet(new ArrayList<>(bundles.values()), configurations);
  }

  private static Feature read(FeatureService service, Path document) throws FeatureException {
    try (Reader reader = Files.newBufferedReader(document)) {
      return service.readFeature(reader);
    } catch (IOException | RuntimeException e) {
      // The parser reports damage by several kinds of unchecked exception.
      throw new FeatureException(
          "Feature document %s is damaged and was left out: %s"
              .formatted(document, Problems.oneLine(e)));
    }
  }

  /** Beside the document for somebody's own feature, else among the installation's bundles. */
  private static Optional<Path> jar(Installation installation, Path document, ID id) {
    return Stream.of(
            installation.bundles().resolve(fileName(id)), document.resolveSibling(fileName(id)))
        .filter(Files::isRegularFile)
        .findFirst();
  }

  private static String fileName(ID id) {
    String classifier = id.getClassifier().map(name -> "-" + name).orElse("");
    return id.getArtifactId() + "-" + id.getVersion() + classifier + ".jar";
  }
}
