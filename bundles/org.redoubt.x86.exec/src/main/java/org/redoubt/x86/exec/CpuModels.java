package org.redoubt.x86.exec;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The CPU models, read from {@code models.txt}. */
public final class CpuModels {
  private static final Map<String, String> ABOUT = new LinkedHashMap<>();
  private static final Map<String, CpuModel> MODELS = read();

  private CpuModels() {}

  /** The names, the default first. */
  public static List<String> names() {
    return List.copyOf(MODELS.keySet());
  }

  public static Optional<CpuModel> find(String name) {
    return Optional.ofNullable(MODELS.get(name));
  }

  /** What a model is, in a line; empty if there is no such model. */
  public static String about(String name) {
    return ABOUT.getOrDefault(name, "");
  }

  private static Map<String, CpuModel> read() {
    Map<String, List<CpuModel.Leaf>> leaves = new LinkedHashMap<>();
    try (InputStream stream = CpuModels.class.getResourceAsStream("models.txt")) {
      if (stream == null) {
        throw new IllegalStateException("bug: models.txt is missing");
      }
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
      List<CpuModel.Leaf> current = new ArrayList<>();
      String name = "";
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.strip().split(" +");
        if (words[0].equals("model")) {
          current = words.length == 4 ? new ArrayList<>(leaves.get(words[3])) : new ArrayList<>();
          name = words[1];
          leaves.put(name, current);
          ABOUT.put(name, words.length == 4 ? "as " + words[3] : "");
        } else if (words[0].equals("about")) {
          ABOUT.put(name, line.strip().substring(6));
        } else if (words.length == 6 && !words[0].equals("#")) {
          CpuModel.Leaf leaf = leaf(words);
          current.removeIf(l -> l.leaf() == leaf.leaf() && l.subleaf() == leaf.subleaf());
          current.add(leaf);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Map<String, CpuModel> models = new LinkedHashMap<>();
    leaves.forEach((name, list) -> models.put(name, CpuModel.of(name, list)));
    return models;
  }

  private static CpuModel.Leaf leaf(String[] words) {
    int subleaf = words[1].equals("-") ? CpuModel.ANY : hex(words[1]);
    return new CpuModel.Leaf(
        hex(words[0]), subleaf, hex(words[2]), hex(words[3]), hex(words[4]), hex(words[5]));
  }

  private static int hex(String word) {
    return Integer.parseUnsignedInt(word, 16);
  }
}
