package org.redoubt.shell.internal;

import java.io.PrintStream;

/**
 * How far something is: a bar that redraws itself on a terminal, else a line at each tenth. Close
 * it when done.
 */
public final class Progress implements AutoCloseable {
  private static final int CELLS = 30;
  private static final int STEPS = 10;

  private final PrintStream out;
  private final String label;
  private final boolean terminal;
  private int shown = -1;

  Progress(PrintStream out, String label, boolean terminal) {
    this.out = out;
    this.label = label;
    this.terminal = terminal;
  }

  /** Shows that {@code done} of {@code total} are done. */
  public void show(long done, long total) {
    int resolution = terminal ? 100 : STEPS;
    int now = total == 0 ? resolution : (int) (done * resolution / total);
    if (now == shown) {
      return;
    }
    shown = now;
    int percent = now * 100 / resolution;
    if (terminal) {
      int full = percent * CELLS / 100;
      out.print(
          "\r%s [%s%s] %3d %%"
              .formatted(label, "#".repeat(full), ".".repeat(CELLS - full), percent));
      out.flush();
    } else {
      out.println("%s %3d %%".formatted(label, percent));
    }
  }

  @Override
  public void close() {
    if (terminal && shown >= 0) {
      out.println();
    }
  }
}
