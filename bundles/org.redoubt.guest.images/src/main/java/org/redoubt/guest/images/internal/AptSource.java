package org.redoubt.guest.images.internal;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.redoubt.guest.images.ImageException;
import org.redoubt.guest.images.Progress;

/**
 * The machine's own apt, with its repositories, keys and proxies, used without root. Package lists
 * are the machine's; where those lack the package, lists of our own are fetched into the cache
 * folder.
 */
public final class AptSource implements PackageSource {
  private static final long LIMIT_MINUTES = 20;
  private static final long POLL_MS = 100;

  private static final Path DEBIAN_KEYS = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");

  private final Path state;
  private final Optional<String> suite;
  private final List<String> options = new ArrayList<>();
  private boolean ownLists;

  /**
   * Makes a source.
   *
   * @param state folder for lists of our own, made when needed
   */
  public AptSource(Path state) {
    this(state, Optional.empty());
  }

  private AptSource(Path state, Optional<String> suite) {
    this.state = state;
    this.suite = suite;
    options.addAll(List.of("-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64"));
    // As root, apt would drop to a user that cannot write here.
    options.addAll(List.of("-o", "APT::Sandbox::User=" + System.getProperty("user.name")));
  }

  /** Whether this machine has apt. */
  public static boolean available() {
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
        .map(folder -> Path.of(folder, "apt-get"))
        .anyMatch(Files::isExecutable);
  }

  @Override
  public PackageSource suite(String name) {
    return new AptSource(state.resolve(name), Optional.of(name));
  }

  @Override
  public Optional<DebPackage> find(String name)
      throws IOException, InterruptedException, ImageException {
    Optional<DebPackage> found = suite.isPresent() && !ownLists ? Optional.empty() : show(name);
    if (found.isEmpty() && !ownLists) {
      useOwnLists();
      found = show(name);
    }
    return found;
  }

  private Optional<DebPackage> show(String name)
      throws IOException, InterruptedException, ImageException {
    Result result =
        run(state.toAbsolutePath().getRoot(), "apt-cache", "show", "--no-all-versions", name);
    return result.status != 0
        ? Optional.empty()
        : DebPackage.parse(result.output.split("\n\n", 2)[0]);
  }

  private void useOwnLists() throws IOException, InterruptedException, ImageException {
    Files.createDirectories(state.resolve("lists/partial"));
    Files.createDirectories(state.resolve("cache/archives/partial"));
    options.addAll(List.of("-o", "Dir::State=" + state.toAbsolutePath()));
    options.addAll(List.of("-o", "Dir::Cache=" + state.resolve("cache").toAbsolutePath()));
    if (suite.isPresent()) {
      Path list = state.resolve("debian.sources");
      Files.writeString(list, sources(suite.get()));
      options.addAll(List.of("-o", "Dir::Etc::sourcelist=" + list.toAbsolutePath()));
      options.addAll(List.of("-o", "Dir::Etc::sourceparts=/dev/null"));
    }
    ownLists = true;
    Result result = run(state, "apt-get", "--quiet", "update");
    if (result.status != 0) {
      throw new ImageException("apt-get update failed: %s".formatted(result.lastLine()));
    }
  }

  /** One suite of the Debian repository that the machine uses already: sources.list(5). */
  private String sources(String name) throws IOException, InterruptedException, ImageException {
    // What it would fetch lists in: 'URI' FILE SIZE HASH
    String repository =
        run(state, "apt-get", "--quiet", "--print-uris", "update")
            .output
            .lines()
            .filter(line -> line.matches("'\\S+/debian/dists/.*"))
            .map(line -> line.substring(1, line.indexOf("dists/")))
            .findFirst()
            .orElseThrow(() ->
                new ImageException(
                    "This machine's apt uses no Debian repository to have %s from; give --kernel and --initrd."
                        .formatted(name)));
    String keys = Files.exists(DEBIAN_KEYS) ? "Signed-By: " + DEBIAN_KEYS + "\n" : "";
    return "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n%s"
        .formatted(repository, name, keys);
  }

  @Override
  public Path fetch(DebPackage wanted, Path folder, Progress progress)
      throws IOException, InterruptedException, ImageException {
    String what = "Fetching " + wanted.name();
    Thread watcher =
        Thread.ofVirtual()
            .start(() -> {
              try {
                while (true) {
                  progress.at(what, Math.min(bytesIn(folder), wanted.size()), wanted.size());
                  Thread.sleep(POLL_MS);
                }
              } catch (InterruptedException e) {
                // the download has ended
              }
            });
    try {
      Result result =
          run(folder, "apt-get", "--quiet", "download", wanted.name() + "=" + wanted.version());
      if (result.status != 0) {
        throw new ImageException(
            "apt-get could not download %s %s: %s"
                .formatted(wanted.name(), wanted.version(), result.lastLine()));
      }
    } finally {
      watcher.interrupt();
      watcher.join();
    }
    progress.at(what, wanted.size(), wanted.size());
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.toString().endsWith(".deb"))
          .findFirst()
          .orElseThrow(() ->
              new ImageException("apt-get downloaded no file for %s.".formatted(wanted.name())));
    }
  }

  private static long bytesIn(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files.mapToLong(file -> file.toFile().length()).sum();
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  /** What a command said and how it ended; error output comes after the rest. */
  private record Result(int status, String output) {
    String lastLine() {
      return output.lines().filter(line -> !line.isBlank()).reduce("", (a, b) -> b);
    }
  }

  private Result run(Path folder, String program, String... arguments)
      throws IOException, InterruptedException, ImageException {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(options);
    command.addAll(List.of(arguments));
    Path output = Files.createTempFile("redoubt-apt", ".txt");
    try {
      ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
      builder.environment().put("LC_ALL", "C");
      builder.redirectErrorStream(true).redirectOutput(output.toFile());
      Process process = builder.start();
      process.getOutputStream().close();
      try {
        if (!process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES)) {
          throw new ImageException(
              "%s took more than %d minutes.".formatted(program, LIMIT_MINUTES));
        }
      } finally {
        process.destroyForcibly();
      }
      return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    } finally {
      Files.delete(output);
    }
  }
}
