package org.redoubt.memory.internal;

import org.jspecify.annotations.Nullable;
import org.redoubt.memory.internal.TagState.Keys;

/** Told when an engine failed. */
interface Faults {
  /**
   * An engine threw or was caught lying. On return the slot's tag is suspended, or has other keys.
   *
   * @param slot whose engine failed
   * @param failure what it did, the rest of a sentence
   * @param used the tag's keys when the call began
   */
  void failed(KeySlot slot, String failure, @Nullable Keys used);
}
