package org.redoubt.api.memory;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Hears what happens to a memory system. Called from any thread, in order; must return soon and may
 * call the system.
 */
@ConsumerType
public interface MemoryListener {
  /** A change of engine began. */
  default void changeStarted(EngineChange change) {}

  /** A change of engine ended, one way or the other. */
  default void changeEnded(EngineChange change) {}

  /**
   * The pages of a tag cannot be reached for now.
   *
   * @param tag the {@link PageTag}
   * @param reason one sentence that names the engine and says what would help
   */
  default void suspended(int tag, String reason) {}

  /**
   * The pages of a tag can be reached again.
   *
   * @param tag the {@link PageTag}
   */
  default void resumed(int tag) {}
}
