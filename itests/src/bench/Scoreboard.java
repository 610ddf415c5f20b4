import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.redoubt.guest.images.GuestImage;
import org.redoubt.guest.images.GuestImages;
import org.redoubt.guest.images.Initramfs;
import org.redoubt.guest.images.Progress;

/**
 * The scoreboard: the same kernel, initial RAM disk and programs under QEMU's TCG and under
 * Redoubt, one after the other, in CPU seconds of the host.
 *
 * <pre>{@code
 * itests/src/bench/scoreboard [--rounds N] [--only boot,intmix,...] [--qemu-cpu max] [-- OPTIONS OF redoubt run]
 * itests/src/bench/scoreboard --sev [--rounds N] [--only boot,intmix,...] [-- OPTIONS OF redoubt run]
 * }</pre>
 *
 * <p>With {@code --sev} it compares Redoubt with itself: guests without protection and SEV guests.
 *
 * <p>Each program prints START and RESULT lines; CPU time of the emulator's processes is read when
 * they arrive. {@code boot} is a whole run, process start to exit, with a guest that powers off at
 * once. Of several rounds the least counts: other work on the machine only ever adds.
 */
public final class Scoreboard {
  private static final int TICKS_PER_SECOND = 100;
  private static final long LIMIT_SECONDS = 900;
  private static final List<String> PROGRAMS = List.of("intmix", "sieve", "chase", "sys");

  /** CPU seconds by item, and what the guest computed. */
  private record Score(double cpuSeconds, String checksum) {}

  private final Path work = Files.createTempDirectory("scoreboard");
  private final Path project;
  private final GuestImage image;
  private String qemuCpu = "max";
  private int rounds = 1;
  private boolean sev;
  private List<String> only = List.of();
  private List<String> ours = List.of();

  private Scoreboard(Path project) throws Exception {
    this.project = project;
    this.image = new GuestImages(GuestImages.defaultCache(), Progress.NONE).debian();
  }

  /** Runs it; the first argument is the project's folder. */
  public static void main(String[] arguments) throws Exception {
    Scoreboard board = new Scoreboard(Path.of(arguments[0]));
    board.read(List.of(arguments).subList(1, arguments.length));
    board.run();
  }

  private void read(List<String> arguments) {
    for (int i = 0; i < arguments.size(); i++) {
      switch (arguments.get(i)) {
        case "--rounds" -> rounds = Integer.parseInt(arguments.get(++i));
        case "--only" -> only = List.of(arguments.get(++i).split(","));
        case "--sev" -> sev = true;
        case "--qemu-cpu" -> qemuCpu = arguments.get(++i);
        case "--" -> {
          ours = arguments.subList(i + 1, arguments.size());
          i = arguments.size();
        }
        default -> throw new IllegalArgumentException("Unknown option " + arguments.get(i));
      }
    }
  }

  private void run() throws Exception {
    Path initrd = initrd();
    Map<String, Score> left = new LinkedHashMap<>();
    Map<String, Score> right = new LinkedHashMap<>();
    for (int round = 0; round < rounds; round++) {
      for (String what : Stream.concat(Stream.of("boot"), PROGRAMS.stream()).toList()) {
        if (!only.isEmpty() && !only.contains(what)) {
          continue;
        }
        String command = what.equals("boot") ? "true" : "/bench/" + what;
        String append = "console=ttyS0 quiet redoubt.run=\"%s\"".formatted(command);
        System.err.printf("round %d: %s%n", round + 1, what);
        if (sev) {
          merge(left, measure(what, redoubt(initrd, append, "none")));
          merge(right, measure(what, redoubt(initrd, append, "sev")));
        } else {
          merge(left, measure(what, qemu(initrd, append)));
          merge(right, measure(what, redoubt(initrd, append, "none"))); // as QEMU's guests are
        }
      }
    }
    print(left, right);
  }

  private static void merge(Map<String, Score> best, Map<String, Score> now) {
    now.forEach((item, score) ->
        best.merge(item, score, (a, b) -> a.cpuSeconds() <= b.cpuSeconds() ? a : b));
  }

  private Path initrd() throws Exception {
    Initramfs initramfs = Initramfs.of(image);
    for (String program : PROGRAMS) {
      Path source = project.resolve("itests/src/bench/guest").resolve(program + ".c");
      Path binary = work.resolve(program);
      Process gcc =
          new ProcessBuilder("gcc", "-O2", "-static", "-o", binary.toString(), source.toString())
              .inheritIO()
              .start();
      if (gcc.waitFor() != 0) {
        throw new IOException("gcc does not compile " + source);
      }
      initramfs.executable("bench/" + program, Files.readAllBytes(binary));
    }
    return Files.write(work.resolve("initrd"), initramfs.build());
  }

  private List<String> qemu(Path initrd, String append) {
    return List.of(
        "qemu-system-x86_64",
        "-accel",
        "tcg",
        "-cpu",
        qemuCpu,
        "-m",
        "512",
        "-smp",
        "1",
        "-nodefaults",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-no-reboot",
        "-kernel",
        image.kernel().toString(),
        "-initrd",
        initrd.toString(),
        "-append",
        append);
  }

  private List<String> redoubt(Path initrd, String append, String protection) {
    List<String> command = new ArrayList<>();
    command.add(project.resolve("redoubt").toString());
    command.addAll(List.of("run", "--memory", "512M"));
    command.addAll(List.of("--kernel", image.kernel().toString()));
    command.addAll(List.of("--initrd", initrd.toString(), "--append", append));
    if (!ours.contains("--protection")) {
      command.addAll(List.of("--protection", protection));
    }
    command.addAll(ours);
    return command;
  }

  /** Runs one emulator, and reads the CPU time of its processes at each START and RESULT. */
  private Map<String, Score> measure(String what, List<String> command) throws Exception {
    Map<String, Score> scores = new LinkedHashMap<>();
    double waitedBefore = waitedChildren();
    Process process =
        new ProcessBuilder(command)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .redirectError(work.resolve("errors").toFile())
            .start();
    double start = 0;
    boolean finished = false;
    StringBuilder seen = new StringBuilder();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.ISO_8859_1))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        seen.append(line).append('\n');
        if (line.startsWith("START")) {
          start = living(process);
        } else if (line.startsWith("RESULT")) {
          String[] words = line.split("\\s+");
          scores.put(words[1], new Score(living(process) - start, words[words.length - 1]));
        } else if (line.contains("redoubt: exit status 0")) {
          finished = true;
        }
      }
    }
    if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS) || !finished) {
      process.destroyForcibly();
      throw new IOException(
          "%s under %s did not finish:%n%s%s"
              .formatted(what, command.getFirst(), seen, Files.readString(work.resolve("errors"))));
    }
    if (what.equals("boot")) {
      scores.put("boot", new Score(waitedChildren() - waitedBefore, ""));
    }
    return scores;
  }

  /** CPU seconds of a process and its descendants so far. */
  private static double living(Process process) {
    return Stream.concat(Stream.of(process.toHandle()), process.descendants())
        .mapToDouble(one -> ticks("/proc/%d/stat".formatted(one.pid()), 14))
        .sum();
  }

  /** CPU seconds of all children that have ended. */
  private static double waitedChildren() {
    return ticks("/proc/self/stat", 16);
  }

  /** A field of a stat file, numbered as in proc(5), and the next one, in seconds. */
  private static double ticks(String file, int first) {
    try {
      String text = Files.readString(Path.of(file));
      String[] fields = text.substring(text.lastIndexOf(')') + 2).split(" ");
      long sum = Long.parseLong(fields[first - 3]) + Long.parseLong(fields[first - 2]);
      return (double) sum / TICKS_PER_SECOND;
    } catch (IOException e) {
      return 0; // it has ended meanwhile
    }
  }

  private void print(Map<String, Score> left, Map<String, Score> right) {
    System.out.printf(
        "%-16s %10s %10s %8s%n",
        "CPU seconds", sev ? "none" : "TCG", sev ? "sev" : "Redoubt", "ratio");
    double logs = 0;
    int count = 0;
    for (Map.Entry<String, Score> entry : left.entrySet()) {
      Score other = right.get(entry.getKey());
      if (other == null) {
        continue;
      }
      double ratio = other.cpuSeconds() / Math.max(entry.getValue().cpuSeconds(), 0.01);
      if (!sev || !entry.getKey().equals("boot")) {
        logs += Math.log(ratio);
        count++;
      }
      System.out.printf(
          "%-16s %10.2f %10.2f %8.2f  %s%n",
          entry.getKey(),
          entry.getValue().cpuSeconds(),
          other.cpuSeconds(),
          ratio,
          entry.getValue().checksum().equals(other.checksum()) ? "" : "CHECKSUMS DIFFER");
    }
    if (count > 0) {
      System.out.printf(
          "%-16s %10s %10s %8.2f%n",
          sev ? "mean of programs" : "geometric mean", "", "", Math.exp(logs / count));
    }
  }
}
