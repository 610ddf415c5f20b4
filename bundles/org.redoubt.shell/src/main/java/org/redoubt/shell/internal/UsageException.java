package org.redoubt.shell.internal;

/** A command was not given what it takes. The message is one line that says what would be right. */
public final class UsageException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong, and what would be right
   */
  public UsageException(String message) {
    super(message);
  }
}
