package org.redoubt.testkit.tool;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A program out of Debian's packages, unpacked without root into a cache (below {@code
 * ~/.cache/redoubt}) with whatever it needs that is not installed. In CI it must be had; elsewhere
 * a machine without Debian's packages skips the test.
 */
public final class DebianTool {
  private static final List<String> PACKAGES =
      List.of("libvirt-clients-qemu", "python3-lxml", "python3-libvirt", "python3-cryptography");
  private static final Pattern INSTALL = Pattern.compile("^Inst (\\S+) ", Pattern.MULTILINE);

  private final Path root;

  private DebianTool(Path root) {
    this.root = root;
  }

  /**
   * How a program ended.
   *
   * @param exit its status
   * @param output what it printed, errors too
   */
  public record Result(int exit, String output) {}

  /**
   * libvirt's {@code virt-qemu-sev-validate}, unpacked on first use.
   *
   * @throws Exception in CI if it cannot be had; elsewhere the test is skipped then
   */
  public static DebianTool sevValidate() throws Exception {
    Path cache =
        Path.of(System.getProperty("user.home"), ".cache", "redoubt", "virt-qemu-sev-validate");
    Path done = cache.resolve("complete");
    try {
      if (!Files.exists(done)) {
        Files.createDirectories(cache);
        unpack(cache);
        Files.writeString(done, String.join("\n", PACKAGES));
      }
    } catch (IOException | IllegalStateException e) {
      if (System.getenv("CI") != null) {
        throw e;
      }
      Assumptions.abort("virt-qemu-sev-validate cannot be had here: " + e.getMessage());
    }
    return new DebianTool(cache.resolve("root"));
  }

  private static void unpack(Path cache) throws Exception {
    List<String> names = missing();
    Path debs = Files.createDirectories(cache.resolve("debs"));
    run(debs, concat(List.of("apt-get", "-q", "download"), names));
    Path root = Files.createDirectories(cache.resolve("root"));
    try (Stream<Path> files = Files.list(debs)) {
      for (Path deb : files.filter(f -> f.toString().endsWith(".deb")).toList()) {
        run(cache, List.of("dpkg-deb", "-x", deb.toString(), root.toString()));
      }
    }
  }

  /** The packages, and what they need that this machine has not. */
  private static List<String> missing() throws Exception {
    List<String> command =
        concat(List.of("apt-get", "-q", "-s", "--no-install-recommends", "install"), PACKAGES);
    String plan;
    try {
      plan = run(Path.of("/"), command);
    } catch (IllegalStateException e) {
      run(Path.of("/"), List.of("apt-get", "-q", "update")); // a machine without package lists
      plan = run(Path.of("/"), command);
    }
    List<String> names = new ArrayList<>(PACKAGES);
    Matcher m = INSTALL.matcher(plan);
    while (m.find()) {
      if (!names.contains(m.group(1))) {
        names.add(m.group(1));
      }
    }
    return names;
  }

  private static List<String> concat(List<String> a, List<String> b) {
    List<String> out = new ArrayList<>(a);
    out.addAll(b);
    return out;
  }

  /** Runs the program to its end, within minutes. */
  public Result run(String... arguments) throws Exception {
    List<String> command =
        concat(
            List.of("/usr/bin/python3", root.resolve("usr/bin/virt-qemu-sev-validate").toString()),
            Arrays.asList(arguments));
    ProcessBuilder b = new ProcessBuilder(command).redirectErrorStream(true);
    b.environment().put("PYTHONPATH", root.resolve("usr/lib/python3/dist-packages").toString());
    b.environment()
        .put(
            "LD_LIBRARY_PATH",
            root.resolve("usr/lib/x86_64-linux-gnu")
                + ":"
                + root.resolve("usr/lib/aarch64-linux-gnu"));
    b.environment().remove("PYTHONHOME");
    return finish(b);
  }

  private static String run(Path folder, List<String> command) throws Exception {
    ProcessBuilder b =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    b.environment().put("LC_ALL", "C");
    Result r = finish(b);
    if (r.exit != 0) {
      throw new IllegalStateException(String.join(" ", command) + " failed: " + r.output.strip());
    }
    return r.output;
  }

  private static Result finish(ProcessBuilder b) throws IOException, InterruptedException {
    Process p = b.start();
    p.getOutputStream().close();
    String output = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!p.waitFor(5, TimeUnit.MINUTES)) {
      p.destroyForcibly();
      throw new IllegalStateException(String.join(" ", b.command()) + " does not end");
    }
    return new Result(p.exitValue(), output);
  }
}
