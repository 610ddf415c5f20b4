package org.redoubt.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page about the seed keeps its word. */
class SeedIT {
  private static final int PATCHES = 28;
  private static final Pattern TEST = Pattern.compile("`(\\w+(?:Test|IT|Contract))\\.(\\w+)`");

  @Test
  void shouldTickEachPatchWithTestsThatExist() throws IOException {
    List<String> rows =
        Files.readAllLines(Processes.ROOT.resolve("SEED.md")).stream()
            .filter(line -> line.matches("\\| \\d+ \\|.*"))
            .toList();
    assertEquals(PATCHES, rows.size());
    for (int i = 0; i < PATCHES; i++) {
      String row = rows.get(i);
      assertTrue(row.startsWith("| " + (i + 1) + " |"), row);
      List<MatchResult> tests = TEST.matcher(row).results().toList();
      boolean ticked = row.contains("| ✓ |");
      assertTrue(ticked != row.contains("| later |"), row);
      assertEquals(ticked, !tests.isEmpty(), row);
      for (MatchResult test : tests) {
        assertTrue(source(test.group(1)).contains("void " + test.group(2) + "("), test::group);
      }
    }
  }

  private static String source(String type) throws IOException {
    for (String top : List.of("bundles", "itests")) {
      try (Stream<Path> files = Files.walk(Processes.ROOT.resolve(top))) {
        for (Path file : files.filter(path -> path.endsWith(type + ".java")).toList()) {
          return Files.readString(file);
        }
      }
    }
    throw new AssertionError("no test class " + type);
  }
}
