package org.redoubt.guest.images;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.tukaani.xz.XZInputStream;

/**
 * A module of a kernel.
 *
 * @param name with underscores
 * @param contents the ELF file, decompressed
 */
record KernelModule(String name, byte[] contents) {
  private static final byte[] DEPENDS = "\0depends=".getBytes(StandardCharsets.US_ASCII);

  /**
   * The modules of these names and all they depend on, each after what it needs; without those that
   * are part of the kernel.
   */
  static List<KernelModule> closure(Path folder, Collection<String> names) throws ImageException {
    Map<String, Path> files = index(folder);
    Map<String, KernelModule> loaded = new LinkedHashMap<>();
    for (String name : names) {
      add(normal(name), folder, files, loaded, 0);
    }
    return List.copyOf(loaded.values());
  }

  private static void add(
      String name,
      Path folder,
      Map<String, Path> files,
      Map<String, KernelModule> loaded,
      int depth)
      throws ImageException {
    if (loaded.containsKey(name)) {
      return;
    }
    Path file = files.get(name);
    if (file == null && builtIn(folder, name)) {
      return; // the kernel has it already
    }
    if (file == null || depth > files.size()) {
      throw new ImageException("There is no kernel module %s in %s.".formatted(name, folder));
    }
    KernelModule module = new KernelModule(name, read(file));
    for (String needed : module.depends()) {
      add(normal(needed), folder, files, loaded, depth + 1);
    }
    loaded.put(name, module);
  }

  /** What the string {@code depends=} of section .modinfo lists. */
  private List<String> depends() {
    for (int at = 0; at <= contents.length - DEPENDS.length; at++) {
      if (java.util.Arrays.equals(contents, at, at + DEPENDS.length, DEPENDS, 0, DEPENDS.length)) {
        int from = at + DEPENDS.length;
        int to = from;
        while (to < contents.length && contents[to] != 0) {
          to++;
        }
        String list = new String(contents, from, to - from, StandardCharsets.US_ASCII);
        return list.isEmpty() ? List.of() : List.of(list.split(","));
      }
    }
    return List.of();
  }

  private static Map<String, Path> index(Path folder) throws ImageException {
    Map<String, Path> files = new TreeMap<>();
    try (Stream<Path> all = Files.walk(folder)) {
      all.sorted()
          .forEach(path -> {
            String file = String.valueOf(path.getFileName());
            int end = file.lastIndexOf(".ko");
            if (end > 0 && (end + 3 == file.length() || file.endsWith(".ko.xz"))) {
              files.put(normal(file.substring(0, end)), path);
            }
          });
    } catch (IOException e) {
      throw new ImageException("Cannot list the kernel modules in %s.".formatted(folder), e);
    }
    return files;
  }

  /** Whether the list of what is part of the kernel itself has it. */
  private static boolean builtIn(Path folder, String name) throws ImageException {
    Path list = folder.resolve("modules.builtin");
    if (!Files.isRegularFile(list)) {
      return false;
    }
    try {
      return Files.readAllLines(list).stream()
          .anyMatch(line -> normal(line.substring(line.lastIndexOf('/') + 1)).equals(name + ".ko"));
    } catch (IOException e) {
      throw new ImageException("Cannot read %s.".formatted(list), e);
    }
  }

  private static String normal(String name) {
    return name.replace('-', '_');
  }

  private static byte[] read(Path file) throws ImageException {
    try {
      byte[] bytes = Files.readAllBytes(file);
      if (!file.toString().endsWith(".xz")) {
        return bytes;
      }
      try (XZInputStream in = new XZInputStream(new ByteArrayInputStream(bytes))) {
        return in.readAllBytes();
      }
    } catch (IOException e) {
      throw new ImageException("Cannot read the kernel module %s.".formatted(file), e);
    }
  }
}
