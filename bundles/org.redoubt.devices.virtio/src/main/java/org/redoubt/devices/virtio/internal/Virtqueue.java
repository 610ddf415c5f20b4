package org.redoubt.devices.virtio.internal;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;
import org.redoubt.api.device.Dma;
import org.redoubt.struct.Layouts;

/**
 * A split virtqueue. Virtio 1.2, section 2.7.
 *
 * <pre>
 *   descriptors  16 bytes each: +0 address, +8 length, +Ch flags (0 next, 1 device writes, 2 indirect), +Eh next
 *   available    +0 flags (0 no interrupt), +2 index, +4 heads of chains
 *   used         +0 flags, +2 index, +4 8 bytes each: head, bytes written
 * </pre>
 *
 * The guest is hostile and may change all of it at any time. So everything is read once, into this
 * object or a {@link Chain}; a chain has no more descriptors than the queue; and what breaks the
 * rules ends the queue's work with a reason. A device takes the chain in front, works, and finishes
 * it before it takes the next; until then, saving the queue saves it with that chain still to come.
 */
final class Virtqueue {
  /** Number of values that {@link #save} yields. */
  static final int VALUES = 8;

  static final int NO_VECTOR = 0xFFFF;
  private static final int DESCRIPTOR_BYTES = 16;
  private static final int NEXT = 1;
  private static final int WRITE = 2;
  private static final int INDIRECT = 4;
  private static final int NO_INTERRUPT = 1;

  private final Dma dma;
  private final int index;
  private final int most;
  private final MemorySegment scratch = MemorySegment.ofArray(new byte[DESCRIPTOR_BYTES]);

  int size;
  boolean enabled;
  int vector = NO_VECTOR;
  long descriptors;
  long available;
  long used;

  /** Chains taken and finished, modulo 2^16. */
  private int position;

  private int usedIndex;
  private @Nullable String violation;

  /** How many chains it may still yield before others have their turn. */
  private int budget;

  /**
   * @param index its number in its device
   * @param most largest size, a power of two
   */
  Virtqueue(Dma dma, int index, int most) {
    this.dma = dma;
    this.index = index;
    this.most = most;
    reset();
  }

  void reset() {
    size = most;
    enabled = false;
    vector = NO_VECTOR;
    descriptors = 0;
    available = 0;
    used = 0;
    position = 0;
    usedIndex = 0;
    violation = null;
  }

  int index() {
    return index;
  }

  /** What the guest did against the rules; the queue yields nothing any more. */
  @Nullable String violation() {
    return violation;
  }

  /** Sets the size as the guest asks: a power of two up to the largest. */
  void resize(int wanted) {
    if (wanted > 0 && wanted <= most && Integer.bitCount(wanted) == 1) {
      size = wanted;
    }
  }

  // Chains

  /** Allows a number of chains, so that a guest that adds as fast as we serve holds nobody up. */
  void allow(int chains) {
    budget = chains;
  }

  /** Whether the allowance is used up, and there may be more chains. */
  boolean exhausted() {
    return budget <= 0;
  }

  /** The chain in front, or nothing. It stays in front until it is finished. */
  @Nullable Chain take() {
    if (!enabled || violation != null || budget <= 0) {
      return null;
    }
    int head = nextHead();
    if (head < 0) {
      return null;
    }
    budget--;
    Chain chain = new Chain(dma, head);
    return walk(chain) ? chain : null;
  }

  /** Index of the first descriptor of the chain in front; -1 if there is none. */
  private int nextHead() {
    if (!read(available, 4)) {
      violate("the available ring is not RAM");
      return -1;
    }
    int waiting = Short.toUnsignedInt(scratch.get(Layouts.LE16, 2)) - position & 0xFFFF;
    if (waiting == 0) {
      return -1;
    }
    if (waiting > size) {
      violate("%d chains wait in a ring of %d".formatted(waiting, size));
      return -1;
    }
    VarHandle.acquireFence(); // the index first, then what it covers
    if (!read(available + 4 + 2L * (position & size - 1), 2)) {
      violate("the available ring is not RAM");
      return -1;
    }
    return Short.toUnsignedInt(scratch.get(Layouts.LE16, 0));
  }

  private boolean walk(Chain chain) {
    long table = descriptors;
    int length = size;
    int next = chain.head();
    boolean indirect = false;
    for (int count = 0; count < size; count++) {
      if (next >= length) {
        return violate("descriptor %d of %d".formatted(next, length));
      }
      if (!read(table + (long) next * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES)) {
        return violate("a descriptor is not in RAM");
      }
      long gpa = scratch.get(Layouts.LE64, 0);
      long bytes = Integer.toUnsignedLong(scratch.get(Layouts.LE32, 8));
      int flags = scratch.get(Layouts.LE16, 12);
      int following = Short.toUnsignedInt(scratch.get(Layouts.LE16, 14));
      if ((flags & INDIRECT) != 0) {
        if (indirect || (flags & NEXT) != 0) {
          return violate("an indirect descriptor inside a table or with a successor");
        }
        if (bytes == 0 || bytes % DESCRIPTOR_BYTES != 0 || bytes > (long) size * DESCRIPTOR_BYTES) {
          return violate("an indirect table of %d bytes".formatted(bytes));
        }
        indirect = true;
        table = gpa;
        length = (int) (bytes / DESCRIPTOR_BYTES);
        next = 0;
        continue;
      }
      if (!chain.add(gpa, bytes, (flags & WRITE) != 0)) {
        return violate("a descriptor to read follows one to write");
      }
      if ((flags & NEXT) == 0) {
        return true;
      }
      next = following;
    }
    return violate("a chain of more than %d descriptors".formatted(size));
  }

  /**
   * Gives the chain in front back to the guest.
   *
   * @param written bytes written to it
   * @return whether the guest wants an interrupt for it
   */
  boolean finish(Chain chain, long written) {
    scratch.set(Layouts.LE32, 0, chain.head());
    scratch.set(Layouts.LE32, 4, (int) written);
    if (!dma.write(used + 4 + 8L * (usedIndex & size - 1), scratch.asSlice(0, 8))) {
      violate("the used ring is not RAM");
      return false;
    }
    VarHandle.releaseFence(); // the element first, then the index that covers it
    scratch.set(Layouts.LE16, 0, (short) (usedIndex + 1));
    if (!dma.write(used + 2, scratch.asSlice(0, 2))) {
      violate("the used ring is not RAM");
      return false;
    }
    usedIndex = usedIndex + 1 & 0xFFFF;
    position = position + 1 & 0xFFFF;
    VarHandle.fullFence(); // the index out before the guest's wish is read
    return read(available, 2) && (scratch.get(Layouts.LE16, 0) & NO_INTERRUPT) == 0;
  }

  private boolean read(long gpa, int bytes) {
    return dma.read(gpa, scratch.asSlice(0, bytes));
  }

  private boolean violate(String what) {
    violation = "queue %d: %s".formatted(index, what);
    return false;
  }

  // State

  void save(long[] into, int at) {
    long[] values = {
      size, enabled ? 1 : 0, vector, descriptors, available, used, position, usedIndex
    };
    System.arraycopy(values, 0, into, at, VALUES);
  }

  void restore(long[] from, int at) {
    reset();
    resize((int) from[at]);
    enabled = from[at + 1] != 0;
    vector = (int) from[at + 2] & 0xFFFF;
    descriptors = from[at + 3];
    available = from[at + 4];
    used = from[at + 5];
    position = (int) from[at + 6] & 0xFFFF;
    usedIndex = (int) from[at + 7] & 0xFFFF;
  }
}
