package org.redoubt.memory.internal;

import java.util.List;
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
   * The slot that encrypts whatever is written back and, while a change of engine is under way, the
   * ones that wrote pages before. Never changed, only replaced: the same object means the same
   * keys.
   */
  static final class Keys {
    private final KeySlot current;
    private final KeySlot[] olds;
    private final @Nullable Undo undo;
    private final @Nullable KeySlot fallback;

    /** Keys of a tag that no change of engine concerns. */
    Keys(KeySlot current, List<KeySlot> olds) {
      this(current, olds, null, null);
    }

    /**
     * @param undo keeps the ciphertext that moved pages had before, if there is room
     * @param fallback the slot to turn back to, whose ciphertext is kept; null when turning back
     */
    Keys(KeySlot current, List<KeySlot> olds, @Nullable Undo undo, @Nullable KeySlot fallback) {
      this.current = current;
      this.olds = olds.toArray(KeySlot[]::new);
      this.undo = undo;
      this.fallback = fallback;
    }

    @Nullable Undo undo() {
      return undo;
    }

    @Nullable KeySlot fallback() {
      return fallback;
    }

    KeySlot current() {
      return current;
    }

    /**
     * Whether a slot is of the engine that a change under way goes to, or is turning back from:
     * what it decrypts is not believed unseen, because a roll-back may have to rely on it.
     */
    boolean onTrial(KeySlot slot) {
      return undo != null && (fallback == null ? slot != current : slot == current);
    }

    List<KeySlot> olds() {
      return List.of(olds);
    }

    /** The slot that reads a page which a slot wrote: that one if it is among these. */
    KeySlot reader(int writer) {
      KeySlot old = old(writer);
      return old == null ? current : old;
    }

    /** The old slot of that id, or null. */
    @Nullable KeySlot old(int writer) {
      for (KeySlot old : olds) {
        if (old.id() == writer) {
          return old;
        }
      }
      return null;
    }

    /** Pages not yet moved to the current slot. */
    long pagesToMove() {
      long pages = 0;
      for (KeySlot old : olds) {
        pages += old.pages();
      }
      return pages;
    }

    /** Why pages cannot be reached by these keys, or null if they can. */
    @Nullable String fault() {
      for (KeySlot old : olds) {
        if (old.fault() != null && old.pages() > 0) {
          return old.fault();
        }
      }
      return current.fault();
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
