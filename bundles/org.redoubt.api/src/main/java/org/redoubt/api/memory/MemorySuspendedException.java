package org.redoubt.api.memory;

/**
 * The pages of this tag cannot be reached for now: no engine fits, or the engine failed. Nothing
 * was changed; ciphertext and keys are kept, and the same access works after the system has
 * resumed. The message names the engine and the reason.
 */
public final class MemorySuspendedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * @param message one sentence: what failed, and what would bring the pages back
   */
  public MemorySuspendedException(String message) {
    super(message);
  }
}
