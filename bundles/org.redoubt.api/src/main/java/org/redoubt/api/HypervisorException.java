package org.redoubt.api;

/**
 * The operator erred: a bad setting, a missing plug-in, a file that cannot be used. The message is
 * one sentence that begins with a capital, includes the offending value, and says what would be
 * right. Shells print it as it is; it carries no stack that a user needs. What a guest does and
 * what a firmware caller gets wrong are never reported with this type.
 */
public class HypervisorException extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param message one sentence: what is wrong, where, and what would be right
   */
  public HypervisorException(String message) {
    super(message);
  }

  /**
   * @param message one sentence: what is wrong, where, and what would be right
   * @param cause what the platform said
   */
  public HypervisorException(String message, Throwable cause) {
    super(message, cause);
  }
}
