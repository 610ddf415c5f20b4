package org.redoubt.shell.internal;

import org.jspecify.annotations.Nullable;

/** Shows the steps of a job one after the other, each as a {@link Progress} of its own. */
final class Bars implements org.redoubt.guest.images.Progress {
  private final ShellCommand.Io io;
  private String step = "";
  private @Nullable Progress bar;

  Bars(ShellCommand.Io io) {
    this.io = io;
  }

  @Override
  public synchronized void at(String what, long done, long total) {
    Progress current = bar;
    if (current == null || !what.equals(step)) {
      if (current != null) {
        current.close();
      }
      step = what;
      current = io.progress(what);
      bar = current;
    }
    if (total > 0) {
      current.show(Math.min(done, total), total);
      if (done >= total) {
        current.close();
        bar = null;
      }
    }
  }
}
