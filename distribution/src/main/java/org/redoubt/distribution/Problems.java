package org.redoubt.distribution;

import java.util.function.Consumer;

/** Tells the operator of problems at the start, one line each, and counts them. */
final class Problems implements Consumer<String> {
  private int count;

  @Override
  public void accept(String line) {
    count++;
    System.err.println("redoubt: " + line);
  }

  /** How many there were. */
  int count() {
    return count;
  }

  /** What went wrong, in one line: the innermost message that says something. */
  static String oneLine(Throwable failure) {
    String text = failure.getClass().getSimpleName();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      String message = cause.getMessage();
      if (message != null && !message.isBlank()) {
        text = message;
      }
    }
    return text.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
