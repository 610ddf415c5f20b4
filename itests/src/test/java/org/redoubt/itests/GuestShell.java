package org.redoubt.itests;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.redoubt.api.vm.Vm;

/** Types into the shell of a guest that runs inside the container. */
final class GuestShell implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(15);

  private final Vm vm;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final AutoCloseable attached;
  private int questions;

  GuestShell(Vm vm) {
    this.vm = vm;
    attached = vm.console().attach(out);
  }

  String text() {
    return out.toString(StandardCharsets.ISO_8859_1);
  }

  /** Waits until the console has shown a text. */
  void expect(String words) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!text().contains(words)) {
      if (System.nanoTime() - end > 0 || vm.end().isPresent()) {
        throw new AssertionError(
            "No '%s' from %s (%s): %s"
                .formatted(words, vm.config().name(), vm.end().orElse(null), text()));
      }
      LockSupport.parkNanos(10_000_000);
    }
  }

  /** Types a line. */
  void type(String line) throws InterruptedException {
    vm.console().type((line + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  /** Runs a command and returns what it printed. */
  String ask(String command) throws InterruptedException {
    String mark = "mark" + ++questions;
    // The sums are the guest's: what is typed, and echoed, is no answer.
    type("echo %s-b$((6*7)); %s; echo; echo %s-e$((6*7))".formatted(mark, command, mark));
    expect("\n" + mark + "-e42");
    String all = text();
    String begin = mark + "-b42";
    int from = all.indexOf(begin) + begin.length();
    return all.substring(from, all.indexOf("\n" + mark + "-e42", from)).strip();
  }

  @Override
  public void close() throws Exception {
    attached.close();
  }
}
