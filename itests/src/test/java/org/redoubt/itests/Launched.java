package org.redoubt.itests;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** {@code redoubt} as a process of its own, as a user starts it. */
final class Launched implements AutoCloseable {
  private final Process process;
  private final StringBuffer out = new StringBuffer();
  private final StringBuffer err = new StringBuffer();
  private final List<Thread> readers = new ArrayList<>();

  private Launched(Process process) {
    this.process = process;
    readers.add(follow(process.getInputStream(), out));
    readers.add(follow(process.getErrorStream(), err));
  }

  /** Starts it with these arguments, on the tests' own chip. */
  static Launched of(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("redoubt.home")).resolve("bin/redoubt").toString());
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put(Processes.DATA_VARIABLE, Processes.data().toString());
    return new Launched(builder.start());
  }

  private static Thread follow(InputStream in, StringBuffer text) {
    return Thread.ofVirtual()
        .start(() -> {
          byte[] some = new byte[4096];
          try {
            int count = in.read(some);
            while (count > 0) {
              text.append(new String(some, 0, count, StandardCharsets.ISO_8859_1));
              count = in.read(some);
            }
          } catch (IOException e) {
            text.append(e);
          }
        });
  }

  /** Types a line. */
  void type(String line) throws IOException {
    OutputStream in = process.getOutputStream();
    in.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
    in.flush();
  }

  /** Waits until standard output holds a text. */
  void expect(String text, Duration limit) throws InterruptedException {
    expectTimes(text, 1, limit);
  }

  /** Waits until standard output holds a text so many times. */
  void expectTimes(String text, int times, Duration limit) throws InterruptedException {
    long end = System.nanoTime() + limit.toNanos();
    while (out.toString().split(Pattern.quote(text), -1).length <= times) {
      if (System.nanoTime() > end || !process.isAlive() && !readers.get(0).isAlive()) {
        throw new AssertionError("No '%s' in: %s%n%s".formatted(text, out, err));
      }
      Thread.sleep(20);
    }
  }

  /** Waits for the end and returns the exit code. */
  int exitCode(Duration limit) throws InterruptedException {
    if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new AssertionError("Still running: %s%n%s".formatted(out, err));
    }
    for (Thread reader : readers) {
      reader.join();
    }
    return process.exitValue();
  }

  /** The most host memory it has used so far, in bytes: VmHWM, proc(5). */
  long mostMemory() throws IOException {
    // The launcher's shell replaces itself by the JVM: the process is the one that was started.
    for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
      if (line.startsWith("VmHWM:")) {
        return Long.parseLong(line.replaceAll("\\D", "")) << 10;
      }
    }
    throw new IOException("no VmHWM of " + process.pid());
  }

  /** Ends it by SIGTERM. */
  void terminate() {
    process.destroy();
  }

  String out() {
    return out.toString();
  }

  String err() {
    return err.toString();
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
