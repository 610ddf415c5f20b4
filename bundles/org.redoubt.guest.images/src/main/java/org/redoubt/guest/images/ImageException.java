package org.redoubt.guest.images;

/** An image cannot be had or used. The message is one sentence that says what to do. */
public final class ImageException extends Exception {
  private static final long serialVersionUID = 1L;

  /** Makes one from its sentence. */
  public ImageException(String message) {
    super(message);
  }

  /** Makes one from its sentence and what the platform said. */
  public ImageException(String message, Throwable cause) {
    super(message, cause);
  }
}
