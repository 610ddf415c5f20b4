package org.redoubt.itests;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Other processes, as a user starts them. */
final class Processes {
  static final Path ROOT = Path.of(System.getProperty("redoubt.root"));
  static final String JAVA = Path.of(System.getProperty("java.home"), "bin", "java").toString();

  /** Names the folder below which the secure processor keeps its state. */
  static final String DATA_VARIABLE = "XDG_DATA_HOME";

  private static final Duration LIMIT = Duration.ofMinutes(10);

  private Processes() {}

  /** The tests' own data folder, kept over runs: to make a chip takes seconds. */
  static Path data() {
    return ROOT.resolve("itests/target/data");
  }

  /**
   * What a process left behind.
   *
   * @param status its exit status
   * @param out what it printed
   * @param err what it complained of
   * @param took how long it ran
   */
  record Outcome(int status, String out, String err, Duration took) {
    @Override
    public String toString() {
      return "exit status " + status + "\n" + out + err;
    }
  }

  static Outcome run(Path folder, Map<String, String> environment, String input, String... command)
      throws IOException, InterruptedException {
    File out = Files.createTempFile("out", ".txt").toFile();
    File err = Files.createTempFile("err", ".txt").toFile();
    long start = System.nanoTime();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out)
            .redirectError(err);
    builder.environment().put(DATA_VARIABLE, data().toString());
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      try (var stdin = process.getOutputStream()) {
        stdin.write(input.getBytes(StandardCharsets.UTF_8));
      }
      if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError(
            String.join(" ", command)
                + " still runs after "
                + LIMIT
                + "\n"
                + Files.readString(out.toPath()));
      }
      return new Outcome(
          process.exitValue(),
          Files.readString(out.toPath()),
          Files.readString(err.toPath()),
          Duration.ofNanos(System.nanoTime() - start));
    } finally {
      process.destroyForcibly();
      Files.delete(out.toPath());
      Files.delete(err.toPath());
    }
  }
}
