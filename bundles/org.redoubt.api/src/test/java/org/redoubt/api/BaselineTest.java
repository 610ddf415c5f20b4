package org.redoubt.api;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import aQute.bnd.differ.Baseline;
import aQute.bnd.differ.DiffPluginImpl;
import aQute.bnd.header.Attrs;
import aQute.bnd.header.Parameters;
import aQute.bnd.osgi.Analyzer;
import aQute.bnd.osgi.Constants;
import aQute.bnd.osgi.Instructions;
import aQute.bnd.osgi.Jar;
import aQute.bnd.osgi.Resource;
import aQute.bnd.service.diff.Delta;
import aQute.bnd.service.diff.Tree;
import aQute.bnd.service.diff.Type;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * Compares the exported packages with those of the last release by bnd's baselining, so that no
 * package changes without its version. What the last release had lies in {@code baseline.txt}: the
 * tree that bnd's differ makes of the classes, a node a line, with what adding and removing the
 * node means. {@code -Dredoubt.baseline=write} replaces it.
 */
final class BaselineTest {
  private static final String OURS = "org/redoubt/api/";
  private static final Path WRITTEN = Path.of("src/test/resources/org/redoubt/api/baseline.txt");

  private final DiffPluginImpl differ = new DiffPluginImpl();

  @Test
  void shouldChangeNoPackageWithoutItsVersion() throws Exception {
    Tree now = now();
    if ("write".equals(System.getProperty("redoubt.baseline"))) {
      Files.writeString(WRITTEN, text(now));
      return;
    }
    List<String> complaints = complaints(now, released());
    assertTrue(complaints.isEmpty(), () -> String.join(System.lineSeparator(), complaints));
  }

  /** The comparison itself: what it must find is taken out of today's tree, or put in. */
  @Test
  void shouldFindWhatChangedAndWhatItMeans() throws Exception {
    Tree now = now();
    assertEquals(List.of(), complaints(now, differ.deserialize(parse(text(now)))));
    // A method gone: consumers break.
    assertComplaint(now, "METHOD run(long)", "cpu.CpuEngine", Delta.MAJOR);
    // A method more: implementers break.
    assertComplaint(now, "METHOD reset()", "device.Device", Delta.MAJOR);
    // A method more of what only we implement: our own providers must say so.
    assertComplaint(now, "METHOD tsc()", "cpu.CpuBus", Delta.MINOR);
  }

  /**
   * Takes a line out of the older tree, so that the newer one has it in addition; or vice versa.
   */
  private void assertComplaint(Tree now, String node, String type, Delta delta) throws Exception {
    boolean removed = node.contains("run(long)");
    List<String> lines = new ArrayList<>(text(now).lines().toList());
    int owner = -1;
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).strip().startsWith("INTERFACE org.redoubt.api." + type + " ")) {
        owner = i;
      }
      if (owner >= 0 && lines.get(i).strip().startsWith(node + " ")) {
        int end = i + 1;
        while (depth(lines.get(end)) > depth(lines.get(i))) {
          end++;
        }
        lines.subList(i, end).clear();
        break;
      }
    }
    Tree less = differ.deserialize(parse(String.join("\n", lines)));
    List<String> found = removed ? complaints(less, now) : complaints(now, less);
    String line = "%s change".formatted(delta);
    assertEquals(1, found.size(), () -> "one line for " + node + ": " + found);
    assertTrue(
        found.getFirst().contains(line) && found.getFirst().contains(type.replace("cpu.", "")),
        () -> "not '" + line + "' and the type: " + found);
  }

  /** One line for each package that has changed more than its version says. */
  private List<String> complaints(Tree newer, Tree older) throws Exception {
    try (Analyzer settings = new Analyzer()) {
      // Versions below 1 are promises too.
      settings.setProperty(Constants.BASELINEINCLUDEZEROMAJOR, "true");
      Baseline baseline = new Baseline(settings, differ);
      List<String> lines = new ArrayList<>();
      for (Baseline.Info info :
          baseline.baseline(newer, exports(newer), older, exports(older), new Instructions())) {
        if (info.mismatch || info.packageDiff.getDelta() == Delta.REMOVED) {
          lines.add(
              "%s has a %s change and is still version %s: its package-info needs @Version(\"%s\");"
                      .formatted(
                          info.packageName,
                          info.packageDiff.getDelta(),
                          info.newerVersion,
                          info.suggestedVersion)
                  + " changed: "
                  + info.reason.strip().replace("\n", ", "));
        }
      }
      lines.sort(Comparator.naturalOrder());
      return lines;
    }
  }

  private static Parameters exports(Tree tree) {
    Parameters exports = new Parameters();
    for (Tree child : tree.get("<api>").getChildren()) {
      if (child.getType() == Type.PACKAGE) {
        for (Tree part : child.getChildren()) {
          if (part.getType() == Type.VERSION) {
            exports.put(child.getName(), new Attrs());
            Objects.requireNonNull(exports.get(child.getName()))
                .put(Constants.VERSION_ATTRIBUTE, part.getName());
          }
        }
      }
    }
    return exports;
  }

  // Today's classes

  private Tree now() throws Exception {
    File place =
        new File(
            HypervisorException.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Jar all = new Jar(place);
        Jar ours = new Jar("api");
        Analyzer analyzer = new Analyzer()) {
      for (Map.Entry<String, Resource> entry : all.getResources().entrySet()) {
        if (entry.getKey().startsWith(OURS) && !entry.getKey().endsWith("Test.class")) {
          ours.putResource(entry.getKey(), entry.getValue());
        }
      }
      analyzer.setBundleSymbolicName("org.redoubt.api");
      analyzer.setBundleVersion("0.1.0");
      analyzer.setJar(ours);
      ours.setManifest(analyzer.calcManifest());
      Tree.Data tree = differ.tree(ours).serialize();
      tree.children =
          Arrays.stream(tree.children)
              .filter(child -> child.type == Type.API)
              .toArray(Tree.Data[]::new);
      return differ.deserialize(tree);
    }
  }

  // The listing

  private Tree released() throws Exception {
    try (InputStream in = Objects.requireNonNull(getClass().getResourceAsStream("baseline.txt"))) {
      return differ.deserialize(parse(new String(in.readAllBytes(), UTF_8)));
    }
  }

  private static String text(Tree tree) {
    StringBuilder lines = new StringBuilder();
    lines.append("API of the last release, for BaselineTest: type, name, if added, if removed\n");
    write(tree.serialize(), 0, lines);
    return lines.toString();
  }

  private static void write(Tree.Data node, int depth, StringBuilder lines) {
    lines.append(" ".repeat(depth)).append(node.type).append(' ').append(node.name);
    lines.append(' ').append(node.add).append(' ').append(node.rem).append('\n');
    if (node.children != null) {
      Tree.Data[] children = node.children.clone();
      Arrays.sort(children, Comparator.comparing((Tree.Data c) -> c.type + " " + c.name));
      for (Tree.Data child : children) {
        write(child, depth + 1, lines);
      }
    }
  }

  private static int depth(String line) {
    return line.length() - line.stripLeading().length();
  }

  private static Tree.Data parse(String text) throws IOException {
    Deque<Tree.Data> path = new ArrayDeque<>();
    Tree.Data root = null;
    for (String line : text.lines().skip(1).toList()) {
      String node = line.strip();
      int type = node.indexOf(' ');
      int removed = node.lastIndexOf(' ');
      int added = node.lastIndexOf(' ', removed - 1);
      if (type < 0 || added <= type) {
        throw new IOException("baseline.txt is damaged at: " + line);
      }
      Tree.Data data = new Tree.Data();
      data.type = Type.valueOf(node.substring(0, type));
      data.name = node.substring(type + 1, added);
      data.add = Delta.valueOf(node.substring(added + 1, removed));
      data.rem = Delta.valueOf(node.substring(removed + 1));
      data.children = new Tree.Data[0];
      while (path.size() > depth(line)) {
        path.pop();
      }
      if (path.isEmpty()) {
        root = data;
      } else {
        Tree.Data parent = path.element();
        parent.children = Arrays.copyOf(parent.children, parent.children.length + 1);
        parent.children[parent.children.length - 1] = data;
      }
      path.push(data);
    }
    return Objects.requireNonNull(root, "baseline.txt is empty");
  }
}
