package org.redoubt.shell.internal;

/** A command was not given what it takes. The message is one line that says what would be right. */
final class UsageException extends Exception {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
