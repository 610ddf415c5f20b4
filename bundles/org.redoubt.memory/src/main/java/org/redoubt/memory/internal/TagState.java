package org.redoubt.memory.internal;

import org.jspecify.annotations.Nullable;

/** A tag's standing: whether its pages can be reached, and by which keys. */
final class TagState {
  /** The tag's pages can be touched. */
  static final int READY = 1;

  /** Its ASID has no key slot; {@link org.redoubt.api.memory.MemoryPort#NO_KEY}. */
  static final int NO_KEY = -3;

  /** Its engine is missing or failed; {@link org.redoubt.api.memory.MemoryPort#SUSPENDED}. */
  static final int SUSPENDED = -2;

  /** The memory system is closed. */
  static final int CLOSED = -4;

  /** Where an ASID's slot is between two guests. */
  enum Stage {
    FREE,
    LIVE,
    NEEDS_WBINVD,
    NEEDS_DFFLUSH
  }

  /**
   * The slot that writes, and during a change of engine the one that wrote before.
   *
   * @param current encrypts whatever is written back
   * @param old decrypts pages that it wrote
   */
  record Keys(KeySlot current, @Nullable KeySlot old) {
    /** The slot that reads a page which {@code writer} wrote. */
    KeySlot reader(int writer) {
      return old != null && old.id() == writer ? old : current;
    }

    boolean holds(int slot) {
      return current.id() == slot || (old != null && old.id() == slot);
    }
  }

  private final int tag;
  private volatile int status = NO_KEY;
  private volatile @Nullable Keys keys;
  private volatile @Nullable String reason;
  private volatile @Nullable String refusal;
  private Stage stage = Stage.FREE;

  TagState(int tag) {
    this.tag = tag;
  }

  int tag() {
    return tag;
  }

  /** {@link #READY} or why not. */
  int status() {
    return status;
  }

  void setStatus(int value) {
    status = value;
  }

  @Nullable Keys keys() {
    return keys;
  }

  void setKeys(@Nullable Keys value) {
    keys = value;
  }

  /** Why it is suspended. */
  @Nullable String reason() {
    return reason;
  }

  void setReason(@Nullable String value) {
    reason = value;
  }

  /** Why its last activation found no key. */
  @Nullable String refusal() {
    return refusal;
  }

  void setRefusal(@Nullable String value) {
    refusal = value;
  }

  /** Guarded by the lock of {@link KeySlots}. */
  Stage stage() {
    return stage;
  }

  void setStage(Stage value) {
    stage = value;
  }
}
