package org.redoubt.owner;

/**
 * What the owner was given cannot be used: a file of a wrong length, a certificate that does not
 * verify. One sentence.
 */
public final class OwnerException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message what is wrong, where, and what would be right
   */
  public OwnerException(String message) {
    super(message);
  }

  /**
   * @param message what is wrong, where, and what would be right
   * @param cause what a part said
   */
  public OwnerException(String message, Throwable cause) {
    super(message, cause);
  }
}
