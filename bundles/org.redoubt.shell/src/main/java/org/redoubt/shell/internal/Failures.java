package org.redoubt.shell.internal;

import java.lang.reflect.InvocationTargetException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.ExecutionException;
import org.apache.felix.service.command.CommandSession;

/** What went wrong, in one line. */
final class Failures {
  private Failures() {}

  /** The message of a failure, without the wrappers that Gogo and executors put around it. */
  static String oneLine(Throwable failure) {
    Throwable cause = failure;
    while ((cause instanceof InvocationTargetException || cause instanceof ExecutionException)
        && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof NoSuchFileException f) {
      return "There is no file or folder " + f.getFile();
    }
    String message = cause.getMessage();
    if (cause.getClass().getSimpleName().equals("CommandNotFoundException")) {
      return message + "; 'help' lists the commands";
    }
    if (message == null || message.isBlank()) {
      return cause.getClass().getSimpleName();
    }
    boolean expected = cause.getClass().getPackageName().startsWith("org.redoubt");
    String text = message.strip().replaceAll("\\s*\\R\\s*", " ");
    return expected || cause instanceof RuntimeException
        ? text
        : cause.getClass().getSimpleName() + ": " + text;
  }

  /** Whether a session's user has left it. */
  static boolean left(CommandSession session) {
    return session.get(Console.LEFT) != null;
  }
}
