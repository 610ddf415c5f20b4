package org.redoubt.api.memory;

import java.time.Duration;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A change of engine under way. Pages move in the background; each is decrypted by the new engine
 * and compared before its old ciphertext is replaced, and what was replaced is kept until the
 * change has ended. A change that fails is rolled back: every page ends under the old engine again.
 */
@ProviderType
public interface EngineChange {
  /** Where a change stands. */
  enum State {
    /** Pages are moving. */
    RUNNING,
    /** Pages are moving back after a failure or {@link EngineChange#cancel()}. */
    ROLLING_BACK,
    /** Every page is under the new engine; the old one is closed. */
    DONE,
    /** Every page is under the old engine as before; {@link EngineChange#failure()} says why. */
    ROLLED_BACK,
    /**
     * Neither engine works for some pages: their guests are suspended with ciphertext and keys
     * kept.
     */
    SUSPENDED
  }

  /** Name of the engine in use before. */
  String from();

  /** Name of the engine to come. */
  String to();

  State state();

  /** Pages moved so far. */
  long pagesDone();

  /** Pages to move in all. */
  long pagesTotal();

  /** Why it did not become {@link State#DONE}, one sentence that names the engine. */
  Optional<String> failure();

  /** Asks for a roll-back. No effect once all pages have moved. */
  void cancel();

  /**
   * Waits for the end.
   *
   * @param limit how long at most
   * @return whether it has ended
   * @throws InterruptedException if the waiting thread was interrupted; the change goes on
   */
  boolean await(Duration limit) throws InterruptedException;
}
