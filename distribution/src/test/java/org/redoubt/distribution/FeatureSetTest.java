package org.redoubt.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.redoubt.distribution.FeatureSet.FeatureException;

class FeatureSetTest {
  @TempDir private Path home;

  private final List<String> problems = new ArrayList<>();
  private Installation installation = new Installation(Path.of(""));

  @BeforeEach
  void install() throws IOException {
    installation = new Installation(home);
    Files.createDirectories(installation.features());
    Files.createDirectories(installation.bundles());
    for (String jar : List.of("a-1.0.jar", "b-2.0.jar", "c-3.0.jar")) {
      Files.createFile(installation.bundles().resolve(jar));
    }
  }

  private Path feature(String name, String body) throws IOException {
    return Files.writeString(
        installation.features().resolve(name + ".json"),
        "{\"feature-resource-version\": \"1.0\", \"id\": \"x:%s:1\"%s}".formatted(name, body));
  }

  private FeatureSet read(Path... documents) {
    return FeatureSet.read(installation, List.of(documents), problems::add);
  }

  private List<String> names(FeatureSet set) {
    return set.bundles().stream()
        .map(jar -> Objects.requireNonNull(jar.getFileName()).toString())
        .toList();
  }

  @Test
  void shouldKeepTheOrderAndNameEachBundleOnce() throws IOException {
    Path one = feature("one", ",\"bundles\": [{\"id\": \"g:b:2.0\"}, {\"id\": \"g:a:1.0\"}]");
    Path two = feature("two", ",\"bundles\": [{\"id\": \"g:a:1.0\"}, {\"id\": \"g:c:3.0\"}]");
    assertEquals(List.of("b-2.0.jar", "a-1.0.jar", "c-3.0.jar"), names(read(one, two)));
    assertEquals(List.of(), problems);
  }

  @Test
  void shouldLetALaterConfigurationReplaceAnEarlierOne() throws IOException {
    Path one = feature("one", ",\"configurations\": {\"pid\": {\"engine\": \"x\", \"n\": 1}}");
    Path two = feature("two", ",\"configurations\": {\"pid\": {\"engine\": \"y\"}}");
    FeatureSet set = read(one, two);
    assertEquals(
        Map.of("engine", "y"), Objects.requireNonNull(set.configurations().get("pid")).getValues());
  }

  @Test
  void shouldNameTheDocumentAndTheJarWhenABundleIsMissing() throws IOException {
    Path one = feature("one", ",\"bundles\": [{\"id\": \"g:z:9\"}, {\"id\": \"g:a:1.0\"}]");
    assertEquals(List.of("a-1.0.jar"), names(read(one)));
    assertEquals(1, problems.size());
    assertTrue(problems.getFirst().contains("one.json"), problems::toString);
    assertTrue(problems.getFirst().contains("z-9.jar"), problems::toString);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "no json at all",
        "{\"id\": \"x\"}",
        "{\"feature-resource-version\": \"1.0\"}",
        "{\"feature-resource-version\": \"1.0\", \"id\": \"x:y:1\", \"bundles\": 7}",
        "{\"feature-resource-version\": \"1.0\", \"id\": \"x:y:1\", \"bundles\": [{}]}",
        "{\"feature-resource-version\": \"1.0\", \"id\": \"x:y:1\", \"bundles\": [{\"id\":"
            + " \"a\"}]}",
        "\u0000\u0001\u0002"
      })
  void shouldLeaveOutADamagedDocumentInOneLine(String text) throws IOException {
    Path damaged = Files.writeString(installation.features().resolve("damaged.json"), text);
    Path good = feature("good", ",\"bundles\": [{\"id\": \"g:a:1.0\"}]");
    assertEquals(List.of("a-1.0.jar"), names(read(damaged, good)));
    assertEquals(1, problems.size(), problems::toString);
    assertTrue(problems.getFirst().contains("damaged.json"), problems::toString);
    assertEquals(1, problems.getFirst().lines().count(), problems::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"nix", "../features/one", "", "/etc/nothing.json"})
  void shouldListTheFeaturesWhenANameIsUnknown(String name) throws IOException {
    feature("one", "");
    FeatureException failure =
        assertThrows(FeatureException.class, () -> FeatureSet.find(installation, name));
    String message = Objects.requireNonNull(failure.getMessage());
    assertTrue(message.contains(name.endsWith(".json") ? name : "there are: one"), message);
  }

  @Test
  void shouldTakeBundlesThatLieBesideTheDocument() throws IOException {
    Path folder = Files.createDirectory(home.resolve("mine"));
    Files.createFile(folder.resolve("my-engine-1.jar"));
    Path mine =
        Files.writeString(
            folder.resolve("mine.json"),
            "{\"feature-resource-version\": \"1.0\", \"id\": \"x:mine:1\","
                + "\"bundles\": [{\"id\": \"g:my-engine:1\"}]}");
    assertEquals(List.of("my-engine-1.jar"), names(read(mine)));
  }
}
