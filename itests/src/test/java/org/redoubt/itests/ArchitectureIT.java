package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Compares what the built bundles import and require with {@code arrows.txt}, in both directions,
 * so that a new arrow is a reviewed change of one line; and keeps rooms from importing rooms.
 */
class ArchitectureIT {
  private static final Path ROOT = Path.of(System.getProperty("redoubt.root"));
  private static final Path ARROWS = Path.of("itests/src/test/resources/arrows.txt");
  private static final String OURS = "org.redoubt.";

  private static final List<String> LAYERS =
      List.of("ground", "plan", "workshops", "rooms", "owner", "roof", "testkit");

  /** Layers whose bundles may import from their own. */
  private static final Set<String> SIDEWAYS = Set.of("ground", "workshops");

  /** The packages of {@code api}: a package uses none that stands to its right. */
  private static final List<String> API_CHAIN =
      List.of("", "encryption", "memory", "device cpu firmware policy guest", "vm");

  /** Manifests of our bundles by symbolic name. */
  private static final Map<String, Attributes> MANIFESTS = new TreeMap<>();

  /** Which bundle exports a package, third parties included. */
  private static final Map<String, String> EXPORTERS = new HashMap<>();

  private static final Map<String, String> LAYER_OF = new HashMap<>();
  private static final Set<String> ALLOWED = new TreeSet<>();

  @BeforeAll
  static void read() throws IOException {
    List<Path> folders = new ArrayList<>();
    folders.add(Path.of(System.getProperty("redoubt.home"), "bundle"));
    try (Stream<Path> bundles = Files.list(ROOT.resolve("bundles"))) {
      bundles
          .map(bundle -> bundle.resolve("target"))
          .filter(target -> Files.exists(target.resolveSibling("pom.xml")))
          .forEach(folders::add);
    }
    for (Path folder : folders) {
      try (Stream<Path> jars = Files.list(folder)) {
        for (Path jar : jars.filter(ArchitectureIT::isBundle).sorted().toList()) {
          readManifest(jar);
        }
      }
    }
    String layer = "";
    for (String line : Files.readAllLines(ROOT.resolve(ARROWS))) {
      if (line.matches("\\[\\w+\\]")) {
        layer = line.substring(1, line.length() - 1);
      } else if (!line.isBlank() && !line.startsWith("#")) {
        ALLOWED.add(sorted(line));
        LAYER_OF.put(OURS + line.substring(0, line.indexOf(':')), layer);
      }
    }
  }

  /** A line with its arrows in alphabetical order. */
  private static String sorted(String line) {
    String[] words = line.strip().split("\\s+");
    Arrays.sort(words, 1, words.length);
    return String.join(" ", words);
  }

  private static boolean isBundle(Path file) {
    return file.getFileName().toString().matches(".*(?<!-sources|-tests|-javadoc)\\.jar");
  }

  private static void readManifest(Path jar) throws IOException {
    try (JarFile file = new JarFile(jar.toFile())) {
      Attributes manifest = file.getManifest().getMainAttributes();
      String symbolicName = manifest.getValue("Bundle-SymbolicName");
      if (symbolicName == null) {
        return;
      }
      String name = head(symbolicName);
      for (String export : clauses(manifest.getValue("Export-Package"))) {
        EXPORTERS.putIfAbsent(head(export), name);
      }
      if (name.startsWith(OURS)) {
        MANIFESTS.put(name, manifest);
      }
    }
  }

  @Test
  void shouldFindEveryArrowInTheFile() {
    Set<String> built = new TreeSet<>();
    MANIFESTS.forEach((name, manifest) ->
        built.add(sorted(name.substring(OURS.length()) + ":" + arrows(name, manifest))));
    Set<String> added = new TreeSet<>(built);
    added.removeAll(ALLOWED);
    Set<String> gone = new TreeSet<>(ALLOWED);
    gone.removeAll(built);
    assertTrue(
        added.isEmpty() && gone.isEmpty(),
        () ->
            "%s differs from the built bundles.\nBuilt:\n  %s\nIn the file:\n  %s\n"
                .formatted(ARROWS, String.join("\n  ", added), String.join("\n  ", gone)));
  }

  @Test
  void shouldPointDownOnly() {
    List<String> wrong = new ArrayList<>();
    MANIFESTS.forEach((name, manifest) ->
        imports(name, manifest).stream()
            .filter(MANIFESTS::containsKey)
            .filter(exporter -> !mayImport(layer(name), layer(exporter)))
            .forEach(exporter -> wrong.add(name + " -> " + exporter)));
    assertEquals(List.of(), wrong, "arrows that do not point down, or point into a room");
  }

  private static boolean mayImport(String from, String to) {
    if (to.equals("rooms")) {
      return false;
    }
    return from.equals(to) ? SIDEWAYS.contains(from) : LAYERS.indexOf(to) < LAYERS.indexOf(from);
  }

  @Test
  void shouldExportNothingFromARoom() {
    List<String> exporting =
        MANIFESTS.entrySet().stream()
            .filter(bundle -> layer(bundle.getKey()).equals("rooms"))
            .filter(bundle -> bundle.getValue().getValue("Export-Package") != null)
            .map(Map.Entry::getKey)
            .toList();
    assertEquals(List.of(), exporting);
  }

  @Test
  void shouldKeepTheChainOfTheContracts() {
    List<String> wrong = new ArrayList<>();
    String api = OURS + "api";
    for (String export :
        clauses(Objects.requireNonNull(MANIFESTS.get(api)).getValue("Export-Package"))) {
      Matcher uses = Pattern.compile("uses:=\"([^\"]*)\"").matcher(export);
      if (uses.find()) {
        Stream.of(uses.group(1).split(","))
            .filter(used -> used.startsWith(api))
            .filter(used -> place(used) > place(head(export)))
            .forEach(used -> wrong.add(head(export) + " -> " + used));
      }
    }
    assertEquals(List.of(), wrong);
  }

  private static int place(String apiPackage) {
    String name = apiPackage.substring((OURS + "api").length()).replace(".", "");
    for (int place = 0; place < API_CHAIN.size(); place++) {
      if (List.of(API_CHAIN.get(place).split(" ")).contains(name)) {
        return place;
      }
    }
    throw new AssertionError("No place for " + apiPackage + " in the chain of the contracts");
  }

  private static String layer(String bundle) {
    String layer = LAYER_OF.get(bundle);
    if (layer == null) {
      throw new AssertionError(bundle + " stands in no layer of " + ARROWS);
    }
    return layer;
  }

  /** Bundles imported from, ours by their short names, then what is required. */
  private static String arrows(String name, Attributes manifest) {
    StringBuilder line = new StringBuilder();
    for (String exporter : imports(name, manifest)) {
      line.append(' ')
          .append(exporter.startsWith(OURS) ? exporter.substring(OURS.length()) : exporter);
    }
    for (String requirement : requirements(manifest)) {
      line.append(' ').append(requirement);
    }
    return line.toString();
  }

  /** The bundles a bundle imports from; a package that no bundle exports stands for itself. */
  private static Set<String> imports(String name, Attributes manifest) {
    Set<String> exporters = new TreeSet<>();
    for (String clause : clauses(manifest.getValue("Import-Package"))) {
      String exporter = EXPORTERS.getOrDefault(head(clause), head(clause));
      if (!exporter.equals(name)
          && !exporter.matches("(javax|com\\.sun|jdk)\\..*")
          && !head(clause).startsWith("java.")) {
        exporters.add(exporter);
      }
    }
    return exporters;
  }

  /**
   * Requirements as {@code namespace=value}; what every bundle or the bundle itself has is left
   * out.
   */
  private static Set<String> requirements(Attributes manifest) {
    Set<String> requirements = new TreeSet<>();
    String own = String.valueOf(manifest.getValue("Provide-Capability"));
    for (String clause : clauses(manifest.getValue("Require-Capability"))) {
      String namespace = head(clause);
      Matcher filter =
          Pattern.compile("\\((?:" + Pattern.quote(namespace) + "|objectClass)=([^)]*)\\)")
              .matcher(clause);
      String value = filter.find() ? filter.group(1) : "*";
      if (!namespace.equals("osgi.ee") && !own.contains("\"" + value + "\"")) {
        requirements.add(namespace + "=" + value);
      }
    }
    return requirements;
  }

  private static String head(String clause) {
    return clause.split(";", 2)[0].strip();
  }

  /** Splits a header at its commas outside quotes. */
  private static List<String> clauses(@Nullable String header) {
    if (header == null) {
      return List.of();
    }
    return Stream.of(header.split(",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")).map(String::strip).toList();
  }
}
